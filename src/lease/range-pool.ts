import type { Ipv4Address } from "../base/ipv4-address.js";
import { FreeSet } from "./free-set.js";
import { identityHash } from "./identity-hash.js";
import type { LeaseAddress } from "./lease.js";
import type { AddressPool } from "./pool.js";

/** Addresses from `first` to `last`, both included. */
export interface Ipv4Range {
  readonly first: Ipv4Address;
  readonly last: Ipv4Address;
}

/** IPv4 addresses of a few ranges, without those that are excluded: one bit an address. */
export class RangePool implements AddressPool {
  readonly size: number;
  /** Sorted, apart from one another; `index` is the number of the range's first address in the pool. */
  readonly #ranges: readonly (Ipv4Range & { readonly index: number })[];
  readonly #free: FreeSet;
  readonly #excluded: Set<Ipv4Address>;

  constructor(ranges: readonly Ipv4Range[], excluded: Iterable<Ipv4Address> = []) {
    let index = 0;
    this.#ranges = mergeRanges(ranges).map((range) => {
      const placed = { ...range, index };
      index += range.last - range.first + 1;
      return placed;
    });
    this.#free = new FreeSet(index);
    this.#excluded = new Set();
    for (const address of excluded) {
      const at = this.#indexOf(address);
      if (at < 0) continue;
      this.#excluded.add(address);
      this.#free.delete(at);
    }
    this.size = this.#free.count;
  }

  get freeCount(): number {
    return this.#free.count;
  }

  contains(address: LeaseAddress): boolean {
    return this.#indexOf(address) >= 0 && !this.#excluded.has(address as Ipv4Address);
  }

  take(address: LeaseAddress): boolean {
    const index = this.#indexOf(address);
    return index >= 0 && this.#free.delete(index);
  }

  takeFor(identity: string): Ipv4Address | undefined {
    if (this.#free.count === 0) return undefined;
    const start = Math.floor((identityHash(identity) / 0x1_0000_0000) * this.#free.size);
    const index = this.#free.next(start);
    this.#free.delete(index);
    return this.#addressOf(index);
  }

  give(address: LeaseAddress): void {
    if (this.contains(address)) this.#free.add(this.#indexOf(address));
  }

  #indexOf(address: LeaseAddress): number {
    for (const range of this.#ranges) {
      if (address >= range.first && address <= range.last) return range.index + (Number(address) - range.first);
    }
    return -1;
  }

  #addressOf(index: number): Ipv4Address {
    let range = this.#ranges[0];
    for (const next of this.#ranges) if (next.index <= index) range = next;
    return range.first + (index - range.index);
  }
}

/** Sorted, and joined where they touch or overlap. */
export function mergeRanges(ranges: readonly Ipv4Range[]): Ipv4Range[] {
  const merged: Ipv4Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const previous = merged[merged.length - 1];
    if (previous !== undefined && range.first <= previous.last + 1) {
      merged[merged.length - 1] = { first: previous.first, last: Math.max(previous.last, range.last) };
    } else {
      merged.push(range);
    }
  }
  return merged;
}
