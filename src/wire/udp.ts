/** User Datagram Protocol (RFC 768). */

export const HEADER_BYTES = 8;

export const FIELD = {
  source: 0,
  destination: 2,
  length: 4,
  checksum: 6,
} as const;

/** A UDP header; the payload stays where it is. */
export interface Udp {
  readonly source: number;
  readonly destination: number;
  /** Header and payload. */
  readonly lengthBytes: number;
  /** Zero: none was computed (IPv4 only). */
  readonly checksum: number;
}

export type UdpFault = "udp-truncated" | "udp-length";

/** A length field that is too small for the header, or claims more than there is, is a fault; bytes behind it are padding. */
export function check(view: DataView, offset: number, length: number): UdpFault | undefined {
  if (length < HEADER_BYTES) return "udp-truncated";
  const claimed = lengthBytes(view, offset);
  if (claimed < HEADER_BYTES || claimed > length) return "udp-length";
  return undefined;
}

export function source(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.source);
}

export function destination(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.destination);
}

/** Header and payload, as the header claims. */
export function lengthBytes(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.length);
}

export function checksum(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.checksum);
}

export function setChecksum(view: DataView, offset: number, value: number): void {
  view.setUint16(offset + FIELD.checksum, value);
}

export function parse(view: DataView, offset: number, length: number): Udp | UdpFault {
  const fault = check(view, offset, length);
  if (fault !== undefined) return fault;
  return {
    source: source(view, offset),
    destination: destination(view, offset),
    lengthBytes: lengthBytes(view, offset),
    checksum: checksum(view, offset),
  };
}

/** Writes the eight header bytes. */
export function emit(repr: Udp, view: DataView, offset: number): number {
  view.setUint16(offset + FIELD.source, repr.source);
  view.setUint16(offset + FIELD.destination, repr.destination);
  view.setUint16(offset + FIELD.length, repr.lengthBytes);
  view.setUint16(offset + FIELD.checksum, repr.checksum);
  return HEADER_BYTES;
}

/** `68 > 67: UDP, length 300`: the length is the payload's, as tcpdump counts it. */
export function describe(view: DataView, offset: number, length: number): string {
  const fault = check(view, offset, length);
  if (fault !== undefined) return `${fault} (${length} bytes)`;
  const payloadBytes = lengthBytes(view, offset) - HEADER_BYTES;
  return `${source(view, offset)} > ${destination(view, offset)}: UDP, length ${payloadBytes}`;
}
