/**
 * Headers in front of a payload that already lies in its row of the send batch.
 *
 * The payload starts `HEADER_ROOM_BYTES` into the row, and each kind of frame is composed backwards from there: nothing is moved.
 * The UDP checksum is always the full one, also over virtio, because clients that read raw sockets refuse a partial one (the old
 * "bad DHCP checksum" bug).
 *
 * IPv4 goes out with identification 0 and "don't fragment" (RFC 6864 §4.1: atomic, so the identification means nothing) and
 * traffic class 0: control frames cross one virtual wire, nothing there looks at it.
 */
import { writeMac } from "../base/mac.js";
import * as internetChecksum from "../wire/checksum.js";
import * as ethernet from "../wire/ethernet.js";
import * as icmpv6 from "../wire/icmpv6.js";
import * as ipv4 from "../wire/ipv4.js";
import * as ipv6 from "../wire/ipv6.js";
import * as udp from "../wire/udp.js";
import { FRAME_SLOT_BYTES, type SendBatch } from "./batch.js";
import type { Reply } from "./datagram.js";
import { copyAddress } from "./ipv6-bytes.js";

/** Ethernet, IPv6 and UDP take 62; rounded up so that payloads are aligned. */
export const HEADER_ROOM_BYTES = 64;

/** What an Ethernet frame of 1,514 bytes has left for the payload. */
export const PAYLOAD_LIMIT = {
  udpv4: 1500 - ipv4.HEADER_BYTES - udp.HEADER_BYTES,
  udpv6: 1500 - ipv6.HEADER_BYTES - udp.HEADER_BYTES,
  icmpv6: 1500 - ipv6.HEADER_BYTES,
  arp: 1500,
} as const;

const TTL = 64;
/** Neighbour discovery is only believed when no router has touched it (RFC 4861 §6.1). */
const HOP_LIMIT_ON_LINK = 255;

/** Points a reply at the next free row of a batch: where the payload goes, and how much fits. */
export function pointAt(reply: Reply, batch: SendBatch, payloadLimit: number): void {
  reply.bytes = batch.bytes;
  reply.view = batch.view;
  reply.payloadOffset = batch.count * FRAME_SLOT_BYTES + HEADER_ROOM_BYTES;
  reply.payloadLimit = payloadLimit;
  reply.payloadLength = 0;
}

/** Completes the row that `pointAt` chose, as UDP over IPv4, and counts it in. */
export function composeUdpv4(reply: Reply, batch: SendBatch): void {
  const { view } = batch;
  const udpOffset = reply.payloadOffset - udp.HEADER_BYTES;
  const ipOffset = udpOffset - ipv4.HEADER_BYTES;
  const udpBytes = udp.HEADER_BYTES + reply.payloadLength;
  view.setUint16(ipOffset + ipv4.FIELD.versionAndLength, 0x4500);
  view.setUint16(ipOffset + ipv4.FIELD.totalLength, ipv4.HEADER_BYTES + udpBytes);
  view.setUint16(ipOffset + ipv4.FIELD.identification, 0);
  view.setUint16(ipOffset + ipv4.FIELD.flagsAndOffset, ipv4.FLAG.dontFragment << 13);
  view.setUint8(ipOffset + ipv4.FIELD.ttl, TTL);
  view.setUint8(ipOffset + ipv4.FIELD.protocol, ipv4.PROTOCOL.udp);
  view.setUint16(ipOffset + ipv4.FIELD.checksum, 0);
  view.setUint32(ipOffset + ipv4.FIELD.source, reply.ipSource);
  view.setUint32(ipOffset + ipv4.FIELD.destination, reply.ipDestination);
  view.setUint16(ipOffset + ipv4.FIELD.checksum, internetChecksum.checksum(view, ipOffset, ipv4.HEADER_BYTES));
  const pseudoHeader = internetChecksum.pseudoHeaderIpv4(reply.ipSource, reply.ipDestination, ipv4.PROTOCOL.udp, udpBytes);
  writeUdp(view, udpOffset, reply, udpBytes, pseudoHeader);
  finish(reply, batch, ipOffset, ethernet.ETHERTYPE.ipv4);
}

