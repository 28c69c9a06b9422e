/**
 * Theory of operation
 *
 * One frame in, one of four answers out: a UDP datagram, an ICMPv6 message, an ARP message, or dropped for one counted reason.
 * The classifier owns one cursor of each kind and moves it over the batch, so a frame costs no allocation; what it found is
 * valid until the next call.
 *
 * Only what is meant for us passes: our MAC or a group, our address or broadcast or multicast. The kernel's filter
 * (`filter.ts`) has already kept most other frames away, but it is an optimisation, and this is the check: a simulated link has
 * no filter.
 *
 * Fragments are dropped. No control message needs them, and reassembly is a gift to an attacker. Priority-tagged frames (VLAN 0)
 * pass; a guest's own VLANs are not served.
 */
import { Counters } from "../base/counters.js";
import { IPV4_BROADCAST, isLoopbackIpv4, isMulticastIpv4 } from "../base/ipv4-address.js";
import type { Mac } from "../base/mac.js";
import * as arp from "../wire/arp.js";
import * as internetChecksum from "../wire/checksum.js";
import * as ethernet from "../wire/ethernet.js";
import * as icmpv6 from "../wire/icmpv6.js";
import * as ipv4 from "../wire/ipv4.js";
import * as ipv6 from "../wire/ipv6.js";
import * as udp from "../wire/udp.js";
import { FRAME_FLAG, type ReceiveBatch } from "./batch.js";
import { Datagram } from "./datagram.js";
import { isLinkLocal, isLoopback, isMulticast, isUnspecified } from "./ipv6-bytes.js";
import type { Link } from "./link.js";
import type { LinkTable } from "./link-table.js";
import { Packet } from "./packet.js";

export const FRAME_KIND = { dropped: 0, datagram: 1, icmpv6: 2, arp: 3 } as const;
export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND];

type WireFault =
  | ethernet.EthernetFault
  | arp.ArpFault
  | ipv4.Ipv4Fault
  | ipv6.Ipv6Fault
  | ipv6.ExtensionFault
  | icmpv6.Icmpv6Fault
  | udp.UdpFault;

export type DropReason =
  | WireFault
  | "link-gone"
  | "frame-truncated"
  | "ethernet-source"
  | "ethernet-destination"
  | "ethernet-vlan"
  | "not-control"
  | "ipv4-fragment"
  | "ipv4-source"
  | "ipv4-destination"
  | "ipv6-source"
  | "ipv6-destination"
  | "udp-checksum"
  | "udp-checksum-missing"
  | "udp-source-port"
  | "icmpv6-checksum"
  | "icmpv6-hop-limit"
  | "icmpv6-code";

/** Every reason with what it means, for whoever reads the counters. */
export const DROP_REASONS: Readonly<Record<DropReason, string>> = {
  "link-gone": "the link was removed while the frame waited",
  "frame-truncated": "longer than a control frame can be",
  "ethernet-truncated": "shorter than an Ethernet header",
  "ethernet-source": "source MAC is a group, zero or our own",
  "ethernet-destination": "destination MAC is another station's",
  "ethernet-vlan": "tagged with a VLAN",
  "not-control": "neither ARP, UDP nor neighbour discovery",
  "arp-truncated": "ARP: too short",
  "arp-hardware": "ARP: not for Ethernet",
  "arp-protocol": "ARP: not for IPv4",
  "ipv4-truncated": "IPv4: too short for its header",
  "ipv4-version": "IPv4: wrong version",
  "ipv4-header-length": "IPv4: impossible header length",
  "ipv4-total-length": "IPv4: total length and frame disagree",
  "ipv4-checksum": "IPv4: header checksum wrong",
  "ipv4-fragment": "IPv4: a fragment",
  "ipv4-source": "IPv4: source is multicast, broadcast, loopback or our own",
  "ipv4-destination": "IPv4: destination is not ours",
  "ipv6-truncated": "IPv6: too short for its header",
  "ipv6-version": "IPv6: wrong version",
  "ipv6-payload-length": "IPv6: payload length and frame disagree",
  "ipv6-extension-truncated": "IPv6: an extension header runs past the end",
  "ipv6-extension-order": "IPv6: hop-by-hop options that are not first",
  "ipv6-extensions-many": "IPv6: more extension headers than are sane",
  "ipv6-fragment": "IPv6: a fragment",
  "ipv6-routing": "IPv6: source routed",
  "ipv6-source": "IPv6: source is multicast, loopback, unspecified or our own",
  "ipv6-destination": "IPv6: destination is not ours",
  "udp-truncated": "UDP: too short for its header",
  "udp-length": "UDP: length and packet disagree",
  "udp-checksum": "UDP: checksum wrong",
  "udp-checksum-missing": "UDP: no checksum, which IPv6 does not allow",
  "udp-source-port": "UDP: source port zero, nobody to answer",
  "icmpv6-truncated": "ICMPv6: too short for its header",
  "icmpv6-checksum": "ICMPv6: checksum wrong",
  "icmpv6-hop-limit": "ICMPv6: neighbour discovery that crossed a router",
  "icmpv6-code": "ICMPv6: neighbour discovery with a code",
};

