import { readFileSync } from "node:fs";

/** Settings of kernels and distributions that keep users from making namespaces: what they say then, and what to do. */
const SETTINGS = [
  {
    path: "kernel/unprivileged_userns_clone",
    forbids: (value: number) => value === 0,
    remedy: "sysctl -w kernel.unprivileged_userns_clone=1",
  },
  {
    path: "kernel/apparmor_restrict_unprivileged_userns",
    forbids: (value: number) => value === 1,
    remedy: "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  },
  {
    path: "user/max_user_namespaces",
    forbids: (value: number) => value === 0,
    remedy: "sysctl -w user.max_user_namespaces=10000",
  },
  {
    path: "user/max_net_namespaces",
    forbids: (value: number) => value === 0,
    remedy: "sysctl -w user.max_net_namespaces=10000",
  },
] as const;

/** Reads a setting below /proc/sys; undefined where this kernel has none of that name. */
export type ReadSetting = (path: string) => string | undefined;

/** A sentence for a user whose namespace was refused: what this machine forbids, and what root can do about it. */
export function explainRefusal(said: string, read: ReadSetting = readSetting): string {
  const found = SETTINGS.filter(({ path, forbids }) => {
    const value = read(path)?.trim();
    return value !== undefined && value !== "" && forbids(Number(value));
  });
  const refused = `this machine does not let you make a namespace (${said})`;
  if (found.length === 0) {
    return `${refused}: in a container that is the container's policy; otherwise see: sysctl user.max_user_namespaces, and dmesg`;
  }
  const reasons = found.map(({ path }) => `${path.replaceAll("/", ".")} is ${read(path)?.trim()}`).join(" and ");
  return `${refused}: ${reasons}. As root: ${found.map(({ remedy }) => remedy).join("; ")}`;
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, "utf8");
  } catch {
    // Not every kernel has every setting.
    return undefined;
  }
}
