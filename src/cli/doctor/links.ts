import { TapnetError } from "../../base/errors.js";
import { ControlClient } from "../../control/client.js";
import type { LinkView } from "../../control/views.js";
import type { Finding, Host } from "./host.js";

const ANSWER_MS = 3_000;
const NAMED = 5;
const VHOST_DEVICE = "/dev/vhost-net";

interface Slowness {
  readonly check: string;
  readonly result: Finding["result"];
  readonly applies: (link: LinkView) => boolean;
  readonly message: string;
  readonly advice: string;
}

/** What makes a guest's link slower than it could be. A TAP that nobody has open is not slow. */
const SLOWNESS: readonly Slowness[] = [
  {
    check: "vnet-header",
    result: "warning",
    applies: (link) => link.queues > 0 && !link.vnetHeader,
    message: "no offloads, since the TAP was made without vnet_hdr: frames cost two to three times as much",
    advice: "start the VMM with vnet_hdr=on, which is QEMU's default",
  },
  {
    check: "offloads",
    result: "note",
    applies: (link) => link.queues > 0 && link.vnetHeader && link.offloads.length === 0,
    message: "no offloads towards the guest: its driver has asked for none, or has not started yet",
    advice: "use virtio-net, without csum=off, guest_csum=off or guest_tso4=off",
  },
  {
    check: "queues",
    result: "warning",
    applies: (link) => link.queues > 0 && link.queues < link.queuesWanted,
    message: "fewer queues than the configuration says",
    advice:
      "start QEMU with queues=N, and mq=on at its virtio-net-pci; with helper= it has one queue only: tapnet guest add makes " +
      "a TAP for more",
  },
];

/** Why guests' links are not as fast as they could be; nothing where no daemon answers. */
export async function examineLinks(host: Host, runDirectory: string): Promise<Finding[]> {
  let links: readonly LinkView[];
  try {
    links = await new ControlClient(runDirectory, { timeoutMs: ANSWER_MS }).links();
  } catch (thrown) {
    // `examineDaemon` has said why.
    if (thrown instanceof TapnetError) return [];
    throw thrown;
  }
  return [...slownessOf(links), ...examineVhost(host, links)];
}

/** One finding for each way to be slow, with the guests that are. */
export function slownessOf(links: readonly LinkView[]): Finding[] {
  const taps = links.filter(({ socket }) => socket === null);
  return SLOWNESS.flatMap((slowness) => finding(slowness, taps.filter(slowness.applies)));
}

function finding({ check, result, message, advice }: Slowness, links: readonly LinkView[]): Finding[] {
  if (links.length === 0) return [];
  const names = links.slice(0, NAMED).map(({ guest, ifname }) => `${guest} (${ifname})`);
  const others = links.length > NAMED ? ` and ${links.length - NAMED} others` : "";
  return [{ check, result, message: `${names.join(", ")}${others}: ${message}`, advice }];
}

function examineVhost(host: Host, links: readonly LinkView[]): Finding[] {
  if (links.length === 0) return [];
  const check = "vhost";
  if (!host.exists(VHOST_DEVICE)) {
    const message = `there is no ${VHOST_DEVICE}, so each VMM moves the frames of its guest itself`;
    return [{ check, result: "note", message, advice: "modprobe vhost_net, then start QEMU with vhost=on at its -netdev" }];
  }
  return [{ check, result: "ok", message: `${VHOST_DEVICE} is there: start QEMU with vhost=on at its -netdev`, advice: null }];
}
