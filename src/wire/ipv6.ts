/** Internet Protocol version 6 (RFC 8200): the header, and the walk over extension headers. */
import { formatIpv6, type Ipv6Address, readIpv6, writeIpv6 } from "../base/ipv6-address.js";

export const HEADER_BYTES = 40;

export const FIELD = {
  versionClassFlow: 0,
  payloadLength: 4,
  nextHeader: 6,
  hopLimit: 7,
  source: 8,
  destination: 24,
} as const;

/** Upper-layer protocols and extension headers share one number space (IANA protocol numbers). */
export const NEXT_HEADER = {
  hopByHop: 0,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  authentication: 51,
  icmpv6: 58,
  none: 59,
  destinationOptions: 60,
} as const;

/** More extension headers than this are nobody's honest packet (RFC 8504 §5.3 allows a limit). */
export const EXTENSION_HEADERS_MOST = 8;

export interface Ipv6 {
  readonly trafficClass: number;
  readonly flowLabel: number;
  /** Everything behind these 40 bytes, extension headers included. */
  readonly payloadBytes: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly source: Ipv6Address;
  readonly destination: Ipv6Address;
}

export type Ipv6Fault = "ipv6-truncated" | "ipv6-version" | "ipv6-payload-length";
export type ExtensionFault =
  | "ipv6-extension-truncated"
  | "ipv6-extension-order"
  | "ipv6-extensions-many"
  | "ipv6-fragment"
  | "ipv6-routing";

/** Bytes behind the payload are the frame's padding, no fault. */
export function check(view: DataView, offset: number, length: number): Ipv6Fault | undefined {
  if (length < HEADER_BYTES) return "ipv6-truncated";
  if (view.getUint8(offset) >>> 4 !== 6) return "ipv6-version";
  if (payloadBytes(view, offset) > length - HEADER_BYTES) return "ipv6-payload-length";
  return undefined;
}

export function payloadBytes(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.payloadLength);
}

export function nextHeader(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.nextHeader);
}

export function hopLimit(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.hopLimit);
}

/** Makes bigints: off the hot path. */
export function source(view: DataView, offset: number): Ipv6Address {
  return readIpv6(view, offset + FIELD.source);
}

/** Makes bigints: off the hot path. */
export function destination(view: DataView, offset: number): Ipv6Address {
  return readIpv6(view, offset + FIELD.destination);
}

/**
 * Finds what a packet carries behind its extension headers. It is its own result, so that the hot path can reuse one.
 *
 * Fragments are a fault, also atomic ones: nothing that tapnet answers is ever fragmented (RFC 6980 for neighbour discovery).
 */
export class ExtensionWalk {
  /** The first header that is no extension: `NEXT_HEADER.udp`, for example. */
  protocol = 0;
  /** Its first byte, and how much of the packet is left from there. */
  offset = 0;
  length = 0;

  /** `offset` is the IPv6 header's, for which `check` found no fault. */
  walk(view: DataView, offset: number): ExtensionFault | undefined {
    this.protocol = nextHeader(view, offset);
    this.offset = offset + HEADER_BYTES;
    this.length = payloadBytes(view, offset);
    for (let walked = 0; isExtension(this.protocol); walked++) {
      if (walked === EXTENSION_HEADERS_MOST) return "ipv6-extensions-many";
      const fault = this.#step(view, walked);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #step(view: DataView, walked: number): ExtensionFault | undefined {
    if (this.protocol === NEXT_HEADER.fragment) return "ipv6-fragment";
    if (this.length < 8) return "ipv6-extension-truncated";
    if (this.protocol === NEXT_HEADER.hopByHop && walked > 0) return "ipv6-extension-order";
    if (this.protocol === NEXT_HEADER.routing && view.getUint8(this.offset + 3) !== 0) return "ipv6-routing";
    const words = view.getUint8(this.offset + 1);
    const bytes = this.protocol === NEXT_HEADER.authentication ? (words + 2) * 4 : (words + 1) * 8;
    if (bytes > this.length) return "ipv6-extension-truncated";
    this.protocol = view.getUint8(this.offset);
    this.offset += bytes;
    this.length -= bytes;
    return undefined;
  }
}

/** Whether a next header is one behind which another follows. */
export function isExtension(protocol: number): boolean {
  switch (protocol) {
    case NEXT_HEADER.hopByHop:
    case NEXT_HEADER.routing:
    case NEXT_HEADER.fragment:
    case NEXT_HEADER.authentication:
    case NEXT_HEADER.destinationOptions:
      return true;
    default:
      return false;
  }
}

export function parse(view: DataView, offset: number, length: number): Ipv6 | Ipv6Fault {
  const fault = check(view, offset, length);
  if (fault !== undefined) return fault;
  const versionClassFlow = view.getUint32(offset + FIELD.versionClassFlow);
  return {
    trafficClass: (versionClassFlow >>> 20) & 0xff,
    flowLabel: versionClassFlow & 0xf_ffff,
    payloadBytes: payloadBytes(view, offset),
    nextHeader: nextHeader(view, offset),
    hopLimit: hopLimit(view, offset),
    source: source(view, offset),
    destination: destination(view, offset),
  };
}

/** Writes the 40 bytes of the header. */
export function emit(repr: Ipv6, view: DataView, offset: number): number {
  view.setUint32(offset + FIELD.versionClassFlow, ((6 << 28) | (repr.trafficClass << 20) | repr.flowLabel) >>> 0);
  view.setUint16(offset + FIELD.payloadLength, repr.payloadBytes);
  view.setUint8(offset + FIELD.nextHeader, repr.nextHeader);
  view.setUint8(offset + FIELD.hopLimit, repr.hopLimit);
  writeIpv6(view, offset + FIELD.source, repr.source);
  writeIpv6(view, offset + FIELD.destination, repr.destination);
  return HEADER_BYTES;
}

/** `IP6 fe80::2 > ff02::2: next-header 58, hlim 255, length 16`. */
export function describe(view: DataView, offset: number, length: number): string {
  const packet = parse(view, offset, length);
  if (typeof packet === "string") return `IP6, ${packet} (${length} bytes)`;
  const addresses = `${formatIpv6(packet.source)} > ${formatIpv6(packet.destination)}`;
  return `IP6 ${addresses}: next-header ${packet.nextHeader}, hlim ${packet.hopLimit}, length ${packet.payloadBytes}`;
}
