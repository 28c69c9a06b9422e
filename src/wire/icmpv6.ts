/** Internet Control Message Protocol for IPv6 (RFC 4443): the header that all its messages share. */
import * as internetChecksum from "./checksum.js";
import { FIELD as IPV6_FIELD, NEXT_HEADER } from "./ipv6.js";

export const HEADER_BYTES = 4;

export const FIELD = {
  type: 0,
  code: 1,
  checksum: 2,
  body: 4,
} as const;

export const TYPE = {
  unreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  /** Multicast listener discovery (RFC 2710, RFC 3810). */
  listenerQuery: 130,
  listenerReport: 131,
  listenerDone: 132,
  listenerReportV2: 143,
  /** Neighbour discovery (RFC 4861). */
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
  redirect: 137,
} as const;

export interface Icmpv6 {
  readonly type: number;
  readonly code: number;
  /** As found; `emit` writes it as it is, `seal` computes it. */
  readonly checksum: number;
}

export type Icmpv6Fault = "icmpv6-truncated";

/** The checksum needs the IPv6 header as well: see `verify`. */
export function check(_view: DataView, _offset: number, length: number): Icmpv6Fault | undefined {
  return length < HEADER_BYTES ? "icmpv6-truncated" : undefined;
}

export function type(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.type);
}

export function code(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.code);
}

/** Neighbour discovery proper, which must arrive with hop limit 255 (RFC 4861 §6.1, §7.1, §8.1). */
export function isNeighbourDiscovery(messageType: number): boolean {
  return messageType >= TYPE.routerSolicitation && messageType <= TYPE.redirect;
}

/** Multicast listener discovery, which stays on the link with hop limit 1. */
export function isListenerDiscovery(messageType: number): boolean {
  return (messageType >= TYPE.listenerQuery && messageType <= TYPE.listenerDone) || messageType === TYPE.listenerReportV2;
}

/** Whether the checksum of a whole message is right (RFC 4443 §2.3); `ipv6Offset` is the IPv6 header's first byte. */
export function verify(view: DataView, ipv6Offset: number, offset: number, length: number): boolean {
  return internetChecksum.verify(view, offset, length, pseudoHeader(view, ipv6Offset, length));
}

/** Computes the checksum of a message whose IPv6 addresses, header and body are in place. */
export function seal(view: DataView, ipv6Offset: number, offset: number, length: number): void {
  view.setUint16(offset + FIELD.checksum, 0);
  const value = internetChecksum.checksum(view, offset, length, pseudoHeader(view, ipv6Offset, length));
  view.setUint16(offset + FIELD.checksum, value);
}

function pseudoHeader(view: DataView, ipv6Offset: number, length: number): number {
  return internetChecksum.pseudoHeaderIpv6(view, ipv6Offset + IPV6_FIELD.source, NEXT_HEADER.icmpv6, length);
}

export function parse(view: DataView, offset: number, length: number): Icmpv6 | Icmpv6Fault {
  const fault = check(view, offset, length);
  if (fault !== undefined) return fault;
  return { type: type(view, offset), code: code(view, offset), checksum: view.getUint16(offset + FIELD.checksum) };
}

/** Writes the four header bytes; the body follows, then `seal`. */
export function emit(repr: Icmpv6, view: DataView, offset: number): number {
  view.setUint8(offset + FIELD.type, repr.type);
  view.setUint8(offset + FIELD.code, repr.code);
  view.setUint16(offset + FIELD.checksum, repr.checksum);
  return HEADER_BYTES;
}

const TYPE_TEXT = new Map<number, string>([
  [TYPE.unreachable, "destination unreachable"],
  [TYPE.packetTooBig, "packet too big"],
  [TYPE.timeExceeded, "time exceeded"],
  [TYPE.parameterProblem, "parameter problem"],
  [TYPE.echoRequest, "echo request"],
  [TYPE.echoReply, "echo reply"],
  [TYPE.listenerQuery, "multicast listener query"],
  [TYPE.listenerReport, "multicast listener report"],
  [TYPE.listenerDone, "multicast listener done"],
  [TYPE.listenerReportV2, "multicast listener report v2"],
  [TYPE.routerSolicitation, "router solicitation"],
  [TYPE.routerAdvertisement, "router advertisement"],
  [TYPE.neighbourSolicitation, "neighbor solicitation"],
  [TYPE.neighbourAdvertisement, "neighbor advertisement"],
  [TYPE.redirect, "redirect"],
]);

/** `ICMP6, router solicitation, length 16`. */
export function describe(view: DataView, offset: number, length: number): string {
  const message = parse(view, offset, length);
  if (typeof message === "string") return `ICMP6, ${message} (${length} bytes)`;
  const name = TYPE_TEXT.get(message.type) ?? `type ${message.type}, code ${message.code}`;
  return `ICMP6, ${name}, length ${length}`;
}
