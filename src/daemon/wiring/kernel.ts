import { existsSync, readFileSync } from "node:fs";
import { SystemError, TapnetError } from "../../base/errors.js";
import type { Logger } from "../../base/log.js";
import type { Firewall, Kernel } from "../../network/kernel.js";
import { Nftables } from "../../os/nftables.js";
import { Rtnetlink } from "../../os/rtnetlink.js";
import { Shaper } from "../../os/shaper.js";
import { readSysctl, writeSysctl } from "../../os/sysctl.js";
import { createTap } from "../../os/tap.js";
import { SysctlMemory } from "./sysctl-memory.js";

/** The kernel of this network namespace, as `network` and `guest` want it. */
export interface KernelParts {
  readonly kernel: Kernel;
  readonly firewall: Firewall;
  readonly sysctl: SysctlMemory;
  readonly shaper: Shaper;
  close(): void;
}

/** What the host's settings were is kept in the run directory. */
export function openKernel(runDirectory: string, log: Logger): KernelParts {
  const firewall = openNftables();
  const kernel = new Rtnetlink();
  const shaper = new Shaper();
  return {
    kernel,
    firewall,
    shaper,
    sysctl: new SysctlMemory(runDirectory, { read: readIfPresent, write: writeSysctl }, log),
    close() {
      kernel.close();
      firewall.close();
      shaper.close();
    },
  };
}

function openNftables(): Nftables {
  try {
    return new Nftables();
  } catch (thrown) {
    if (!(thrown instanceof SystemError) || thrown.code !== "EPROTONOSUPPORT") throw thrown;
    throw new TapnetError(
      "NFT_UNSUPPORTED",
      `this kernel has no nftables, which guards the guests (${thrown.message}): load it (modprobe nf_tables), ` +
        "or run a kernel that has CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET",
      { cause: thrown },
    );
  }
}

/** What tells this host from others (machine-id(5)); empty where it has none. */
export function hostId(): string {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    // A container without one: its bridges' MAC addresses come from their names alone.
    return "";
  }
}

function readIfPresent(path: string): string | undefined {
  try {
    return readSysctl(path);
  } catch (thrown) {
    if (thrown instanceof SystemError && thrown.code === "ENOENT") return undefined;
    throw thrown;
  }
}

/**
 * Finds out at once, and not at the first guest, what would keep this daemon from working: no right to change the network,
 * no TAPs. Throws TapnetError with what to do.
 */
export function checkHost(): void {
  if (!existsSync("/dev/net/tun")) {
    throw new TapnetError(
      "NO_TUN",
      "there is no /dev/net/tun: load the module (modprobe tun), or in a container hand in the device",
    );
  }
  try {
    createTap({ name: "tnprobe%d" }).close();
  } catch (thrown) {
    if (!(thrown instanceof SystemError) || (thrown.code !== "EPERM" && thrown.code !== "EACCES")) throw thrown;
    throw new TapnetError(
      "NOT_PERMITTED",
      "this user may not make TAPs: run tapnetd as root, or with CAP_NET_ADMIN and access to /dev/net/tun; without them, " +
        "tapnetd --rootless serves your own guests",
      { cause: thrown },
    );
  }
}
