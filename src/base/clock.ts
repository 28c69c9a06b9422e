import { performance } from "node:perf_hooks";

/** A timer that was set; hand it back to `Clock.cancel`. */
export type Timer = unknown;

/** Time, injected everywhere, so that a simulator can own it. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970: what leases are written with. It may jump. */
  nowMs(): number;
  /** Milliseconds that only grow: what delays are measured with. */
  monotonicMs(): number;
  /** Calls `run` once, `delayMs` from now. A pending timer does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer;
  cancel(timer: Timer): void;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    return setTimeout(run, delayMs).unref();
  },
  cancel(timer) {
    clearTimeout(timer as NodeJS.Timeout);
  },
};
