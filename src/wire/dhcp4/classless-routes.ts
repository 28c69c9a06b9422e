/**
 * Classless static routes (RFC 3442; option 249 is Microsoft's copy of it): for each route one octet prefix length, as many
 * octets of the destination as that length needs, and four of the router. Router 0.0.0.0 means on this link.
 */

import type { Ipv4Address } from "../../base/ipv4-address.js";
import { type Ipv4Prefix, ipv4Netmask } from "../../base/prefix.js";
import * as addresses from "./addresses.js";

export interface ClasslessRoute {
  readonly to: Ipv4Prefix;
  readonly router: Ipv4Address;
}

/**
 * Undefined when a prefix length is over 32, when octets are missing, or when there is no route at all. Host bits are cleared.
 */
export function parse(value: Uint8Array): ClasslessRoute[] | undefined {
  const routes: ClasslessRoute[] = [];
  for (let at = 0; at < value.length; ) {
    const prefixLength = value[at];
    const octets = significantOctets(prefixLength);
    if (prefixLength > 32 || at + 1 + octets + addresses.ADDRESS_BYTES > value.length) return undefined;
    let address = 0;
    for (let index = 0; index < octets; index++) address += value[at + 1 + index] * 2 ** (24 - 8 * index);
    const to: Ipv4Prefix = { family: 4, address: (address & ipv4Netmask(prefixLength)) >>> 0, prefixLength };
    routes.push({ to, router: addresses.read(value, at + 1 + octets) });
    at += 1 + octets + addresses.ADDRESS_BYTES;
  }
  return routes.length === 0 ? undefined : routes;
}

export function emit(routes: readonly ClasslessRoute[]): Uint8Array {
  const value: number[] = [];
  for (const { to, router } of routes) {
    value.push(to.prefixLength);
    for (let index = 0; index < significantOctets(to.prefixLength); index++) value.push((to.address >>> (24 - 8 * index)) & 255);
    value.push(...addresses.emit([router]));
  }
  return Uint8Array.from(value);
}

function significantOctets(prefixLength: number): number {
  return Math.ceil(prefixLength / 8);
}
