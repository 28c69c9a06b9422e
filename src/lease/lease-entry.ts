import type { EndReason, LeaseAddress, LeaseRecord, LeaseState } from "./lease.js";
import type { WheelEntry } from "./timer-wheel.js";

export const NEVER_TOLD = -1;

/** The book that a lease is in, as far as `GroupCommit` must know it. */
export interface LeaseOwner {
  /** Whether the removal of this lease may still be written: nobody else's record is kept under its address by now. */
  mayRemove(lease: Lease): boolean;
  /** A binding was not saved: the lease falls back to what was saved before. */
  fallBack(lease: Lease, saved: LeaseRecord | undefined): void;
}

/** One lease in the book: the record, and everything about it that only lives in memory. */
export class Lease implements WheelEntry {
  readonly owner: LeaseOwner;
  readonly identity: string;
  readonly address: LeaseAddress;
  state: LeaseState = "offered";
  /** End of the state: of the hold of an offer, of the lease time, of a quarantine. */
  untilMs = 0;
  /** What is to be stored; undefined while it is only offered, and again when it is to be removed. */
  record: LeaseRecord | undefined;
  /** What the store is known to hold. */
  saved: LeaseRecord | undefined;
  /** Interface where the client was heard last; zero behind a relay. */
  ifindex = 0;
  /** The record that listeners know of, and the interface, so that they hear of changes only. */
  told: LeaseRecord | undefined;
  toldIfindex = NEVER_TOLD;
  endReason: EndReason = "expired";
  /** The commit group in which the lease waits to be saved; it is only compared. */
  group: object | undefined;
  /** Neighbours in the book's list of ended leases, oldest first. */
  endedNext: Lease | undefined;
  endedPrevious: Lease | undefined;
  wheelNext: WheelEntry | undefined;
  wheelPrevious: WheelEntry | undefined;
  wheelSlot = -1;

  constructor(owner: LeaseOwner, identity: string, address: LeaseAddress) {
    this.owner = owner;
    this.identity = identity;
    this.address = address;
  }

  /** True when the client may use the address now. A binding that is not saved yet counts: its ACK is only held back. */
  isBound(nowMs: number): boolean {
    return this.state === "bound" && this.untilMs > nowMs;
  }
}
