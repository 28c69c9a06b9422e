/** The fixed part of a BOOTP message (RFC 951 §3, RFC 2131 §2), and where options begin behind it. */

import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Mac } from "../../base/mac.js";
import { type Dhcp4Fault, OP } from "./codes.js";

export const FIELD = {
  op: 0,
  htype: 1,
  hlen: 2,
  hops: 3,
  xid: 4,
  secs: 8,
  flags: 10,
  ciaddr: 12,
  yiaddr: 16,
  siaddr: 20,
  giaddr: 24,
  chaddr: 28,
  sname: 44,
  file: 108,
  cookie: 236,
  options: 240,
} as const;

export const CHADDR_BYTES = 16;
export const SNAME_BYTES = 64;
export const FILE_BYTES = 128;
/** Everything before the vendor field. */
export const HEADER_BYTES = 236;
/** What a BOOTP client expects at least (RFC 951 §3: 64 bytes of vendor field); shorter replies are padded. */
export const BOOTP_MESSAGE_BYTES = 300;
/** RFC 2132 §2. */
export const MAGIC_COOKIE = 0x63825363;
/** The one bit of `flags` that has a meaning (RFC 2131 §2, figure 2). */
export const FLAG_BROADCAST = 0x8000;
export const HTYPE_ETHERNET = 1;

export function check(view: DataView, offset: number, length: number): Dhcp4Fault | undefined {
  if (length < HEADER_BYTES) return "dhcp4-truncated";
  const kind = op(view, offset);
  if (kind !== OP.request && kind !== OP.reply) return "dhcp4-op";
  if (hlen(view, offset) > CHADDR_BYTES) return "dhcp4-hardware-length";
  return undefined;
}

/** Whether the vendor field holds options; without the cookie it is plain BOOTP (RFC 2132 §2). */
export function hasCookie(view: DataView, offset: number, length: number): boolean {
  return length >= FIELD.options && view.getUint32(offset + FIELD.cookie) === MAGIC_COOKIE;
}

export function op(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.op);
}

export function htype(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.htype);
}

export function hlen(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.hlen);
}

export function hops(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.hops);
}

export function xid(view: DataView, offset: number): number {
  return view.getUint32(offset + FIELD.xid);
}

/** Seconds since the client began. */
export function secs(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.secs);
}

export function flags(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.flags);
}

export function ciaddr(view: DataView, offset: number): Ipv4Address {
  return view.getUint32(offset + FIELD.ciaddr);
}

export function yiaddr(view: DataView, offset: number): Ipv4Address {
  return view.getUint32(offset + FIELD.yiaddr);
}

export function siaddr(view: DataView, offset: number): Ipv4Address {
  return view.getUint32(offset + FIELD.siaddr);
}

export function giaddr(view: DataView, offset: number): Ipv4Address {
  return view.getUint32(offset + FIELD.giaddr);
}

/** The first six bytes of `chaddr`: the client's MAC where htype is Ethernet and hlen is 6. */
export function mac(view: DataView, offset: number): Mac {
  return view.getUint16(offset + FIELD.chaddr) * 0x1_0000_0000 + view.getUint32(offset + FIELD.chaddr + 2);
}
