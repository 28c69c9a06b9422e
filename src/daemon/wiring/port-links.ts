/** What of a TAP's accelerations is on at each guest's port: asked of the kernel, since its VMM may change them at any time. */
import { existsSync } from "node:fs";
import type { LinkView } from "../../control/index.js";
import type { Port } from "../../network/model.js";
import { Ethtool } from "../../os/ethtool.js";
import { Rtnetlink } from "../../os/rtnetlink.js";

/** What TUNSETOFFLOAD switches on for a TAP, by the names that the kernel has for it afterwards. */
const OFFLOAD_OF_FEATURE = {
  "tx-checksum-ip-generic": "checksum",
  "tx-tcp-segmentation": "tso4",
  "tx-tcp6-segmentation": "tso6",
  "tx-tcp-ecn-segmentation": "ecn",
  "tx-udp-segmentation": "uso",
} as const;

const VHOST_DEVICE = "/dev/vhost-net";

/** Whether this host can move the frames of its guests inside the kernel (vhost-net). */
export function hasVhost(): boolean {
  return existsSync(VHOST_DEVICE);
}

export class PortLinks {
  readonly #route = new Rtnetlink();
  readonly #ethtool = new Ethtool();

  /** Undefined where the port's link is gone, or is no TAP. */
  view(
    { ifindex, ifname, guest, network }: Pick<Port, "ifindex" | "ifname" | "guest" | "network">,
    wanted = 1,
  ): Omit<LinkView, "socket"> | undefined {
    const link = this.#route.link(ifindex);
    const tun = this.#route.tun(ifindex);
    if (link === undefined || tun === undefined) return undefined;
    const active = this.#ethtool.activeFeatures(ifindex);
    const offloads = Object.entries(OFFLOAD_OF_FEATURE).filter(([feature]) => active.has(feature));
    return {
      guest,
      network: network.name,
      ifname,
      mtu: link.mtu,
      queues: tun.queues ?? (link.carrier ? 1 : 0),
      queuesWanted: wanted,
      multiQueue: tun.multiQueue,
      vnetHeader: tun.vnetHeader,
      // Without the header they are only what the device could do.
      offloads: tun.vnetHeader ? offloads.map(([, offload]) => offload) : [],
      persistent: tun.persistent,
    };
  }

  /** May be called again. */
  close(): void {
    this.#route.close();
    this.#ethtool.close();
  }
}
