/** Rows of IPv6 addresses: DNS servers (RFC 3646 §3), SNTP servers (RFC 4075 §4). */

import { type Ipv6Address, readIpv6, writeIpv6 } from "../../base/ipv6-address.js";

const ADDRESS_BYTES = 16;

export function check(length: number): "dhcp6-option-malformed" | undefined {
  return length === 0 || length % ADDRESS_BYTES !== 0 ? "dhcp6-option-malformed" : undefined;
}

export function parse(view: DataView, offset: number, length: number): Ipv6Address[] {
  const addresses: Ipv6Address[] = [];
  for (let at = offset; at < offset + length; at += ADDRESS_BYTES) addresses.push(readIpv6(view, at));
  return addresses;
}

export function emittedBytes(addresses: readonly Ipv6Address[]): number {
  return addresses.length * ADDRESS_BYTES;
}

export function emit(addresses: readonly Ipv6Address[], view: DataView, offset: number): number {
  for (const [index, address] of addresses.entries()) writeIpv6(view, offset + index * ADDRESS_BYTES, address);
  return addresses.length * ADDRESS_BYTES;
}