const HOP_LIMIT_ON_LINK = 255;

/** MACs are read in place, not by `readMac`: a number of 48 bits that comes back from a call may be an object on the heap. */
const MAC_SOURCE = ethernet.FIELD.source;
const TWO_32 = 0x1_0000_0000;

export class Classifier {
  readonly drops = new Counters<DropReason>(Object.keys(DROP_REASONS) as DropReason[]);
  /** Valid after `FRAME_KIND.datagram`. */
  readonly datagram = new Datagram();
  /** Valid after `FRAME_KIND.icmpv6` and `FRAME_KIND.arp`. */
  readonly packet = new Packet();
  readonly #links: LinkTable;
  readonly #extensions = new ipv6.ExtensionWalk();

  constructor(links: LinkTable) {
    this.#links = links;
  }

  /** Moves the cursor to one row of the batch. Never throws, whatever the bytes. */
  classify(batch: ReceiveBatch, row: number): FrameKind {
    const link = this.#links.at(batch.slot[row]);
    if (link === undefined) return this.#drop("link-gone");
    if ((batch.flags[row] & FRAME_FLAG.truncated) !== 0) return this.#drop("frame-truncated");
    const { view } = batch;
    const offset = batch.offset[row];
    if (batch.length[row] < ethernet.HEADER_BYTES) return this.#drop("ethernet-truncated");
    const fault = this.#checkStations(view, offset, link.slot);
    if (fault !== undefined) return this.#drop(fault);
    const type = ethernet.outerType(view, offset);
    if (type !== ethernet.ETHERTYPE.vlan) return this.#network(batch, row, link, type, ethernet.HEADER_BYTES);
    if (batch.length[row] < ethernet.headerBytes(view, offset)) return this.#drop("ethernet-truncated");
    if (ethernet.vlanId(view, offset) !== 0) return this.#drop("ethernet-vlan");
    return this.#network(batch, row, link, ethernet.type(view, offset), ethernet.headerBytes(view, offset));
  }

