/**
 * When the kernel lets this process run while others want the same cores, as guests that boot do.
 *
 * A daemon that answers needs little time, but at once. With niceness 0 and a slice of 1 to 3 ms, each time that it is woken
 * (a frame, the disk, a hook) it may have to wait for a guest's slice to end. Measured with real guests booting on two cores that
 * two other programs keep busy, four starts each, a guest's first DISCOVER to its ACK, median (least to most): 6.1 ms (3.0 to
 * 8.0); with niceness −10 4.6 (3.4 to 12.0); with a slice of 0.1 ms 5.4 (5.0 to 7.1); with both 3.3 (3.0 to 3.5).
 */
import { getPriority, setPriority } from "node:os";
import { SystemError } from "../base/errors.js";
import { addon } from "./addon.js";

/** What Open vSwitch gives its daemon. */
const DAEMON_NICENESS = -10;
/** The least that the kernel takes. Before Linux 6.12 it takes it and does nothing. */
const SLICE_NS = 100_000;

/**
 * All threads of this process run soon after they are woken: niceness −10 and a slice of 0.1 ms (sched_setattr(2)), also those
 * that they start later. A niceness or a policy that somebody has chosen stays. Returns what could not be had, in a sentence.
 * caps: SYS_NICE for the niceness; without it, the slice only
 */
export function runSoon(): string | undefined {
  const given = getPriority();
  try {
    addon().setScheduling(given === 0 ? DAEMON_NICENESS : given, SLICE_NS);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
  }
  try {
    addon().setScheduling(given, SLICE_NS);
    return `niceness stays ${given}: a lower one needs CAP_SYS_NICE, or Nice=${DAEMON_NICENESS} in the unit`;
  } catch (thrown) {
    if (!(thrown instanceof SystemError)) throw thrown;
    return `niceness and slice stay as they are: ${thrown.message}`;
  }
}

/** The calling thread has the usual niceness again: for what may run for long. */
export function runAsOthers(): void {
  // On Linux a niceness is a thread's, and 0 the calling one.
  if (getPriority() === DAEMON_NICENESS) setPriority(0);
}
