/** Where the daemon's sockets are unless something else is said. */
export const DEFAULT_RUN_DIRECTORY = "/run/tapnet";

/** HTTP, for people and programs. */
export function controlSocket(runDirectory: string): string {
  return `${runDirectory}/control.sock`;
}

/** Datagrams, for what QEMU starts. */
export function hookSocket(runDirectory: string): string {
  return `${runDirectory}/hook.sock`;
}
