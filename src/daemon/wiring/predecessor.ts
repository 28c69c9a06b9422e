/**
 * Theory of operation
 *
 * Two daemons on one run directory would undo each other's work, so a start looks whether somebody answers there. A daemon
 * that was killed takes the kernel ten milliseconds a port to bury; its sockets accept meanwhile and its locks look held, but
 * it does nothing any more. It is waited for, not refused: whoever kills a daemon starts the next one at once.
 */
import { existsSync } from "node:fs";
import { createConnection } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { TapnetError } from "../../base/errors.js";
import type { Logger } from "../../base/log.js";
import { ControlClient, controlSocket } from "../../control/index.js";
import { isDying, socketPeer } from "../../os/unix-socket.js";

const LOOK_EVERY_MS = 50;
const WAIT_MOST_MS = 60_000;

/** Returns when nobody serves this run directory; TapnetError CONFLICT where somebody does. */
export async function awaitPredecessor(runDirectory: string, log: Logger): Promise<void> {
  const pid = await listenerAt(controlSocket(runDirectory));
  if (pid === undefined) return;
  if (!isDying(pid)) {
    await refuse(runDirectory, pid);
    return;
  }
  log.info({ pid }, "waiting for a daemon that was killed to be gone");
  for (let waitedMs = 0; waitedMs < WAIT_MOST_MS && existsSync(`/proc/${pid}`); waitedMs += LOOK_EVERY_MS)
    await pause(LOOK_EVERY_MS);
}

/** The process behind a socket; undefined where nobody listens. */
function listenerAt(path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    socket.once("error", () => resolve(undefined));
    socket.once("connect", () => {
      resolve(socketPeer(socket).pid);
      socket.destroy();
    });
  });
}

async function refuse(runDirectory: string, pid: number): Promise<void> {
  const { version } = await new ControlClient(runDirectory).version().catch(() => ({ version: "that does not answer" }));
  throw new TapnetError(
    "CONFLICT",
    `tapnetd ${version} is running already (process ${pid}, in ${runDirectory}): stop it first, or use another --run`,
  );
}
