/** Leases and a book of them, for tests of the lease room. */
import { type Logger, silentLogger } from "../../src/base/log.js";
import { LeaseBook } from "../../src/lease/book.js";
import type { LeaseEvent, LeaseEvents } from "../../src/lease/events.js";
import { GroupCommit } from "../../src/lease/group-commit.js";
import type { LeaseRecord } from "../../src/lease/lease.js";
import { MemoryStore } from "../../src/lease/memory-store.js";
import { RangePool } from "../../src/lease/range-pool.js";
import type { LeaseChange, LeaseStore } from "../../src/lease/store.js";
import { ManualClock } from "./manual-clock.js";

const FIRST = 0x0a4d_0002;

/** The lease of client `number`, in whole seconds from 2026 on. */
export function leaseOf(number: number, fields: Partial<LeaseRecord> = {}): LeaseRecord {
  const boundAtMs = Date.UTC(2026, 0, 1) + number * 1000;
  return {
    network: "default",
    family: 4,
    kind: "address",
    address: FIRST + number,
    prefixLength: 32,
    identity: `id:01${number.toString(16).padStart(8, "0")}`,
    state: "bound",
    mac: 0x5254_0000_0000 + number,
    clientId: `01${number.toString(16).padStart(8, "0")}`,
    hostname: `host-${number}`,
    boundAtMs,
    renewedAtMs: boundAtMs,
    expiresAtMs: boundAtMs + 3_600_000,
    ...fields,
  };
}

export const put = (lease: LeaseRecord): LeaseChange => ({ kind: "put", lease });

/** By network, family and address, so that two lists of the same leases are equal. */
export function sorted(leases: readonly LeaseRecord[]): LeaseRecord[] {
  const name = (lease: LeaseRecord): string => `${lease.network} ${lease.family} ${lease.address.toString(16).padStart(32, "0")}`;
  return [...leases].sort((a, b) => (name(a) < name(b) ? -1 : 1));
}

export interface BookLabOptions {
  readonly size?: number;
  readonly store?: LeaseStore;
  readonly events?: LeaseEvents;
  readonly clock?: ManualClock;
  readonly log?: Logger;
}

/** A book of `size` addresses on a memory store. */
export class BookLab {
  readonly clock: ManualClock;
  readonly store: LeaseStore;
  readonly told: LeaseEvent[] = [];
  readonly commit: GroupCommit;
  readonly pool: RangePool;
  readonly book: LeaseBook;

  constructor(options: BookLabOptions = {}) {
    this.clock = options.clock ?? new ManualClock();
    this.store = options.store ?? new MemoryStore();
    const events = options.events ?? {
      apply: (told: readonly LeaseEvent[]): undefined => {
        this.told.push(...told);
      },
    };
    this.commit = new GroupCommit({ store: this.store, events, clock: this.clock, log: options.log ?? silentLogger });
    this.pool = new RangePool([{ first: FIRST, last: FIRST + (options.size ?? 10) - 1 }]);
    this.book = new LeaseBook({
      network: "default",
      family: 4,
      kind: "address",
      prefixLength: 32,
      pools: [this.pool],
      commit: this.commit,
      clock: this.clock,
    });
  }

  /** Offers and binds; hands back the address, undefined when there is none. */
  bind(identity: string, durationMs = 3_600_000): number | undefined {
    const lease = this.book.offer(identity, undefined, 60_000);
    if (lease === undefined) return undefined;
    this.book.bind(lease, { mac: 1, clientId: "", hostname: "", ifindex: 7 }, durationMs);
    return Number(lease.address);
  }
}
