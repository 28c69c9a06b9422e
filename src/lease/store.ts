import type { LeaseAddress, LeaseKey, LeaseRecord, Tenure } from "./lease.js";

/** One change to what is stored. */
export type LeaseChange =
  | { readonly kind: "put"; readonly lease: LeaseRecord }
  | { readonly kind: "remove"; readonly lease: LeaseKey }
  | { readonly kind: "ended"; readonly tenure: Tenure };

/** Who had an address: every tenure that overlaps the time span. Fields left out match everything. */
export interface HistoryQuery {
  readonly network?: string;
  readonly address?: LeaseAddress;
  readonly identity?: string;
  /** Milliseconds since 1970, both ends included. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** At most this many, newest first; 1,000 when left out. */
  readonly limit?: number;
}

/**
 * Where leases outlive the process.
 *
 * Asynchronous on purpose: a store shared by several hosts asks over the network, and its `save` may be refused because another
 * owner was faster. `GroupCommit` calls it with everything that waits, one save at a time; but it is not alone: a daemon's
 * rehearsal saves beside it. So saves may overlap, and are stored one after another, in the order in which they were asked for.
 */
export interface LeaseStore {
  /** Everything stored, in no order. Called once, before the first `save`. */
  load(): Promise<LeaseRecord[]>;
  /**
   * Stores all changes or none that anybody may rely on: resolved means that they survive a power cut, rejected means that nobody
   * was promised anything. After a rejection the store can be used again: the next `save` may succeed.
   */
  save(changes: readonly LeaseChange[]): Promise<void>;
  /** Closed tenures, newest first. Those still open are in the book. */
  history(query: HistoryQuery): Promise<Tenure[]>;
  /** Ends every save under way, then lets go of the files. Idempotent. */
  close(): Promise<void>;
}

/** True when the tenure is one that the query asks for. */
export function matchesHistoryQuery(tenure: Tenure, query: HistoryQuery): boolean {
  const { lease } = tenure;
  return (
    (query.network === undefined || lease.network === query.network) &&
    (query.address === undefined || lease.address === query.address) &&
    (query.identity === undefined || lease.identity === query.identity) &&
    (query.fromMs === undefined || tenure.endedAtMs >= query.fromMs) &&
    (query.toMs === undefined || lease.boundAtMs <= query.toMs)
  );
}

/** Rows that a history query gives when it names no limit. */
export const HISTORY_LIMIT = 1000;
