/** Address Resolution Protocol for IPv4 over Ethernet (RFC 826). */
import { formatIpv4, type Ipv4Address } from "../base/ipv4-address.js";
import { formatMac, type Mac, readMac, writeMac } from "../base/mac.js";
import { ETHERTYPE } from "./ethernet.js";

export const HEADER_BYTES = 28;

export const FIELD = {
  hardwareType: 0,
  protocolType: 2,
  hardwareLength: 4,
  protocolLength: 5,
  operation: 6,
  senderMac: 8,
  senderAddress: 14,
  targetMac: 18,
  targetAddress: 24,
} as const;

export const OPERATION = { request: 1, reply: 2 } as const;

const HARDWARE_ETHERNET = 1;
const MAC_BYTES = 6;
const ADDRESS_BYTES = 4;

export interface Arp {
  /** Unknown operations are kept. */
  readonly operation: number;
  readonly senderMac: Mac;
  /** Zero in a probe (RFC 5227 §1.1). */
  readonly senderAddress: Ipv4Address;
  readonly targetMac: Mac;
  readonly targetAddress: Ipv4Address;
}

export type ArpFault = "arp-truncated" | "arp-hardware" | "arp-protocol";

export function check(view: DataView, offset: number, length: number): ArpFault | undefined {
  if (length < HEADER_BYTES) return "arp-truncated";
  const ethernet =
    view.getUint16(offset + FIELD.hardwareType) === HARDWARE_ETHERNET &&
    view.getUint8(offset + FIELD.hardwareLength) === MAC_BYTES;
  if (!ethernet) return "arp-hardware";
  const ipv4 =
    view.getUint16(offset + FIELD.protocolType) === ETHERTYPE.ipv4 &&
    view.getUint8(offset + FIELD.protocolLength) === ADDRESS_BYTES;
  return ipv4 ? undefined : "arp-protocol";
}

export function operation(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.operation);
}

export function senderMac(view: DataView, offset: number): Mac {
  return readMac(view, offset + FIELD.senderMac);
}

export function senderAddress(view: DataView, offset: number): Ipv4Address {
  return view.getUint32(offset + FIELD.senderAddress);
}

export function targetMac(view: DataView, offset: number): Mac {
  return readMac(view, offset + FIELD.targetMac);
}

export function targetAddress(view: DataView, offset: number): Ipv4Address {
  return view.getUint32(offset + FIELD.targetAddress);
}

export function parse(view: DataView, offset: number, length: number): Arp | ArpFault {
  const fault = check(view, offset, length);
  if (fault !== undefined) return fault;
  return {
    operation: operation(view, offset),
    senderMac: senderMac(view, offset),
    senderAddress: senderAddress(view, offset),
    targetMac: targetMac(view, offset),
    targetAddress: targetAddress(view, offset),
  };
}

/** Writes the 28 bytes of the message; the frame's padding is the sender's. */
export function emit(repr: Arp, view: DataView, offset: number): number {
  view.setUint16(offset + FIELD.hardwareType, HARDWARE_ETHERNET);
  view.setUint16(offset + FIELD.protocolType, ETHERTYPE.ipv4);
  view.setUint8(offset + FIELD.hardwareLength, MAC_BYTES);
  view.setUint8(offset + FIELD.protocolLength, ADDRESS_BYTES);
  view.setUint16(offset + FIELD.operation, repr.operation);
  writeMac(view, offset + FIELD.senderMac, repr.senderMac);
  view.setUint32(offset + FIELD.senderAddress, repr.senderAddress);
  writeMac(view, offset + FIELD.targetMac, repr.targetMac);
  view.setUint32(offset + FIELD.targetAddress, repr.targetAddress);
  return HEADER_BYTES;
}

/** `Request who-has 10.77.0.1 tell 10.77.0.2`, `Reply 10.77.0.1 is-at 52:54:00:00:00:01`. */
export function describe(view: DataView, offset: number, length: number): string {
  const arp = parse(view, offset, length);
  if (typeof arp === "string") return `ARP, ${arp} (${length} bytes)`;
  const sender = formatIpv4(arp.senderAddress);
  if (arp.operation === OPERATION.request) return `ARP, Request who-has ${formatIpv4(arp.targetAddress)} tell ${sender}`;
  if (arp.operation === OPERATION.reply) return `ARP, Reply ${sender} is-at ${formatMac(arp.senderMac)}`;
  return `ARP, operation ${arp.operation}, sender ${sender} at ${formatMac(arp.senderMac)}`;
}
