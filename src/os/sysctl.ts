/**
 * Kernel settings through /proc/sys.
 *
 * Keys are written with slashes (`net/ipv4/conf/eth0.5/forwarding`), because interface names may hold dots. Reading and
 * writing is synchronous on purpose: it takes about 14 µs, and /proc/sys/net shows the network namespace of the calling
 * thread, so a pool thread could see another one than the main thread has entered.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type SystemError, TapnetError } from "../base/errors.js";
import { systemError } from "./addon.js";
import { isInterfaceName } from "./interface.js";

const ROOT = "/proc/sys";

/** The value without its line break. SystemError ENOENT when this kernel has no such key, or the interface is gone. */
export function readSysctl(key: string, root = ROOT): string {
  const path = pathOf(key, root);
  try {
    return readFileSync(path, "latin1").replace(/\n$/, "");
  } catch (error) {
    throw describe(error, "read", key);
  }
}

/**
 * Sets one key. SystemError: ENOENT as for reading, EACCES or EPERM without privilege, EROFS in most containers, EINVAL for a
 * value that the kernel does not take. caps: NET_ADMIN for `net/…`, root for others
 */
export function writeSysctl(key: string, value: string | number, root = ROOT): void {
  const path = pathOf(key, root);
  try {
    writeFileSync(path, `${value}\n`, { flag: "r+" });
  } catch (error) {
    throw describe(error, "write", key);
  }
}

/**
 * Key of a setting that each interface has for itself; `conf` of IPv4 or IPv6, or `neigh`. The interface may also be `all` or
 * `default`.
 */
export function interfaceSysctl(family: 4 | 6, table: "conf" | "neigh", ifname: string, name: string): string {
  if (!isInterfaceName(ifname)) {
    throw new TapnetError("INVALID_ARGUMENT", `${JSON.stringify(ifname)} is no interface name`);
  }
  return `net/ipv${family}/${table}/${ifname}/${name}`;
}

function pathOf(key: string, root: string): string {
  const parts = key.split("/");
  if (key.includes("\0") || parts.some((part) => part === "" || part === "." || part === "..")) {
    throw new TapnetError(
      "INVALID_ARGUMENT",
      `${JSON.stringify(key)} is no sysctl key: write it with slashes, as in net/ipv4/ip_forward`,
    );
  }
  return join(root, ...parts);
}

const HINT: Readonly<Record<string, string>> = {
  ENOENT: "this kernel does not have it, or the interface is gone",
  EACCES: "not allowed: run as root",
  EPERM: "not allowed: run as root",
  EROFS: "/proc/sys is read-only here, as in most containers",
  EINVAL: "the kernel does not take this value",
};

function describe(error: unknown, verb: string, key: string): SystemError {
  const { errno = 0, code = "" } = error as NodeJS.ErrnoException;
  return systemError(-errno, verb, `sysctl ${key}`, HINT[code], error);
}
