/** IPv4 addresses in options: rows of four octets each (RFC 2132 §3.5 and many more). */

import type { Ipv4Address } from "../../base/ipv4-address.js";

export const ADDRESS_BYTES = 4;

export function read(bytes: Uint8Array, offset: number): Ipv4Address {
  return ((bytes[offset] << 24) | (bytes[offset + 1] << 16) | (bytes[offset + 2] << 8) | bytes[offset + 3]) >>> 0;
}

/** One address or more; undefined when the length is no multiple of four, or zero. */
export function parse(value: Uint8Array): Ipv4Address[] | undefined {
  if (value.length === 0 || value.length % ADDRESS_BYTES !== 0) return undefined;
  const list: Ipv4Address[] = [];
  for (let at = 0; at < value.length; at += ADDRESS_BYTES) list.push(read(value, at));
  return list;
}

export function emit(list: readonly Ipv4Address[]): Uint8Array {
  const value = new Uint8Array(list.length * ADDRESS_BYTES);
  for (let index = 0; index < list.length; index++) write(value, index * ADDRESS_BYTES, list[index]);
  return value;
}

/** By shifts: a DataView for four octets costs more than the octets. */
export function write(bytes: Uint8Array, offset: number, address: Ipv4Address): void {
  bytes[offset] = address >>> 24;
  bytes[offset + 1] = address >>> 16;
  bytes[offset + 2] = address >>> 8;
  bytes[offset + 3] = address;
}
