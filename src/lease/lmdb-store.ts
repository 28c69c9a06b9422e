import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type Database, open, type RootDatabase } from "lmdb";
import type { Clock } from "../base/clock.js";
import type { LeaseKey, LeaseRecord, Tenure } from "./lease.js";
import { checkLmdbFile } from "./lmdb-file.js";
import { ChangeReader, ChangeWriter } from "./record-codec.js";
import { HISTORY_LIMIT, type HistoryQuery, type LeaseChange, type LeaseStore, matchesHistoryQuery } from "./store.js";
import { checkFreeSpace, makeDirectory } from "./store-directory.js";
import { corrupt, LeaseStoreError, storeErrorOf } from "./store-error.js";

const FILE = "leases.mdb";
const SCHEMA_VERSION = 1;
const CHECKSUM_BYTES = 4;
/** History is looked through for what is too old once in so many saves that add to it. */
const PRUNE_EVERY = 1000;

export interface LmdbStoreOptions {
  readonly directory: string;
  readonly historySeconds: number;
  readonly clock: Clock;
}

/**
 * Leases in an lmdb database, which other programs can read while we run: one entry a lease, one a closed tenure, each with a
 * CRC.
 *
 * `overlappingSync` is off, so that a commit's promise means "on the disk" (with it on, that is what `flushed` means, one turn of
 * the database's thread later).
 */
export class LmdbStore implements LeaseStore {
  readonly #path: string;
  readonly #historyMs: number;
  readonly #clock: Clock;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #leases: Database<Buffer, Buffer>;
  readonly #tenures: Database<Buffer, Buffer>;
  readonly #writer = new ChangeWriter();
  #tenureNumber = 0;
  #addedTenures = 0;
  #isClosed = false;

  private constructor(path: string, options: LmdbStoreOptions) {
    this.#path = path;
    this.#historyMs = options.historySeconds * 1000;
    this.#clock = options.clock;
    const binary = { encoding: "binary", keyEncoding: "binary" } as const;
    this.#root = open<Buffer, Buffer>({ path, noSubdir: true, maxDbs: 4, overlappingSync: false, ...binary });
    this.#leases = this.#root.openDB<Buffer, Buffer>({ name: "leases", ...binary });
    this.#tenures = this.#root.openDB<Buffer, Buffer>({ name: "tenures", ...binary });
  }

  /** Opens or makes the database. Throws a LeaseStoreError that says what is wrong and what to do. */
  static async open(options: LmdbStoreOptions): Promise<LmdbStore> {
    const path = join(options.directory, FILE);
    try {
      makeDirectory(options.directory);
      accessSync(options.directory, constants.W_OK);
      checkFreeSpace(options.directory);
      checkLmdbFile(path);
      const store = new LmdbStore(path, options);
      await store.#checkVersion();
      return store;
    } catch (thrown) {
      throw storeErrorOf(thrown, path);
    }
  }

  load(): Promise<LeaseRecord[]> {
    const records: LeaseRecord[] = [];
    for (const { value } of this.#leases.getRange({})) {
      const change = this.#decode(value);
      if (change.kind !== "put") throw corrupt(this.#path, "holds something else where a lease should be");
      records.push(change.lease);
    }
    return Promise.resolve(records);
  }

  async save(changes: readonly LeaseChange[]): Promise<void> {
    try {
      let last: Promise<boolean> | undefined;
      for (const change of changes) last = this.#apply(change);
      await last;
    } catch (thrown) {
      throw storeErrorOf(thrown, this.#path);
    }
  }

  history(query: HistoryQuery): Promise<Tenure[]> {
    const limit = query.limit ?? HISTORY_LIMIT;
    const found: Tenure[] = [];
    for (const { value } of this.#tenures.getRange({ reverse: true })) {
      const change = this.#decode(value);
      if (change.kind !== "ended") continue;
      if (query.fromMs !== undefined && change.tenure.endedAtMs < query.fromMs) break;
      if (matchesHistoryQuery(change.tenure, query)) found.push(change.tenure);
      if (found.length >= limit) break;
    }
    return Promise.resolve(found);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#root.close();
  }

  /** All puts of one turn of the event loop go into one transaction, so the last promise is everybody's. */
  #apply(change: LeaseChange): Promise<boolean> {
    if (change.kind === "remove") return this.#leases.remove(keyOf(change.lease));
    if (change.kind === "put") return this.#leases.put(keyOf(change.lease), this.#encode(change));
    if (++this.#addedTenures % PRUNE_EVERY === 0) this.#prune();
    return this.#tenures.put(tenureKey(change.tenure, this.#tenureNumber++), this.#encode(change));
  }

  #prune(): void {
    const end = Buffer.alloc(8);
    end.writeDoubleBE(this.#clock.nowMs() - this.#historyMs);
    for (const key of this.#tenures.getKeys({ end, limit: 2 * PRUNE_EVERY })) void this.#tenures.remove(key);
  }

  async #checkVersion(): Promise<void> {
    const key = Buffer.from("version");
    const stored = this.#root.get(key);
    if (stored === undefined) {
      await this.#root.put(key, Buffer.of(SCHEMA_VERSION));
      return;
    }
    if (stored[0] <= SCHEMA_VERSION) return;
    await this.close();
    throw new LeaseStoreError(
      "LEASE_STORE_NEWER",
      this.#path,
      `has version ${stored[0]}, this tapnet reads ${SCHEMA_VERSION}: install the newer one`,
    );
  }

  #encode(change: LeaseChange): Buffer {
    this.#writer.reset(CHECKSUM_BYTES);
    this.#writer.write(change);
    const value = Buffer.from(this.#writer.written);
    value.writeUInt32BE(crc32(value.subarray(CHECKSUM_BYTES)), 0);
    return value;
  }

  #decode(value: Buffer): LeaseChange {
    const isWhole = value.length > CHECKSUM_BYTES && value.readUInt32BE(0) === crc32(value.subarray(CHECKSUM_BYTES));
    const change = isWhole ? new ChangeReader(value, CHECKSUM_BYTES).next() : undefined;
    if (change === undefined) throw corrupt(this.#path, "holds a damaged lease");
    return change;
  }
}

/** Network, family, kind and address; sorts by network, then address. */
function keyOf(key: LeaseKey): Buffer {
  const network = Buffer.from(key.network);
  const bytes = Buffer.alloc(network.length + 20);
  network.copy(bytes);
  const at = network.length + 1;
  bytes[at] = key.family;
  bytes[at + 1] = key.kind === "prefix" ? key.prefixLength : 255;
  if (typeof key.address === "number") {
    bytes.writeUInt32BE(key.address, at + 2);
    return bytes.subarray(0, at + 6);
  }
  bytes.writeBigUInt64BE(key.address >> 64n, at + 2);
  bytes.writeBigUInt64BE(key.address & 0xffff_ffff_ffff_ffffn, at + 10);
  return bytes.subarray(0, at + 18);
}

/** In the order in which they ended; the number keeps apart those of one millisecond. */
function tenureKey(tenure: Tenure, number: number): Buffer {
  const key = Buffer.alloc(16);
  key.writeDoubleBE(tenure.endedAtMs, 0);
  key.writeUInt32BE(number >>> 0, 8);
  key.writeUInt32BE(process.pid, 12);
  return key;
}