/** Completes the row that `pointAt` chose, as UDP over IPv6, and counts it in. */
export function composeUdpv6(reply: Reply, batch: SendBatch): void {
  const udpOffset = reply.payloadOffset - udp.HEADER_BYTES;
  const ipOffset = udpOffset - ipv6.HEADER_BYTES;
  const udpBytes = udp.HEADER_BYTES + reply.payloadLength;
  writeIpv6Header(batch, ipOffset, reply, udpBytes, ipv6.NEXT_HEADER.udp, TTL);
  const addresses = ipOffset + ipv6.FIELD.source;
  const pseudoHeader = internetChecksum.pseudoHeaderIpv6(batch.view, addresses, ipv6.NEXT_HEADER.udp, udpBytes);
  writeUdp(batch.view, udpOffset, reply, udpBytes, pseudoHeader);
  finish(reply, batch, ipOffset, ethernet.ETHERTYPE.ipv6);
}

/** Completes the row that `pointAt` chose, as ICMPv6 with its checksum, and counts it in. The payload is the whole message. */
export function composeIcmpv6(reply: Reply, batch: SendBatch): void {
  const ipOffset = reply.payloadOffset - ipv6.HEADER_BYTES;
  writeIpv6Header(batch, ipOffset, reply, reply.payloadLength, ipv6.NEXT_HEADER.icmpv6, HOP_LIMIT_ON_LINK);
  icmpv6.seal(batch.view, ipOffset, reply.payloadOffset, reply.payloadLength);
  finish(reply, batch, ipOffset, ethernet.ETHERTYPE.ipv6);
}

/** Completes the row that `pointAt` chose, as ARP, and counts it in. The payload is the whole message. */
export function composeArp(reply: Reply, batch: SendBatch): void {
  finish(reply, batch, reply.payloadOffset, ethernet.ETHERTYPE.arp);
}

/** A computed checksum of zero is sent as all ones, because zero means "none" (RFC 768). */
function writeUdp(view: DataView, offset: number, reply: Reply, udpBytes: number, pseudoHeader: number): void {
  view.setUint16(offset + udp.FIELD.source, reply.udpSource);
  view.setUint16(offset + udp.FIELD.destination, reply.udpDestination);
  view.setUint16(offset + udp.FIELD.length, udpBytes);
  udp.setChecksum(view, offset, 0);
  const checksum = internetChecksum.checksum(view, offset, udpBytes, pseudoHeader);
  udp.setChecksum(view, offset, checksum === 0 ? 0xffff : checksum);
}

function writeIpv6Header(
  batch: SendBatch,
  offset: number,
  reply: Reply,
  payloadBytes: number,
  next: number,
  hopLimit: number,
): void {
  const { view, bytes } = batch;
  view.setUint32(offset + ipv6.FIELD.versionClassFlow, 0x6000_0000);
  view.setUint16(offset + ipv6.FIELD.payloadLength, payloadBytes);
  view.setUint8(offset + ipv6.FIELD.nextHeader, next);
  view.setUint8(offset + ipv6.FIELD.hopLimit, hopLimit);
  copyAddress(reply.ipv6Source, 0, bytes, offset + ipv6.FIELD.source);
  copyAddress(reply.ipv6Destination, 0, bytes, offset + ipv6.FIELD.destination);
}

function finish(reply: Reply, batch: SendBatch, networkOffset: number, type: number): void {
  const { view } = batch;
  const offset = networkOffset - ethernet.HEADER_BYTES;
  writeMac(view, offset + ethernet.FIELD.destination, reply.etherDestination);
  writeMac(view, offset + ethernet.FIELD.source, reply.etherSource);
  view.setUint16(offset + ethernet.FIELD.type, type);
  const row = batch.count++;
  batch.ifindex[row] = reply.ifindex;
  batch.offset[row] = offset;
  batch.length[row] = reply.payloadOffset + reply.payloadLength - offset;
}
