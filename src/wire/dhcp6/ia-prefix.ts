/** IA Prefix option (RFC 8415 §21.22): one prefix of an IA_PD. Options follow the fixed part. */

import { type Ipv6Address, readIpv6, writeIpv6 } from "../../base/ipv6-address.js";

export const HEADER_BYTES = 25;

export const FIELD = { preferred: 0, valid: 4, prefixLength: 8, prefix: 9, options: 25 } as const;

/** A prefix and its lifetimes. A client that asks for a length without a prefix sends `::` (RFC 8168 §3.1). */
export interface IaPrefix {
  readonly preferredSeconds: number;
  readonly validSeconds: number;
  readonly prefixLength: number;
  readonly prefix: Ipv6Address;
}

export function check(view: DataView, offset: number, length: number): "dhcp6-option-malformed" | undefined {
  return length < HEADER_BYTES || prefixLength(view, offset) > 128 ? "dhcp6-option-malformed" : undefined;
}

export function preferredSeconds(view: DataView, offset: number): number {
  return view.getUint32(offset + FIELD.preferred);
}

export function validSeconds(view: DataView, offset: number): number {
  return view.getUint32(offset + FIELD.valid);
}

export function prefixLength(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.prefixLength);
}

export function prefix(view: DataView, offset: number): Ipv6Address {
  return readIpv6(view, offset + FIELD.prefix);
}

export function parse(view: DataView, offset: number): IaPrefix {
  return {
    preferredSeconds: preferredSeconds(view, offset),
    validSeconds: validSeconds(view, offset),
    prefixLength: prefixLength(view, offset),
    prefix: prefix(view, offset),
  };
}

export function emit(repr: IaPrefix, view: DataView, offset: number): number {
  view.setUint32(offset + FIELD.preferred, repr.preferredSeconds);
  view.setUint32(offset + FIELD.valid, repr.validSeconds);
  view.setUint8(offset + FIELD.prefixLength, repr.prefixLength);
  writeIpv6(view, offset + FIELD.prefix, repr.prefix);
  return HEADER_BYTES;
}
