import type { Lease } from "./lease-entry.js";

/**
 * Addresses that one identity can keep out of use by declining them. A client that finds more conflicts than this is not
 * honest.
 */
const PER_IDENTITY = 4;

/** Declined leases, oldest first, bounded per identity and in all, so that declining in a loop does not empty a pool. */
export class Quarantine {
  /** Insertion order is time order. */
  readonly #leases = new Set<Lease>();
  readonly #byIdentity = new Map<string, Lease[]>();

  get size(): number {
    return this.#leases.size;
  }

  /** Adds one, and gives back those that must be freed for it. The caller removes them. */
  add(lease: Lease, mostInAll: number): Lease[] {
    const own = this.#byIdentity.get(lease.identity) ?? [];
    own.push(lease);
    this.#byIdentity.set(lease.identity, own);
    this.#leases.add(lease);
    const freed = own.length > PER_IDENTITY ? [own[0]] : [];
    if (this.#leases.size - freed.length > mostInAll) {
      const [oldest] = this.#leases;
      if (oldest !== lease && !freed.includes(oldest)) freed.push(oldest);
    }
    return freed;
  }

  remove(lease: Lease): void {
    if (!this.#leases.delete(lease)) return;
    const own = this.#byIdentity.get(lease.identity)?.filter((other) => other !== lease) ?? [];
    if (own.length === 0) this.#byIdentity.delete(lease.identity);
    else this.#byIdentity.set(lease.identity, own);
  }
}
