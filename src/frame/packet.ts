import type { Mac } from "../base/mac.js";
import type { Reply, Verdict } from "./datagram.js";
import type { Link } from "./link.js";

/**
 * One received ARP or ICMPv6 message, as a service sees it: a cursor into the batch, reused for the next frame.
 *
 * `classify` has checked the headers, the ICMPv6 checksum, and the hop limit of neighbour discovery; the message was not
 * looked at.
 */
export class Packet {
  link!: Link;
  bytes!: Uint8Array;
  view!: DataView;
  /** First byte of the ARP or ICMPv6 message in `bytes`, and its length. */
  payloadOffset = 0;
  payloadLength = 0;
  etherSource: Mac = 0;
  etherDestination: Mac = 0;
  /** First byte of the 16-byte IPv6 source and destination in `bytes`; zero for ARP. */
  ipv6SourceOffset = 0;
  ipv6DestinationOffset = 0;
}

/**
 * A service on messages below UDP.
 *
 * The reply's UDP ports mean nothing here; `payloadLength` is the message's. The ICMPv6 checksum is computed by `compose`, and a
 * reply leaves with hop limit 255.
 */
export interface PacketService {
  handle(request: Packet, reply: Reply): Verdict;
}

/** Called once for a link that waits for its first frame: how a guest on a TAP of another name is recognised. */
export type FirstFrameObserver = (link: Link, etherSource: Mac) => void;

/** Where an ICMPv6 message of our own goes to: a periodic advertisement, a solicitation. */
export interface Icmpv6Path {
  readonly link: Link;
  readonly etherDestination: Mac;
  /** 16 bytes each, network order. */
  readonly ipv6Source: Uint8Array;
  readonly ipv6Destination: Uint8Array;
}

/** Sends one message outside a batch. The payload is copied before the call returns. */
export interface PacketSender {
  sendIcmpv6(path: Icmpv6Path, payload: Uint8Array): void;
  sendArp(link: Link, etherDestination: Mac, payload: Uint8Array): void;
}
