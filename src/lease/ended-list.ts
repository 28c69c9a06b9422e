import type { Lease } from "./lease-entry.js";

/** Leases whose time is over but whose address is still remembered for them, in the order in which they ended. */
export class EndedList {
  #first: Lease | undefined;
  #last: Lease | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get oldest(): Lease | undefined {
    return this.#first;
  }

  has(lease: Lease): boolean {
    return lease.endedPrevious !== undefined || this.#first === lease;
  }

  /** The lease ended just now. */
  append(lease: Lease): void {
    if (this.has(lease)) return;
    lease.endedPrevious = this.#last;
    if (this.#last === undefined) this.#first = lease;
    else this.#last.endedNext = lease;
    this.#last = lease;
    this.#size++;
  }

  remove(lease: Lease): void {
    if (!this.has(lease)) return;
    if (lease.endedPrevious === undefined) this.#first = lease.endedNext;
    else lease.endedPrevious.endedNext = lease.endedNext;
    if (lease.endedNext === undefined) this.#last = lease.endedPrevious;
    else lease.endedNext.endedPrevious = lease.endedPrevious;
    lease.endedNext = undefined;
    lease.endedPrevious = undefined;
    this.#size--;
  }
}
