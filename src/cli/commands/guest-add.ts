import { TapnetError } from "../../base/errors.js";
import { type Context, printJson } from "../context.js";
import { describeGuest } from "./guest-show.js";

const MOST_QUEUES = 256;

/** `tapnet guest add NAME`: prints the guest, then the words with which QEMU takes its TAP. */
export async function guestAdd(
  context: Context,
  name: string,
  options: { network?: string; owner?: string; queues?: string },
): Promise<undefined> {
  const queues = options.queues === undefined ? undefined : parseQueues(options.queues);
  const { network, owner } = options;
  const made = await (await context.client()).makeTap({ guest: name, network, owner, queues });
  if (context.json) {
    printJson(context, made);
    return;
  }
  context.terminal.print(describeGuest(context, made.guest));
  context.terminal.print(`\nqemu-system-x86_64 … ${made.qemu.join(" ")}`);
}

function parseQueues(text: string): number {
  const queues = Number(text);
  if (Number.isInteger(queues) && queues >= 1 && queues <= MOST_QUEUES) return queues;
  throw new TapnetError("BAD_REQUEST", `--queues ${text}: write a whole number from 1 to ${MOST_QUEUES}`);
}
