import type { LeaseRecord, Tenure } from "./lease.js";
import { LeaseTable } from "./lease-table.js";
import { HISTORY_LIMIT, type HistoryQuery, type LeaseChange, type LeaseStore, matchesHistoryQuery } from "./store.js";

/** Tenures kept at most. */
const MOST_TENURES = 100_000;

/** Leases that live as long as the process: for tests, for library users, and for networks whose leases may be lost. */
export class MemoryStore implements LeaseStore {
  readonly #table = new LeaseTable();
  readonly #tenures: Tenure[] = [];

  load(): Promise<LeaseRecord[]> {
    return Promise.resolve([...this.#table.records()]);
  }

  save(changes: readonly LeaseChange[]): Promise<void> {
    for (const change of changes) {
      this.#table.apply(change);
      if (change.kind === "ended") this.#tenures.push(change.tenure);
    }
    if (this.#tenures.length > MOST_TENURES) this.#tenures.splice(0, this.#tenures.length - MOST_TENURES);
    return Promise.resolve();
  }

  history(query: HistoryQuery): Promise<Tenure[]> {
    const found = this.#tenures.filter((tenure) => matchesHistoryQuery(tenure, query)).reverse();
    return Promise.resolve(found.slice(0, query.limit ?? HISTORY_LIMIT));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
