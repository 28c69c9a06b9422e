/**
 * Theory of operation
 *
 * A process with threads, as every Node process is, cannot enter a user namespace, and pasta has to be outside. So there are two
 * of us: this one stays outside, opens the namespace, starts pasta, the relay and then the daemon in there, and hands it the
 * signals that it gets itself. Either dies with the other, and what keeps guests going stays: the namespace, pasta, the relay,
 * and QEMU. When the daemon ends and no guest is attached, nothing is kept.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { createServer, type Server } from "node:net";
import { constants as osConstants } from "node:os";
import { dirname, join } from "node:path";
import { errorMessage, TapnetError } from "../../base/errors.js";
import { type Logger, silentLogger } from "../../base/log.js";
import { freeSocket } from "../../control/socket-file.js";
import { awaitPredecessor } from "../wiring/predecessor.js";
import { Namespace } from "./namespace.js";
import { Pasta } from "./pasta.js";
import { RelayProcess } from "./relay.js";

/** Set for the process that is inside. */
export const INSIDE = "TAPNET_ROOTLESS_INSIDE";

/** What the daemon tells us from inside. */
export type FromInside = { readonly kind: "serving" } | { readonly kind: "stopped"; readonly guests: number };

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Runs the daemon in the namespace of a run directory; resolves with its exit code when it has ended. `words` is its command line. */
export async function launch(runDirectory: string, words: readonly string[], cleanup: boolean, log: Logger): Promise<number> {
  await awaitPredecessor(runDirectory, log);
  const place = await takePlace(join(runDirectory, "launch.sock"));
  try {
    return cleanup ? await cleanUp(runDirectory, words) : await serve(runDirectory, words, log);
  } finally {
    place.close();
  }
}

/** Only one of us at a time has a run directory: two that start at once would take each other's namespace away. */
async function takePlace(socketPath: string): Promise<Server> {
  const server = createServer((connection) => connection.destroy());
  const taken = new TapnetError(
    "CONFLICT",
    `tapnetd is running already (${dirname(socketPath)}): stop it first, or use another --run`,
  );
  if (!(await freeSocket(socketPath))) throw taken;
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(error.code === "EADDRINUSE" ? taken : error));
    server.listen(socketPath, () => resolve(server.unref()));
  });
}

async function serve(runDirectory: string, words: readonly string[], log: Logger): Promise<number> {
  checkTun();
  const namespace = await Namespace.open(runDirectory);
  const pasta = new Pasta(runDirectory, namespace.pid, log);
  const relay = new RelayProcess(runDirectory, namespace.pid, log);
  await Promise.all([pasta.start(), relay.start()]);
  const child = startInside(runDirectory, namespace, words);
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  let served = false;
  let guests: number | undefined;
  child.on("message", (message: FromInside) => {
    if (message.kind === "serving") served = true;
    else guests = message.guests;
  });
  const code = await exitCode(child);
  const isEmpty = guests === 0 || (!served && !namespace.found);
  if (isEmpty) {
    relay.end();
    pasta.end();
    namespace.end();
  } else {
    relay.leave();
    pasta.leave();
  }
  return code;
}

/** Detaches what is attached, then lets go of the namespace. */
async function cleanUp(runDirectory: string, words: readonly string[]): Promise<number> {
  const namespace = Namespace.find(runDirectory);
  if (namespace === undefined) return 0;
  const code = await exitCode(startInside(runDirectory, namespace, words));
  if (code !== 0) return code;
  new RelayProcess(runDirectory, namespace.pid, silentLogger).end();
  new Pasta(runDirectory, namespace.pid, silentLogger).end();
  namespace.end();
  return 0;
}

function startInside(runDirectory: string, namespace: Namespace, words: readonly string[]): ChildProcess {
  const [program, ...rest] = namespace.command([process.execPath, ...process.execArgv, ...words]);
  // A session of its own: Ctrl-C comes to us, and through us once.
  return spawn(program, rest, {
    detached: true,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, TAPNET_RUN: runDirectory, [INSIDE]: String(namespace.pid) },
  });
}

function exitCode(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => {
      reject(new TapnetError("NOT_PERMITTED", `the namespace cannot be entered: ${errorMessage(error)}`, { cause: error }));
    });
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : osConstants.signals[signal])));
  });
}

function checkTun(): void {
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      throw new TapnetError("NO_TUN", "there is no /dev/net/tun; as root: modprobe tun, or in a container hand in the device");
    }
    throw new TapnetError("NOT_PERMITTED", "you may not open /dev/net/tun; as root: chmod 666 /dev/net/tun", { cause: thrown });
  }
}
