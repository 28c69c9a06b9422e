/**
 * Network namespaces, for tests and for rootless use.
 *
 * A namespace belongs to a thread, not to a process. What is entered here holds for the calling thread and for threads that it
 * starts later; libuv's pool threads, which serve `fs.promises` and `dns.lookup`, stay where they were once they run. So enter
 * before anything else, on the main thread, and open sockets and /proc/sys with the synchronous calls of this folder. Sockets
 * that are open already stay in the old namespace; so do threads of workers.
 *
 * A process with threads, as every Node process is, cannot enter or make a *user* namespace (setns(2), unshare(2)): the command
 * of `rootlessCommand` does it in front of Node.
 */
import { closeSync, constants, openSync } from "node:fs";
import { TapnetError } from "../base/errors.js";
import { addon, systemError } from "./addon.js";

/**
 * Opens a namespace by path (`/run/netns/blue`, `/proc/self/ns/net`) or process. The descriptor keeps the namespace alive and is
 * the caller's to close. SystemError ENOENT or EACCES.
 */
export function openNetworkNamespace(which: string | { readonly pid: number }): number {
  const path = typeof which === "string" ? which : `/proc/${which.pid}/ns/net`;
  try {
    return openSync(path, constants.O_RDONLY);
  } catch (error) {
    const { errno = 0 } = error as NodeJS.ErrnoException;
    throw systemError(-errno, "open", path, "no such network namespace, or not allowed", error);
  }
}

/** Enters a namespace, by path, process or descriptor. caps: SYS_ADMIN */
export function enterNetworkNamespace(which: string | number | { readonly pid: number }): void {
  if (typeof which === "number") {
    addon().enterNetworkNamespace(which);
    return;
  }
  const fd = openNetworkNamespace(which);
  try {
    addon().enterNetworkNamespace(fd);
  } finally {
    closeSync(fd);
  }
}

/** Enters a new, empty namespace, with a loopback interface that is down. caps: SYS_ADMIN */
export function unshareNetworkNamespace(): void {
  addon().unshareNetworkNamespace();
}

/**
 * The command line that runs `command` as root of a new user and network namespace, by unshare(1). Only the caller's own user
 * is known in there; nothing outside is more allowed than before. caps: none, where unprivileged user namespaces are permitted
 */
export function rootlessCommand(command: readonly string[]): string[] {
  if (command.length === 0) throw new TapnetError("INVALID_ARGUMENT", "rootlessCommand: there is no command to run");
  return ["unshare", "--user", "--map-root-user", "--net", "--", ...command];
}
