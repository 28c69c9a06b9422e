/** What of a TAP's accelerations is on, in words, and what to do for those that are not. */
import type { LinkView } from "../control/views.js";
import type { TapHolder } from "./tap-holders.js";

const OFFLOAD_NAME: Readonly<Record<string, string>> = {
  checksum: "checksum",
  tso4: "TSO",
  tso6: "TSO for IPv6",
  ecn: "TSO with ECN",
  uso: "USO",
};

/** Fields for `guest show`. */
export function describeLink(link: LinkView, holder: TapHolder | undefined): [name: string, value: string][] {
  if (link.socket !== null) {
    return [
      ["MTU", String(link.mtu)],
      ["socket", `${link.socket.kind} at ${link.socket.path}: whole frames, without offloads`],
    ];
  }
  return [
    ["MTU", String(link.mtu)],
    ["queues", describeQueues(link)],
    ["to guest", describeOffloads(link)],
    ["from guest", link.vnetHeader ? "whatever its driver leaves to us" : "none: the TAP has no vnet_hdr"],
    ["VMM", describeHolder(link, holder)],
  ];
}

function describeQueues({ queues, queuesWanted, multiQueue }: LinkView): string {
  if (queues === 0) return `none open${multiQueue ? ", made for several" : ""}`;
  return queues < queuesWanted ? `${queues} of ${queuesWanted}` : String(queues);
}

function describeOffloads({ vnetHeader, offloads }: LinkView): string {
  if (!vnetHeader) return "no offloads: the TAP has no vnet_hdr";
  if (offloads.length === 0) return "no offloads: its driver has asked for none";
  return `offloads: ${offloads.map((offload) => OFFLOAD_NAME[offload] ?? offload).join(", ")}`;
}

function describeHolder({ queues }: LinkView, holder: TapHolder | undefined): string {
  if (queues === 0) return "none";
  if (holder === undefined) return "not to be seen by this user";
  return `${holder.program}, process ${holder.pid}, ${holder.vhost ? "with" : "without"} vhost`;
}
