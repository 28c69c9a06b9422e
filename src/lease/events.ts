import type { EndReason, LeaseRecord } from "./lease.js";

/** A lease that begins, or whose station or name changed, on the interface where the client was heard last. */
export interface LeaseBound {
  readonly kind: "bound";
  readonly lease: LeaseRecord;
  /** What was bound before at this address for this identity; undefined when it is new. */
  readonly previous: LeaseRecord | undefined;
  /** Zero when the client is behind a relay: nothing on this host leads to it but ordinary routes. */
  readonly ifindex: number;
}

/** A lease that is over. `lease` is the record as it was while it was bound. */
export interface LeaseUnbound {
  readonly kind: "unbound";
  readonly lease: LeaseRecord;
  /** `unsaved`: it was told of while the disk wrote, and the disk failed; nobody has got the lease. */
  readonly reason: EndReason | "unsaved";
  readonly ifindex: number;
}

export type LeaseEvent = LeaseBound | LeaseUnbound;

/**
 * Told of every change of who is bound, in order, one call for all leases of one commit.
 *
 * It is told while the disk writes, and ACKs leave when both are done. A save that fails is told as bindings that are over; a
 * crash leaves kernel state without a lease, or a lease without kernel state, and the next start puts right either. A rejection
 * takes back every lease of the call and holds back every ACK, so reject only when nothing can be bound at all: an interface that
 * went away meanwhile is no reason. Renewals that change nothing but time are not told.
 */
export interface LeaseEvents {
  apply(events: readonly LeaseEvent[]): Promise<void> | undefined;
}

/** Tells nobody. */
export const silentLeaseEvents: LeaseEvents = { apply: () => undefined };
