/** Internet Protocol version 4 (RFC 791). */
import { formatIpv4, type Ipv4Address } from "../base/ipv4-address.js";
import * as checksum from "./checksum.js";
import { copyIn, copyOut } from "./octets.js";

/** Without options. */
export const HEADER_BYTES = 20;
export const HEADER_BYTES_MOST = 60;

export const FIELD = {
  versionAndLength: 0,
  trafficClass: 1,
  totalLength: 2,
  identification: 4,
  flagsAndOffset: 6,
  ttl: 8,
  protocol: 9,
  checksum: 10,
  source: 12,
  destination: 16,
  options: 20,
} as const;

export const FLAG = { moreFragments: 1, dontFragment: 2, reserved: 4 } as const;

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 } as const;

const FRAGMENT_MASK = 0x3fff;

export interface Ipv4 {
  /** DSCP and ECN (RFC 2474, RFC 3168). */
  readonly trafficClass: number;
  /** Header and payload. */
  readonly totalBytes: number;
  readonly identification: number;
  /** Bits of `FLAG`. */
  readonly flags: number;
  readonly fragmentOffsetBytes: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly source: Ipv4Address;
  readonly destination: Ipv4Address;
  /** Uninterpreted; a multiple of four bytes, at most 40. */
  readonly options: Uint8Array;
}

export type Ipv4Fault = "ipv4-truncated" | "ipv4-version" | "ipv4-header-length" | "ipv4-total-length" | "ipv4-checksum";

/** Bytes behind the total length are the frame's padding, no fault. */
export function check(view: DataView, offset: number, length: number): Ipv4Fault | undefined {
  if (length < HEADER_BYTES) return "ipv4-truncated";
  if (view.getUint8(offset) >>> 4 !== 4) return "ipv4-version";
  const header = headerBytes(view, offset);
  if (header < HEADER_BYTES || header > length) return "ipv4-header-length";
  const total = totalBytes(view, offset);
  if (total < header || total > length) return "ipv4-total-length";
  if (!checksum.verify(view, offset, header)) return "ipv4-checksum";
  return undefined;
}

export function headerBytes(view: DataView, offset: number): number {
  return (view.getUint8(offset + FIELD.versionAndLength) & 0xf) * 4;
}

/** Header and payload, as the header claims. */
export function totalBytes(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.totalLength);
}

/** The first fragment, a later one, or the last one of several. */
export function isFragment(view: DataView, offset: number): boolean {
  return (view.getUint16(offset + FIELD.flagsAndOffset) & FRAGMENT_MASK) !== 0;
}

export function ttl(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.ttl);
}

export function protocol(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.protocol);
}

export function source(view: DataView, offset: number): Ipv4Address {
  return view.getUint32(offset + FIELD.source);
}

export function destination(view: DataView, offset: number): Ipv4Address {
  return view.getUint32(offset + FIELD.destination);
}

export function parse(view: DataView, offset: number, length: number): Ipv4 | Ipv4Fault {
  const fault = check(view, offset, length);
  if (fault !== undefined) return fault;
  const flagsAndOffset = view.getUint16(offset + FIELD.flagsAndOffset);
  const optionsBytes = headerBytes(view, offset) - HEADER_BYTES;
  return {
    trafficClass: view.getUint8(offset + FIELD.trafficClass),
    totalBytes: totalBytes(view, offset),
    identification: view.getUint16(offset + FIELD.identification),
    flags: flagsAndOffset >>> 13,
    fragmentOffsetBytes: (flagsAndOffset & 0x1fff) * 8,
    ttl: ttl(view, offset),
    protocol: protocol(view, offset),
    source: source(view, offset),
    destination: destination(view, offset),
    options: copyOut(view, offset + FIELD.options, optionsBytes),
  };
}

export function emittedBytes(repr: Ipv4): number {
  return HEADER_BYTES + repr.options.length;
}

/** Writes header and options with their checksum. */
export function emit(repr: Ipv4, view: DataView, offset: number): number {
  const bytes = emittedBytes(repr);
  view.setUint8(offset + FIELD.versionAndLength, 0x40 | (bytes / 4));
  view.setUint8(offset + FIELD.trafficClass, repr.trafficClass);
  view.setUint16(offset + FIELD.totalLength, repr.totalBytes);
  view.setUint16(offset + FIELD.identification, repr.identification);
  view.setUint16(offset + FIELD.flagsAndOffset, (repr.flags << 13) | (repr.fragmentOffsetBytes / 8));
  view.setUint8(offset + FIELD.ttl, repr.ttl);
  view.setUint8(offset + FIELD.protocol, repr.protocol);
  view.setUint16(offset + FIELD.checksum, 0);
  view.setUint32(offset + FIELD.source, repr.source);
  view.setUint32(offset + FIELD.destination, repr.destination);
  copyIn(repr.options, view, offset + FIELD.options);
  view.setUint16(offset + FIELD.checksum, checksum.checksum(view, offset, bytes));
  return bytes;
}

/** `10.77.0.2 > 10.77.0.1: protocol 17, ttl 64, length 328`. */
export function describe(view: DataView, offset: number, length: number): string {
  const packet = parse(view, offset, length);
  if (typeof packet === "string") return `IP, ${packet} (${length} bytes)`;
  const more = (packet.flags & FLAG.moreFragments) === 0 ? "" : "+";
  const fragment = isFragment(view, offset) ? `, fragment ${packet.identification}@${packet.fragmentOffsetBytes}${more}` : "";
  const addresses = `${formatIpv4(packet.source)} > ${formatIpv4(packet.destination)}`;
  return `IP ${addresses}: protocol ${packet.protocol}, ttl ${packet.ttl}${fragment}, length ${packet.totalBytes}`;
}
