/** IA Address option (RFC 8415 §21.6): one address of an IA_NA. Options follow the fixed part. */

import { type Ipv6Address, readIpv6, writeIpv6 } from "../../base/ipv6-address.js";

export const HEADER_BYTES = 24;

export const FIELD = { address: 0, preferred: 16, valid: 20, options: 24 } as const;

/** An address and how long it may be used for new connections, and at all. */
export interface IaAddress {
  readonly address: Ipv6Address;
  readonly preferredSeconds: number;
  readonly validSeconds: number;
}

export function check(length: number): "dhcp6-option-malformed" | undefined {
  return length < HEADER_BYTES ? "dhcp6-option-malformed" : undefined;
}

export function address(view: DataView, offset: number): Ipv6Address {
  return readIpv6(view, offset + FIELD.address);
}

export function preferredSeconds(view: DataView, offset: number): number {
  return view.getUint32(offset + FIELD.preferred);
}

export function validSeconds(view: DataView, offset: number): number {
  return view.getUint32(offset + FIELD.valid);
}

export function parse(view: DataView, offset: number): IaAddress {
  return {
    address: address(view, offset),
    preferredSeconds: preferredSeconds(view, offset),
    validSeconds: validSeconds(view, offset),
  };
}

export function emit(repr: IaAddress, view: DataView, offset: number): number {
  writeIpv6(view, offset + FIELD.address, repr.address);
  view.setUint32(offset + FIELD.preferred, repr.preferredSeconds);
  view.setUint32(offset + FIELD.valid, repr.validSeconds);
  return HEADER_BYTES;
}
