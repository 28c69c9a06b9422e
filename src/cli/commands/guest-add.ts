import { TapnetError } from "../../base/errors.js";
import { SOCKET_KINDS, type SocketKind } from "../../control/api.js";
import { type Context, printJson } from "../context.js";
import { describeGuest } from "./guest-show.js";

const MOST_QUEUES = 256;

/** `tapnet guest add NAME`: prints the guest, then the words with which QEMU takes its TAP. */
export async function guestAdd(
  context: Context,
  name: string,
  options: { network?: string; owner?: string; queues?: string; socket?: string | true },
): Promise<undefined> {
  const queues = options.queues === undefined ? undefined : parseQueues(options.queues);
  const { network, owner } = options;
  const socket = options.socket === undefined ? undefined : parseSocket(options.socket);
  const made = await (await context.client()).makeTap({ guest: name, network, owner, queues, socket });
  if (context.json) {
    printJson(context, made);
    return;
  }
  context.terminal.print(describeGuest(context, made.guest));
  context.terminal.print(`\nqemu-system-x86_64 … ${made.qemu.join(" ")}`);
}

/** Datagrams when nothing is said: a guest notices nothing of a daemon that was restarted. */
function parseSocket(text: string | true): SocketKind {
  const kind = text === true ? "dgram" : SOCKET_KINDS.find((known) => known === text);
  if (kind !== undefined) return kind;
  throw new TapnetError("USAGE", `--socket ${String(text)}: write ${SOCKET_KINDS.join(" or ")}`);
}

function parseQueues(text: string): number {
  const queues = Number(text);
  if (Number.isInteger(queues) && queues >= 1 && queues <= MOST_QUEUES) return queues;
  throw new TapnetError("USAGE", `--queues ${text}: write a whole number from 1 to ${MOST_QUEUES}`);
}
