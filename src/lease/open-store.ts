import { join } from "node:path";
import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/log.js";
import { JournalStore } from "./journal-store.js";
import { LmdbStore } from "./lmdb-store.js";
import { MemoryStore } from "./memory-store.js";
import type { LeaseStore } from "./store.js";

export type StoreKind = "journal" | "lmdb" | "memory";

export interface OpenStoreOptions {
  /** `journal` when left out. */
  readonly kind?: StoreKind | undefined;
  /** The daemon's state directory; leases are in a directory of their own in it. */
  readonly stateDirectory: string;
  /** How long closed tenures are kept; 30 days when left out. */
  readonly historySeconds?: number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const HISTORY_SECONDS = 30 * 24 * 3600;

/** Opens a lease store; throws a LeaseStoreError when it cannot be used. */
export async function openStore(options: OpenStoreOptions): Promise<LeaseStore> {
  const { kind = "journal", stateDirectory, historySeconds = HISTORY_SECONDS, clock, log } = options;
  if (kind === "memory") return new MemoryStore();
  const directory = join(stateDirectory, "leases");
  if (kind === "lmdb") return LmdbStore.open({ directory, historySeconds, clock });
  return JournalStore.open({ directory, historySeconds, clock, log });
}
