import { readIpv6 } from "../../src/base/ipv6-address.js";
import type { Mac } from "../../src/base/mac.js";
import { FRAME_SLOT_BYTES, ReceiveBatch, type SendBatch, type Transmitter } from "../../src/frame/batch.js";
import type { Link } from "../../src/frame/link.js";
import { LinkTable } from "../../src/frame/link-table.js";
import * as checksum from "../../src/wire/checksum.js";
import * as ethernet from "../../src/wire/ethernet.js";
import * as icmpv6 from "../../src/wire/icmpv6.js";
import * as ipv4 from "../../src/wire/ipv4.js";
import * as ipv6 from "../../src/wire/ipv6.js";
import * as udp from "../../src/wire/udp.js";
import { viewOf } from "./pieces.js";

/** A guest's port as most tests want it. */
export const PORT: Link = {
  slot: 0,
  ifindex: 7,
  ifname: "tn-web1",
  network: "default",
  guest: "web1",
  gatewayMac: 0x0200_0000_0001,
  gatewayIpv4: 0x0a4d_0001,
  gatewayIpv6: (0xfd00_0077n << 96n) | 1n,
};

export const GUEST_MAC: Mac = 0x5254_0012_3456;
export const GUEST_IPV4 = 0x0a4d_0002;
export const GUEST_LINK_LOCAL = (0xfe80n << 112n) | 0x5054_00ff_fe12_3456n;
export const PORT_LINK_LOCAL = (0xfe80n << 112n) | 1n;

export function tableOf(...links: Link[]): LinkTable {
  const table = new LinkTable();
  for (const link of links) table.set(link);
  return table;
}

/** One batch with these frames in its rows, all from `slot`. */
export function receive(frames: readonly Uint8Array[], slot = 0, flags = 0): ReceiveBatch {
  const batch = new ReceiveBatch(Math.max(1, frames.length));
  for (const frame of frames) append(batch, frame, slot, flags);
  return batch;
}

export function append(batch: ReceiveBatch, frame: Uint8Array, slot: number, flags = 0): void {
  const row = batch.count++;
  batch.offset[row] = row * FRAME_SLOT_BYTES;
  batch.bytes.set(frame.subarray(0, FRAME_SLOT_BYTES), batch.offset[row]);
  batch.length[row] = Math.min(frame.length, FRAME_SLOT_BYTES);
  batch.slot[row] = slot;
  batch.flags[row] = flags;
}

export interface UdpFrame {
  readonly etherSource?: Mac;
  readonly etherDestination?: Mac;
  readonly tag?: ethernet.VlanTag | undefined;
  readonly source: number;
  readonly destination: number;
  readonly payload: Uint8Array;
  /** Default: the right one. */
  readonly checksum?: number;
}

export interface Udpv4Frame extends UdpFrame {
  readonly ipSource?: number;
  readonly ipDestination?: number;
  readonly options?: Uint8Array;
  readonly flags?: number;
  readonly fragmentOffsetBytes?: number;
  readonly protocol?: number;
}

/** A UDP over IPv4 frame of a guest, whole and right unless told otherwise. */
export function udpv4Frame(fields: Udpv4Frame): Uint8Array {
  const ipSource = fields.ipSource ?? GUEST_IPV4;
  const ipDestination = fields.ipDestination ?? PORT.gatewayIpv4;
  const options = fields.options ?? new Uint8Array(0);
  const udpBytes = udp.HEADER_BYTES + fields.payload.length;
  const frame = new Uint8Array(18 + 60 + udpBytes);
  const view = viewOf(frame);
  let at = emitEthernet(fields, ethernet.ETHERTYPE.ipv4, view);
  at += ipv4.emit(
    {
      trafficClass: 0,
      totalBytes: ipv4.HEADER_BYTES + options.length + udpBytes,
      identification: 0,
      flags: fields.flags ?? ipv4.FLAG.dontFragment,
      fragmentOffsetBytes: fields.fragmentOffsetBytes ?? 0,
      ttl: 64,
      protocol: fields.protocol ?? ipv4.PROTOCOL.udp,
      source: ipSource,
      destination: ipDestination,
      options,
    },
    view,
    at,
  );
  emitUdp(fields, view, at, checksum.pseudoHeaderIpv4(ipSource, ipDestination, ipv4.PROTOCOL.udp, udpBytes));
  return frame.subarray(0, at + udpBytes);
}

export interface Ipv6Fields {
  readonly ipv6Source?: bigint;
  readonly ipv6Destination?: bigint;
  /** Raw extension headers, and the number of the first one. */
  readonly extensions?: { readonly first: number; readonly bytes: Uint8Array };
}

/** A UDP over IPv6 frame of a guest, whole and right unless told otherwise. */
export function udpv6Frame(fields: UdpFrame & Ipv6Fields): Uint8Array {
  const udpBytes = udp.HEADER_BYTES + fields.payload.length;
  const { frame, view, ipOffset, at } = beginIpv6(fields, udpBytes, ipv6.NEXT_HEADER.udp, 64);
  emitUdp(fields, view, at, checksum.pseudoHeaderIpv6(view, ipOffset + ipv6.FIELD.source, ipv6.NEXT_HEADER.udp, udpBytes));
  return frame;
}

export interface Icmpv6Frame extends Ipv6Fields {
  readonly etherSource?: Mac;
  readonly etherDestination?: Mac;
  readonly type: number;
  readonly code?: number;
  readonly hopLimit?: number;
  /** What follows type, code and checksum. */
  readonly body?: Uint8Array;
}

