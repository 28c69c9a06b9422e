/** Router advertisements and address learning without a wire: frames in, frames out, through the real dispatcher. */
import { silentLogger } from "../../src/base/log.js";
import { seededRandom } from "../../src/base/random.js";
import { Dispatcher, type PacketBinding } from "../../src/frame/dispatch.js";
import type { Link } from "../../src/frame/link.js";
import type { PacketService } from "../../src/frame/packet.js";
import { FrameSender } from "../../src/frame/sender.js";
import type { AdvertisedNetwork, AdvertisedPrefix } from "../../src/services/ra/network.js";
import * as ethernet from "../../src/wire/ethernet.js";
import * as icmpv6 from "../../src/wire/icmpv6.js";
import * as ipv6 from "../../src/wire/ipv6.js";
import * as message from "../../src/wire/ndp/message.js";
import { ip, prefix } from "./dhcp6-lab.js";
import { GUEST_MAC, icmpv6Frame, must, PORT, RecordingTransmitter, receive, tableOf } from "./frames.js";
import { ManualClock } from "./manual-clock.js";
import { viewOf } from "./pieces.js";

export const WEB1: Link = { ...PORT, gatewayIpv6: ip("2001:db8:77::1") };
export const WEB2: Link = { ...WEB1, slot: 1, ifindex: 8, ifname: "tn-web2", guest: "web2" };
export const BRIDGE: Link = {
  ...WEB1,
  slot: 2,
  ifindex: 9,
  ifname: "br0",
  guest: undefined,
  gatewayMac: 0x0200_0000_0099,
  linkLocalIpv6: ip("fe80::99"),
};

export const PREFIX: AdvertisedPrefix = {
  prefix: prefix("2001:db8:77::/64"),
  onLink: false,
  autonomous: true,
  validSeconds: 86_400,
  preferredSeconds: 14_400,
};

export const NETWORK: AdvertisedNetwork = {
  name: "default",
  hopLimit: 64,
  managed: true,
  other: true,
  preference: "medium",
  routerLifetimeSeconds: 1800,
  reachableMs: 0,
  retransmitMs: 0,
  mtu: 1500,
  prefixes: [PREFIX],
  routes: [],
  dns: { servers: [ip("2001:db8:77::1")], searchDomains: ["tapnet.internal"], lifetimeSeconds: 1800 },
  pref64: undefined,
  minIntervalSeconds: 200,
  maxIntervalSeconds: 600,
};

/** A message that left, with where it went. */
export interface Told {
  readonly ifindex: number;
  readonly etherSource: number;
  readonly etherDestination: number;
  readonly source: bigint;
  readonly destination: bigint;
  readonly message: message.Message;
}

/** Sends a guest's messages through a dispatcher and reads back what leaves, answers and unsolicited alike. */
export class NdLab {
  readonly clock = new ManualClock();
  readonly random = seededRandom(7);
  readonly transmitter = new RecordingTransmitter();
  readonly sender = new FrameSender(this.transmitter, (flush) => flush());
  #dispatcher: Dispatcher | undefined;

  /** Binds the service to these messages. */
  bind(service: PacketService, messages: readonly PacketBinding["message"][]): void {
    this.#dispatcher = new Dispatcher({
      links: tableOf(WEB1, WEB2, BRIDGE),
      transmitter: this.transmitter,
      datagrams: [],
      packets: messages.map((bound) => ({ message: bound, service })),
      commit: () => undefined,
      clock: this.clock,
      log: silentLogger,
    });
  }

  get dispatcher(): Dispatcher {
    if (this.#dispatcher === undefined) throw new Error("nothing is bound");
    return this.#dispatcher;
  }

  /** What left because of this message. */
  hear(from: Link, sent: message.Message, addresses: { source: bigint; destination: bigint; mac?: number }): Told[] {
    const bytes = message.toBytes(sent);
    return this.hearIcmpv6(from, bytes, addresses);
  }

  /** The same for any ICMPv6 message, given as a whole with an empty checksum. */
  hearIcmpv6(
    from: Link,
    bytes: Uint8Array,
    { source, destination, mac }: { source: bigint; destination: bigint; mac?: number },
  ): Told[] {
    const frame = icmpv6Frame({
      type: bytes[0],
      code: bytes[1],
      body: bytes.slice(icmpv6.HEADER_BYTES),
      ipv6Source: source,
      ipv6Destination: destination,
      etherSource: mac ?? GUEST_MAC,
      etherDestination: 0x3333_0000_0001,
    });
    return this.during(() => this.dispatcher.dispatch(receive([frame], from.slot)));
  }

  /** What leaves while something is done. */
  during(act: () => void): Told[] {
    const before = this.transmitter.frames.length;
    act();
    return this.transmitter.frames.slice(before).map(read);
  }
}

function read({ ifindex, bytes }: { readonly ifindex: number; readonly bytes: Uint8Array }): Told {
  const view = viewOf(bytes);
  const ether = must(ethernet.parse(view, 0, bytes.length));
  const at = ethernet.HEADER_BYTES;
  const header = must(ipv6.parse(view, at, bytes.length - at));
  if (header.hopLimit !== 255) throw new Error(`hop limit ${header.hopLimit}`);
  const body = at + ipv6.HEADER_BYTES;
  if (!icmpv6.verify(view, at, body, header.payloadBytes)) throw new Error("ICMPv6 checksum wrong");
  return {
    ifindex,
    etherSource: ether.source,
    etherDestination: ether.destination,
    source: header.source,
    destination: header.destination,
    message: must(message.parse(view, body, header.payloadBytes)),
  };
}
