import type { Ipv4Address } from "../../base/ipv4-address.js";
import { type Ipv4Prefix, lastIpv4 } from "../../base/prefix.js";
import type { Ipv4Range } from "../configuration.js";

/** Sets of addresses as sorted ranges. */

/** `ranges` without what `holes` cover. The ranges do not overlap each other; holes may. */
export function withoutHoles(ranges: readonly Ipv4Range[], holes: readonly Ipv4Range[]): Ipv4Range[] {
  const sortedHoles = holes.toSorted((left, right) => left.first - right.first);
  const rest: Ipv4Range[] = [];
  for (const range of ranges.toSorted((left, right) => left.first - right.first)) {
    let first = range.first;
    for (const hole of sortedHoles) {
      if (hole.last < first) continue;
      if (hole.first > range.last) break;
      if (hole.first > first) rest.push({ first, last: hole.first - 1 });
      first = hole.last + 1;
    }
    if (first <= range.last) rest.push({ first, last: range.last });
  }
  return rest;
}

/** Addresses that hosts of the prefix can have: not its own, not its broadcast address; /31 and /32 have neither (RFC 3021). */
export function hostRange(prefix: Ipv4Prefix): Ipv4Range {
  const last = lastIpv4(prefix);
  return prefix.prefixLength >= 31 ? { first: prefix.address, last } : { first: prefix.address + 1, last: last - 1 };
}

export function overlap(left: Ipv4Range, right: Ipv4Range): boolean {
  return left.first <= right.last && right.first <= left.last;
}

/** What a host may not have in this prefix, in words; undefined when it may have the address. */
export function explainUnusable(address: Ipv4Address, prefix: Ipv4Prefix): string | undefined {
  if (prefix.prefixLength >= 31) return undefined;
  if (address === prefix.address) return "is the network's own address";
  return address === lastIpv4(prefix) ? "is the network's broadcast address" : undefined;
}