/** An ICMPv6 frame of a guest, whole and right unless told otherwise. */
export function icmpv6Frame(fields: Icmpv6Frame): Uint8Array {
  const body = fields.body ?? new Uint8Array(4);
  const bytes = icmpv6.HEADER_BYTES + body.length;
  const { frame, view, ipOffset, at } = beginIpv6(fields, bytes, ipv6.NEXT_HEADER.icmpv6, fields.hopLimit ?? 255);
  icmpv6.emit({ type: fields.type, code: fields.code ?? 0, checksum: 0 }, view, at);
  frame.set(body, at + icmpv6.HEADER_BYTES);
  icmpv6.seal(view, ipOffset, at, bytes);
  return frame;
}

interface Begun {
  readonly frame: Uint8Array;
  readonly view: DataView;
  readonly ipOffset: number;
  readonly at: number;
}

function beginIpv6(fields: Ipv6Fields & Partial<UdpFrame>, upperBytes: number, upper: number, hopLimit: number): Begun {
  const extensions = fields.extensions ?? { first: upper, bytes: new Uint8Array(0) };
  const header: ipv6.Ipv6 = {
    trafficClass: 0,
    flowLabel: 0,
    payloadBytes: extensions.bytes.length + upperBytes,
    nextHeader: extensions.first,
    hopLimit,
    source: fields.ipv6Source ?? GUEST_LINK_LOCAL,
    destination: fields.ipv6Destination ?? PORT_LINK_LOCAL,
  };
  const ipOffset = fields.tag === undefined ? ethernet.HEADER_BYTES : ethernet.HEADER_BYTES + ethernet.TAG_BYTES;
  const at = ipOffset + ipv6.HEADER_BYTES + extensions.bytes.length;
  const frame = new Uint8Array(at + upperBytes);
  const view = viewOf(frame);
  emitEthernet(fields, ethernet.ETHERTYPE.ipv6, view);
  ipv6.emit(header, view, ipOffset);
  frame.set(extensions.bytes, ipOffset + ipv6.HEADER_BYTES);
  return { frame, view, ipOffset, at };
}

function emitEthernet(fields: Pick<UdpFrame, "etherSource" | "etherDestination" | "tag">, type: number, view: DataView): number {
  const source = fields.etherSource ?? GUEST_MAC;
  const destination = fields.etherDestination ?? PORT.gatewayMac;
  return ethernet.emit({ source, destination, tag: fields.tag, type }, view, 0);
}

function emitUdp(fields: UdpFrame, view: DataView, at: number, pseudoHeader: number): void {
  const lengthBytes = udp.HEADER_BYTES + fields.payload.length;
  udp.emit({ source: fields.source, destination: fields.destination, lengthBytes, checksum: 0 }, view, at);
  new Uint8Array(view.buffer, view.byteOffset).set(fields.payload, at + udp.HEADER_BYTES);
  const computed = checksum.checksum(view, at, lengthBytes, pseudoHeader);
  udp.setChecksum(view, at, fields.checksum ?? (computed === 0 ? 0xffff : computed));
}

/** What left, frame by frame. */
export class RecordingTransmitter implements Transmitter {
  readonly frames: { readonly ifindex: number; readonly bytes: Uint8Array }[] = [];
  /** How often `send` was called. */
  flushes = 0;

  send(batch: SendBatch): number {
    this.flushes++;
    for (let row = 0; row < batch.count; row++) {
      const offset = batch.offset[row];
      this.frames.push({ ifindex: batch.ifindex[row], bytes: batch.bytes.slice(offset, offset + batch.length[row]) });
    }
    return batch.count;
  }
}

/** A frame that we composed, taken apart by the codecs: throws if any of them finds a fault or a checksum is wrong. */
export function readUdpFrame(frame: Uint8Array) {
  const view = viewOf(frame);
  const ether = must(ethernet.parse(view, 0, frame.length));
  const at = ethernet.HEADER_BYTES;
  if (ether.type === ethernet.ETHERTYPE.ipv4) {
    const ip = must(ipv4.parse(view, at, frame.length - at));
    const udpOffset = at + ipv4.headerBytes(view, at);
    const pseudoHeader = checksum.pseudoHeaderIpv4(ip.source, ip.destination, ip.protocol, ip.totalBytes - (udpOffset - at));
    return { ether, ip, ...readUdp(frame, udpOffset, pseudoHeader) };
  }
  const ip = must(ipv6.parse(view, at, frame.length - at));
  const pseudoHeader = checksum.pseudoHeaderIpv6(view, at + ipv6.FIELD.source, ip.nextHeader, ip.payloadBytes);
  return { ether, ip, ...readUdp(frame, at + ipv6.HEADER_BYTES, pseudoHeader) };
}

function readUdp(frame: Uint8Array, offset: number, pseudoHeader: number) {
  const view = viewOf(frame);
  const header = must(udp.parse(view, offset, frame.length - offset));
  if (!checksum.verify(view, offset, header.lengthBytes, pseudoHeader)) throw new Error("UDP checksum wrong");
  return { udp: header, payload: frame.slice(offset + udp.HEADER_BYTES, offset + header.lengthBytes) };
}

/** The repr, or an Error that names the fault. */
export function must<Repr>(parsed: Repr | string): Repr {
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
}

/** 16 bytes as the bigint that they are. */
export function ipv6Of(bytes: Uint8Array, offset = 0): bigint {
  return readIpv6(viewOf(bytes), offset);
}

/** A promise whose end the test decides. */
export function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