  #network(batch: ReceiveBatch, row: number, link: Link, type: number, etherBytes: number): FrameKind {
    switch (type) {
      case ethernet.ETHERTYPE.ipv4:
        return this.#ipv4(batch, row, link, etherBytes);
      case ethernet.ETHERTYPE.ipv6:
        return this.#ipv6(batch, row, link, etherBytes);
      case ethernet.ETHERTYPE.arp:
        return this.#arp(batch, row, link, etherBytes);
      default:
        return this.#drop("not-control");
    }
  }

  /** The station that sent a frame, whatever the frame is; undefined where its source cannot be one. */
  station(batch: ReceiveBatch, row: number): Mac | undefined {
    const { view } = batch;
    const offset = batch.offset[row];
    if (ethernet.check(view, offset, batch.length[row]) !== undefined || hasImpossibleSource(view, offset)) return undefined;
    return ethernet.source(view, offset);
  }

  #drop(reason: DropReason): typeof FRAME_KIND.dropped {
    this.drops.count(this.drops.index(reason));
    return FRAME_KIND.dropped;
  }

  #ipv4(batch: ReceiveBatch, row: number, link: Link, etherBytes: number): FrameKind {
    const { view } = batch;
    const offset = batch.offset[row] + etherBytes;
    const fault = ipv4.check(view, offset, batch.length[row] - etherBytes) ?? checkIpv4(view, offset, link);
    if (fault !== undefined) return this.#drop(fault);
    const header = ipv4.headerBytes(view, offset);
    const udpOffset = offset + header;
    const udpLength = ipv4.totalBytes(view, offset) - header;
    const udpFault = udp.check(view, udpOffset, udpLength) ?? checkUdpv4(view, offset, udpOffset, batch.flags[row]);
    if (udpFault !== undefined) return this.#drop(udpFault);
    const { datagram } = this;
    datagram.ipVersion = 4;
    datagram.ipSource = ipv4.source(view, offset);
    datagram.ipDestination = ipv4.destination(view, offset);
    datagram.ipv6SourceOffset = 0;
    datagram.ipv6DestinationOffset = 0;
    return this.#datagram(batch, row, link, udpOffset);
  }

  #ipv6(batch: ReceiveBatch, row: number, link: Link, etherBytes: number): FrameKind {
    const { view } = batch;
    const offset = batch.offset[row] + etherBytes;
    const length = batch.length[row] - etherBytes;
    const extensions = this.#extensions;
    const fault = ipv6.check(view, offset, length) ?? this.#checkIpv6(view, offset, link.slot) ?? extensions.walk(view, offset);
    if (fault !== undefined) return this.#drop(fault);
    if (extensions.protocol === ipv6.NEXT_HEADER.udp) return this.#udpv6(batch, row, link, offset);
    if (extensions.protocol === ipv6.NEXT_HEADER.icmpv6) return this.#icmpv6(batch, row, link, offset);
    return this.#drop("not-control");
  }

  #udpv6(batch: ReceiveBatch, row: number, link: Link, offset: number): FrameKind {
    const { view } = batch;
    const udpOffset = this.#extensions.offset;
    const fault = udp.check(view, udpOffset, this.#extensions.length) ?? checkUdpv6(batch, row, offset, udpOffset);
    if (fault !== undefined) return this.#drop(fault);
    const { datagram } = this;
    datagram.ipVersion = 6;
    datagram.ipSource = 0;
    datagram.ipDestination = 0;
    datagram.ipv6SourceOffset = offset + ipv6.FIELD.source;
    datagram.ipv6DestinationOffset = offset + ipv6.FIELD.destination;
    return this.#datagram(batch, row, link, udpOffset);
  }

  #datagram(batch: ReceiveBatch, row: number, link: Link, udpOffset: number): FrameKind {
    const { datagram } = this;
    const { view } = batch;
    const frame = batch.offset[row];
    datagram.link = link;
    datagram.bytes = batch.bytes;
    datagram.view = view;
    datagram.etherSource = view.getUint16(frame + MAC_SOURCE) * TWO_32 + view.getUint32(frame + MAC_SOURCE + 2);
    datagram.etherDestination = view.getUint16(frame) * TWO_32 + view.getUint32(frame + 2);
    datagram.udpSource = udp.source(view, udpOffset);
    datagram.udpDestination = udp.destination(view, udpOffset);
    datagram.payloadOffset = udpOffset + udp.HEADER_BYTES;
    datagram.payloadLength = udp.lengthBytes(view, udpOffset) - udp.HEADER_BYTES;
    return FRAME_KIND.datagram;
  }

  #icmpv6(batch: ReceiveBatch, row: number, link: Link, offset: number): FrameKind {
    const { view } = batch;
    const message = this.#extensions.offset;
    const length = this.#extensions.length;
    const fault = icmpv6.check(view, message, length) ?? checkIcmpv6(view, offset, message, length, batch.flags[row]);
    if (fault !== undefined) return this.#drop(fault);
    this.packet.ipv6SourceOffset = offset + ipv6.FIELD.source;
    this.packet.ipv6DestinationOffset = offset + ipv6.FIELD.destination;
    this.#packet(batch, row, link, message, length);
    return FRAME_KIND.icmpv6;
  }

  #arp(batch: ReceiveBatch, row: number, link: Link, etherBytes: number): FrameKind {
    const offset = batch.offset[row] + etherBytes;
    const fault = arp.check(batch.view, offset, batch.length[row] - etherBytes);
    if (fault !== undefined) return this.#drop(fault);
    this.packet.ipv6SourceOffset = 0;
    this.packet.ipv6DestinationOffset = 0;
    this.#packet(batch, row, link, offset, arp.HEADER_BYTES);
    return FRAME_KIND.arp;
  }

  #packet(batch: ReceiveBatch, row: number, link: Link, offset: number, length: number): void {
    const { packet } = this;
    const { view } = batch;
    const frame = batch.offset[row];
    packet.link = link;
    packet.bytes = batch.bytes;
    packet.view = view;
    packet.etherSource = view.getUint16(frame + MAC_SOURCE) * TWO_32 + view.getUint32(frame + MAC_SOURCE + 2);
    packet.etherDestination = view.getUint16(frame) * TWO_32 + view.getUint32(frame + 2);
    packet.payloadOffset = offset;
    packet.payloadLength = length;
  }

  #checkStations(view: DataView, offset: number, slot: number): DropReason | undefined {
    const ours = this.#links.isGatewayMac(slot, view, offset + ethernet.FIELD.source);
    if (ours || hasImpossibleSource(view, offset)) return "ethernet-source";
    if (!ethernet.isGroup(view, offset) && !this.#links.isGatewayMac(slot, view, offset)) return "ethernet-destination";
    return undefined;
  }

  #checkIpv6(view: DataView, offset: number, slot: number): DropReason | undefined {
    const links = this.#links;
    const source = offset + ipv6.FIELD.source;
    const destination = offset + ipv6.FIELD.destination;
    if (isMulticast(view, source) || isLoopback(view, source)) return "ipv6-source";
    if (links.isGatewayIpv6(slot, view, source) || links.isLinkLocalIpv6(slot, view, source)) return "ipv6-source";
    const ours = isMulticast(view, destination) || isLinkLocal(view, destination) || links.isGatewayIpv6(slot, view, destination);
    return ours ? undefined : "ipv6-destination";
  }
}

