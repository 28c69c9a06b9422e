import type { Host } from "./doctor/host.js";

/** The process that has a TAP open: the guest's VMM. */
export interface TapHolder {
  readonly pid: number;
  readonly program: string;
  /** It has the kernel move the frames (vhost-net). */
  readonly vhost: boolean;
}

const TUN_DEVICE = "/dev/net/tun";
const VHOST_DEVICE = "/dev/vhost-net";

/** Who has which TAP open, by the TAP's name: as far as this user may see. Of other users' processes only root sees any. */
export function holdersOf(host: Host): ReadonlyMap<string, TapHolder> {
  const holders = new Map<string, TapHolder>();
  for (const pid of host.list("/proc").filter((name) => /^\d+$/.test(name))) {
    const descriptors = host.list(`/proc/${pid}/fd`);
    const targets = descriptors.map((descriptor) => host.readLink(`/proc/${pid}/fd/${descriptor}`) ?? "");
    const vhost = targets.includes(VHOST_DEVICE);
    for (const [row, descriptor] of descriptors.entries()) {
      if (targets[row] !== TUN_DEVICE) continue;
      const ifname = /^iff:\s*(\S+)$/m.exec(host.readText(`/proc/${pid}/fdinfo/${descriptor}`) ?? "")?.[1];
      if (ifname === undefined) continue;
      const program = host.readText(`/proc/${pid}/comm`)?.trim() ?? "a program";
      holders.set(ifname, { pid: Number(pid), program, vhost });
    }
  }
  return holders;
}
