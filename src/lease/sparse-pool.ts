import type { Ipv6Address } from "../base/ipv6-address.js";
import type { Ipv6Prefix } from "../base/prefix.js";
import { identityHash } from "./identity-hash.js";
import type { LeaseAddress } from "./lease.js";
import type { AddressPool } from "./pool.js";

/** How far a search for a free neighbour goes before the pool counts as full for this identity. */
const PROBE_LIMIT = 65_536;

/**
 * The parts of one length inside an IPv6 prefix: single addresses (`/128`) or prefixes to delegate.
 *
 * Far too many for a bitmap, and nearly all free for ever: what is taken is a set, and an identity's place is found by hash, then
 * by walking on. The first place (subnet-router anycast, RFC 4291 §2.6.1) is never given as an address.
 */
export class SparsePool implements AddressPool {
  readonly size: number;
  readonly #prefix: Ipv6Prefix;
  readonly #partBits: bigint;
  readonly #parts: bigint;
  readonly #firstPart: bigint;
  readonly #excluded: ReadonlySet<Ipv6Address>;
  readonly #taken = new Set<Ipv6Address>();

  constructor(prefix: Ipv6Prefix, partLength: number, excluded: Iterable<Ipv6Address> = []) {
    this.#prefix = prefix;
    this.#partBits = BigInt(128 - partLength);
    this.#parts = 1n << BigInt(partLength - prefix.prefixLength);
    this.#firstPart = partLength === 128 && this.#parts > 1n ? 1n : 0n;
    this.#excluded = new Set([...excluded].filter((address) => this.#indexOf(address) >= this.#firstPart));
    this.size = Number(this.#parts - this.#firstPart) - this.#excluded.size;
  }

  get freeCount(): number {
    return this.size - this.#taken.size;
  }

  contains(address: LeaseAddress): boolean {
    return typeof address === "bigint" && this.#indexOf(address) >= this.#firstPart && !this.#excluded.has(address);
  }

  take(address: LeaseAddress): boolean {
    if (!this.contains(address) || this.#taken.has(address as Ipv6Address)) return false;
    this.#taken.add(address as Ipv6Address);
    return true;
  }

  takeFor(identity: string): Ipv6Address | undefined {
    if (this.#taken.size >= this.size) return undefined;
    const wide = (BigInt(identityHash(identity)) << 32n) | BigInt(identityHash(`${identity}#`));
    let index = wide % this.#parts;
    for (let probe = 0; probe < PROBE_LIMIT; probe++) {
      const address = this.#prefix.address + (index << this.#partBits);
      if (this.take(address)) return address;
      index = index + 1n === this.#parts ? 0n : index + 1n;
    }
    return undefined;
  }

  give(address: LeaseAddress): void {
    this.#taken.delete(address as Ipv6Address);
  }

  /** -1n for what lies outside, or inside a part. */
  #indexOf(address: Ipv6Address): bigint {
    const offset = address - this.#prefix.address;
    const index = offset >> this.#partBits;
    return offset >= 0n && index < this.#parts && index << this.#partBits === offset ? index : -1n;
  }
}