/** A group, or zero. */
function hasImpossibleSource(view: DataView, offset: number): boolean {
  const source = offset + ethernet.FIELD.source;
  const high = view.getUint16(source);
  return (high & 0x100) !== 0 || (high | view.getUint32(source + 2)) === 0;
}

/** RFC 1122 §3.2.1.3 for the source; zero is a DHCP client that has no address yet. */
function checkIpv4(view: DataView, offset: number, link: Link): DropReason | undefined {
  if (ipv4.protocol(view, offset) !== ipv4.PROTOCOL.udp) return "not-control";
  const destination = ipv4.destination(view, offset);
  if (destination !== IPV4_BROADCAST && (destination !== link.gatewayIpv4 || destination === 0)) return "ipv4-destination";
  if (ipv4.isFragment(view, offset)) return "ipv4-fragment";
  const source = ipv4.source(view, offset);
  const impossible = isMulticastIpv4(source) || source === IPV4_BROADCAST || isLoopbackIpv4(source);
  if (impossible || (source === link.gatewayIpv4 && source !== 0)) return "ipv4-source";
  return undefined;
}

function checkUdpv4(view: DataView, ipOffset: number, offset: number, flags: number): DropReason | undefined {
  if (udp.source(view, offset) === 0) return "udp-source-port";
  if ((flags & FRAME_FLAG.checksumPartial) !== 0 || udp.checksum(view, offset) === 0) return undefined;
  const length = udp.lengthBytes(view, offset);
  const source = ipv4.source(view, ipOffset);
  const destination = ipv4.destination(view, ipOffset);
  const pseudoHeader = internetChecksum.pseudoHeaderIpv4(source, destination, ipv4.PROTOCOL.udp, length);
  return internetChecksum.verify(view, offset, length, pseudoHeader) ? undefined : "udp-checksum";
}

function checkUdpv6(batch: ReceiveBatch, row: number, ipOffset: number, offset: number): DropReason | undefined {
  const { view } = batch;
  if (udp.source(view, offset) === 0) return "udp-source-port";
  if (isUnspecified(view, ipOffset + ipv6.FIELD.source)) return "ipv6-source";
  if ((batch.flags[row] & FRAME_FLAG.checksumPartial) !== 0) return undefined;
  if (udp.checksum(view, offset) === 0) return "udp-checksum-missing";
  const length = udp.lengthBytes(view, offset);
  const pseudoHeader = internetChecksum.pseudoHeaderIpv6(view, ipOffset + ipv6.FIELD.source, ipv6.NEXT_HEADER.udp, length);
  return internetChecksum.verify(view, offset, length, pseudoHeader) ? undefined : "udp-checksum";
}

function checkIcmpv6(view: DataView, ipOffset: number, offset: number, length: number, flags: number): DropReason | undefined {
  const type = icmpv6.type(view, offset);
  if (icmpv6.isNeighbourDiscovery(type)) {
    if (ipv6.hopLimit(view, ipOffset) !== HOP_LIMIT_ON_LINK) return "icmpv6-hop-limit";
    if (icmpv6.code(view, offset) !== 0) return "icmpv6-code";
  } else if (!icmpv6.isListenerDiscovery(type) && type !== icmpv6.TYPE.echoReply) {
    return "not-control";
  }
  if ((flags & FRAME_FLAG.checksumPartial) !== 0) return undefined;
  return icmpv6.verify(view, ipOffset, offset, length) ? undefined : "icmpv6-checksum";
}
