import { lstatSync } from "node:fs";

/** Where the daemon's sockets are unless something else is said. */
export const DEFAULT_RUN_DIRECTORY = "/run/tapnet";

/** Where a user without a login's folders has them; fixed, because the hooks and the daemon may not agree on $TMPDIR. */
const SHARED_DIRECTORY = "/tmp";

/** HTTP, for people and programs. */
export function controlSocket(runDirectory: string): string {
  return `${runDirectory}/control.sock`;
}

/** Datagrams, for what QEMU starts. */
export function hookSocket(runDirectory: string): string {
  return `${runDirectory}/hook.sock`;
}

/** Of a user's own daemon: for the ports of the host that lead to its guests. */
export function relaySocket(runDirectory: string): string {
  return `${runDirectory}/relay.sock`;
}

/** Where a user's own daemon (`tapnetd --rootless`) may have its sockets, best first. The hooks look at the same places. */
export function ownRunDirectories(environment: NodeJS.ProcessEnv, uid: number): string[] {
  const { XDG_RUNTIME_DIR: runtime } = environment;
  const places = [`/run/user/${uid}/tapnet`, `${SHARED_DIRECTORY}/tapnet-${uid}`];
  return runtime?.startsWith("/") === true ? [...new Set([`${runtime}/tapnet`, ...places])] : places;
}

/**
 * Which daemon is asked when nobody says: a user's own where it has made its sockets, else the machine's; for root the other way
 * round. A user who starts a daemon wants to speak with that one, and one that is not there is not in anybody's way.
 */
export function findRunDirectory(environment: NodeJS.ProcessEnv, uid: number): string {
  if (environment.TAPNET_RUN) return environment.TAPNET_RUN;
  const own = ownRunDirectories(environment, uid).find((path) => isOurs(path, uid) && exists(controlSocket(path)));
  if (own === undefined || (uid === 0 && exists(controlSocket(DEFAULT_RUN_DIRECTORY)))) return DEFAULT_RUN_DIRECTORY;
  return own;
}

/** Whether a folder is this user's own: in /tmp anybody may have made it. */
function isOurs(path: string, uid: number): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === uid;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
