/** Internet Control Message Protocol (RFC 792): the header that all its messages share. */
import * as internetChecksum from "./checksum.js";

export const HEADER_BYTES = 8;

export const FIELD = {
  type: 0,
  code: 1,
  checksum: 2,
  /** Four bytes whose meaning depends on the type. */
  rest: 4,
} as const;

export const TYPE = {
  echoReply: 0,
  unreachable: 3,
  redirect: 5,
  echoRequest: 8,
  timeExceeded: 11,
  parameterProblem: 12,
} as const;

/** Codes of `TYPE.unreachable`; RFC 1812 §5.2.7.1 adds the last. */
export const UNREACHABLE = { network: 0, host: 1, protocol: 2, port: 3, fragmentationNeeded: 4, prohibited: 13 } as const;

export interface Icmpv4 {
  readonly type: number;
  readonly code: number;
  /** For an echo identifier and sequence, for `fragmentationNeeded` the next hop's MTU (RFC 1191 §4). */
  readonly rest: number;
  /** As found; `emit` writes it as it is, `seal` computes it. */
  readonly checksum: number;
}

export type Icmpv4Fault = "icmpv4-truncated" | "icmpv4-checksum";

/** `length` is the whole message: the checksum covers all of it. */
export function check(view: DataView, offset: number, length: number): Icmpv4Fault | undefined {
  if (length < HEADER_BYTES) return "icmpv4-truncated";
  return internetChecksum.verify(view, offset, length) ? undefined : "icmpv4-checksum";
}

export function type(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.type);
}

export function code(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.code);
}

export function parse(view: DataView, offset: number, length: number): Icmpv4 | Icmpv4Fault {
  const fault = check(view, offset, length);
  if (fault !== undefined) return fault;
  return {
    type: type(view, offset),
    code: code(view, offset),
    rest: view.getUint32(offset + FIELD.rest),
    checksum: view.getUint16(offset + FIELD.checksum),
  };
}

/** Writes the eight header bytes; the body follows, then `seal`. */
export function emit(repr: Icmpv4, view: DataView, offset: number): number {
  view.setUint8(offset + FIELD.type, repr.type);
  view.setUint8(offset + FIELD.code, repr.code);
  view.setUint16(offset + FIELD.checksum, repr.checksum);
  view.setUint32(offset + FIELD.rest, repr.rest);
  return HEADER_BYTES;
}

/** Computes the checksum of a message whose header and body are in place. */
export function seal(view: DataView, offset: number, length: number): void {
  view.setUint16(offset + FIELD.checksum, 0);
  view.setUint16(offset + FIELD.checksum, internetChecksum.checksum(view, offset, length));
}

/** `ICMP echo request, id 7, seq 1, length 64`. */
export function describe(view: DataView, offset: number, length: number): string {
  const message = parse(view, offset, length);
  if (typeof message === "string") return `ICMP, ${message} (${length} bytes)`;
  const echo = `id ${message.rest >>> 16}, seq ${message.rest & 0xffff}, length ${length}`;
  switch (message.type) {
    case TYPE.echoRequest:
      return `ICMP echo request, ${echo}`;
    case TYPE.echoReply:
      return `ICMP echo reply, ${echo}`;
    case TYPE.unreachable:
      return `ICMP unreachable, code ${message.code}, length ${length}`;
    case TYPE.timeExceeded:
      return `ICMP time exceeded, code ${message.code}, length ${length}`;
    default:
      return `ICMP type ${message.type}, code ${message.code}, length ${length}`;
  }
}
