import type { LeaseAddress, LeaseKey, LeaseRecord } from "./lease.js";
import type { LeaseChange } from "./store.js";

/** What a store holds, by key: the last record of each address. Shares the records with the book, so it costs an entry each. */
export class LeaseTable {
  readonly #spaces = new Map<string, Map<LeaseAddress, LeaseRecord>>();

  get size(): number {
    let size = 0;
    for (const space of this.#spaces.values()) size += space.size;
    return size;
  }

  apply(change: LeaseChange): void {
    if (change.kind === "put") this.#space(change.lease).set(change.lease.address, change.lease);
    else if (change.kind === "remove") this.#space(change.lease).delete(change.lease.address);
  }

  *records(): Generator<LeaseRecord> {
    for (const space of this.#spaces.values()) yield* space.values();
  }

  /** Records at this address, in whatever network: one, but for networks that use the same addresses. */
  *recordsAt(address: LeaseAddress): Generator<LeaseRecord> {
    for (const space of this.#spaces.values()) {
      const record = space.get(address);
      if (record !== undefined) yield record;
    }
  }

  #space(key: LeaseKey): Map<LeaseAddress, LeaseRecord> {
    const name = `${key.family}${key.kind}${key.prefixLength} ${key.network}`;
    let space = this.#spaces.get(name);
    if (space === undefined) {
      space = new Map();
      this.#spaces.set(name, space);
    }
    return space;
  }
}
