import { lstatSync, unlinkSync } from "node:fs";
import { createConnection } from "node:net";
import { TapnetError } from "../base/errors.js";

/** A daemon that lives accepts at once; one that hangs holds its socket all the same. */
const PROBE_MS = 1000;

export type SocketState = "free" | "live" | "dead";

/** What is at the path of a unix socket: nothing, somebody who listens, or the leftover of somebody who did. */
export async function probeSocket(path: string): Promise<SocketState> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return "free";
  if (!found.isSocket()) throw new TapnetError("CONFLICT", `${path} is not a socket; move it away, or set another run folder`);
  return await new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    const done = (state: SocketState): void => {
      socket.destroy();
      resolve(state);
    };
    socket.setTimeout(PROBE_MS, () => done("live"));
    socket.once("connect", () => done("live"));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") done("free");
      else if (error.code === "ECONNREFUSED") done("dead");
      // A socket of another type, or a backlog that is full: somebody listens.
      else if (error.code === "EPROTOTYPE" || error.code === "EAGAIN") done("live");
      else reject(new TapnetError("UNAVAILABLE", `${path}: ${error.message}`, { cause: error }));
    });
  });
}

/** Removes what a dead daemon left at `path`. True when the path is free now, false when somebody listens there. */
export async function freeSocket(path: string): Promise<boolean> {
  const state = await probeSocket(path);
  if (state === "dead") unlinkSync(path);
  return state !== "live";
}
