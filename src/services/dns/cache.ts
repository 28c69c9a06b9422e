import { readUint16, readUint32, writeUint32 } from "../../wire/dns/bytes.js";
import { STATE, STORED, STORED_HEADER_BYTES } from "./stored-reply.js";

/**
 * Theory of operation
 *
 * Stored answers stand one after the other in one slab of fixed size, used as a ring: new ones are put at `head`, the oldest
 * stand at `tail`. Where `head` would run into `tail`, the oldest goes; if it was asked for since it last stood there, it is
 * moved to `head` instead (a second chance, so what is hot stays), though only so often for one insertion. Nothing is allocated
 * after the start, so a flood of names costs other names and never memory.
 *
 * An index of small buckets finds an answer by the hash of its name; a full bucket loses the one of least worth. Expired
 * answers stay until the ring reaches them: they may still be served stale (RFC 8767).
 */
const ALIGN_BYTES = 8;
const BUCKET_SLOTS = 8;
/** One index slot for so many bytes of slab: about half of what the smallest answer takes, so that buckets are seldom full. */
const BYTES_PER_SLOT = 48;
/** An answer that takes more of the slab than this share would cost too many others. */
const SHARE_MOST = 16;
const MOVES_MOST = 32;
export const CACHE_BYTES_LEAST = 64 * 1024;

export class AnswerCache {
  bytes = new Uint8Array(0);
  /** Answers that are in the slab, and how many were pushed out before anybody flushed them. */
  count = 0;
  evictions = 0;
  #index = new Uint32Array(0);
  /** The hash of what each place of the index leads to, so that only what is sought is looked at in the slab. */
  #hashes = new Int32Array(0);
  #bucketMask = 0;
  #head = 0;
  #tail = 0;
  /** Where the upper part of the ring ends; only while `head` stands below `tail`. */
  #end = 0;
  #wrapped = false;

  constructor(sizeBytes: number) {
    this.resize(sizeBytes);
  }

  /** Another size; all answers are forgotten, unless it is the size that it has. */
  resize(sizeBytes: number): void {
    const size = Math.floor(Math.max(sizeBytes, CACHE_BYTES_LEAST) / ALIGN_BYTES) * ALIGN_BYTES;
    if (size === this.bytes.length) return;
    this.bytes = new Uint8Array(size);
    const buckets = 2 ** Math.ceil(Math.log2(size / BYTES_PER_SLOT / BUCKET_SLOTS));
    this.#index = new Uint32Array(buckets * BUCKET_SLOTS);
    this.#hashes = new Int32Array(buckets * BUCKET_SLOTS);
    this.#bucketMask = buckets - 1;
    this.clear();
  }

  get usedBytes(): number {
    return this.#wrapped ? this.#end - this.#tail + this.#head : this.#head - this.#tail;
  }

  /** Where the answer for a (folded) name and type stands, expired or not; -1 where there is none. */
  find(
    hash: number,
    name: Uint8Array,
    nameOffset: number,
    nameBytes: number,
    type: number,
    partition: number,
    keyFlags: number,
  ): number {
    const bucket = (hash & this.#bucketMask) * BUCKET_SLOTS;
    const sought = hash | 0;
    for (let slot = bucket; slot < bucket + BUCKET_SLOTS; slot++) {
      if (this.#hashes[slot] !== sought) continue;
      const place = this.#index[slot];
      if (place === 0) continue;
      const base = (place - 1) * ALIGN_BYTES;
      if (
        readUint16(this.bytes, base + STORED.type) === type &&
        readUint16(this.bytes, base + STORED.partition) === partition &&
        this.bytes[base + STORED.keyFlags] === keyFlags &&
        this.#isName(base, name, nameOffset, nameBytes)
      ) {
        this.bytes[base + STORED.state] |= STATE.referenced;
        return base;
      }
    }
    return -1;
  }

  #isName(base: number, name: Uint8Array, offset: number, nameBytes: number): boolean {
    const { bytes } = this;
    if (bytes[base + STORED.nameBytes] !== nameBytes) return false;
    const stored = base + STORED_HEADER_BYTES;
    for (let index = 0; index < nameBytes; index++) {
      if (bytes[stored + index] !== name[offset + index]) return false;
    }
    return true;
  }

  /** Keeps a copy of the stored answer at `base` of `from`, in place of one with the same key. False where it is too big. */
  insert(from: Uint8Array, base: number): boolean {
    const total = readUint32(from, base + STORED.totalBytes);
    if (total > this.bytes.length / SHARE_MOST) return false;
    this.#removeTwin(from, base);
    const at = this.#makeRoom(total);
    this.bytes.set(from.subarray(base, base + total), at);
    this.bytes[at + STORED.state] = 0;
    this.bytes[at + STORED.hits] = 0;
    this.#head = at + total;
    this.count++;
    this.#enter(at);
    return true;
  }

  #removeTwin(from: Uint8Array, base: number): void {
    const hash = readUint32(from, base + STORED.hash);
    const nameBytes = from[base + STORED.nameBytes];
    const type = readUint16(from, base + STORED.type);
    const partition = readUint16(from, base + STORED.partition);
    const twin = this.find(hash, from, base + STORED_HEADER_BYTES, nameBytes, type, partition, from[base + STORED.keyFlags]);
    if (twin >= 0) this.remove(twin);
  }

  /** Forgets the answer at `base`; its bytes stay until the ring reaches them. */
  remove(base: number): void {
    this.#leave(base);
    this.bytes[base + STORED.state] = STATE.dead;
    this.count--;
  }

  /** Until `untilSeconds` this answer is served stale without asking anybody (RFC 8767 §5, failure recheck timer). */
  hold(base: number, untilSeconds: number): void {
    writeUint32(this.bytes, base + STORED.holdSeconds, untilSeconds);
  }

  clear(): void {
    this.#index.fill(0);
    this.#head = 0;
    this.#tail = 0;
    this.#wrapped = false;
    this.count = 0;
  }

  /** The places of all answers, the oldest first. Nothing may be inserted meanwhile. */
  *entries(): Generator<number> {
    if (this.#wrapped) yield* this.#walk(this.#tail, this.#end);
    yield* this.#walk(this.#wrapped ? 0 : this.#tail, this.#head);
  }

  *#walk(from: number, to: number): Generator<number> {
    for (let base = from; base < to; base += readUint32(this.bytes, base + STORED.totalBytes)) {
      if (this.bytes[base + STORED.state] !== STATE.dead) yield base;
    }
  }

  #makeRoom(total: number): number {
    let moves = MOVES_MOST;
    for (;;) {
      if (!this.#wrapped) {
        if (this.bytes.length - this.#head >= total) return this.#head;
        this.#end = this.#head;
        this.#wrapped = true;
        this.#head = 0;
      } else if (this.#tail - this.#head >= total) {
        return this.#head;
      } else if (this.#retireOldest(moves > 0)) {
        moves--;
      }
    }
  }

  /** Takes the oldest answer off the ring, or moves it to the head; true where it was moved. */
  #retireOldest(mayMove: boolean): boolean {
    const { bytes } = this;
    const from = this.#tail;
    const total = readUint32(bytes, from + STORED.totalBytes);
    const state = bytes[from + STORED.state];
    const moved = mayMove && state === STATE.referenced;
    if (state !== STATE.dead) this.#leave(from);
    if (moved) {
      bytes.copyWithin(this.#head, from, from + total);
      bytes[this.#head + STORED.state] = 0;
      this.#enter(this.#head);
      this.#head += total;
    } else if (state !== STATE.dead) {
      this.count--;
      this.evictions++;
    }
    this.#tail = from + total;
    if (this.#tail === this.#end) {
      this.#tail = 0;
      this.#wrapped = false;
    }
    return moved;
  }

  #enter(base: number): void {
    const hash = readUint32(this.bytes, base + STORED.hash);
    const bucket = (hash & this.#bucketMask) * BUCKET_SLOTS;
    let chosen = bucket;
    for (let slot = bucket; slot < bucket + BUCKET_SLOTS; slot++) {
      if (this.#index[slot] === 0) {
        chosen = slot;
        break;
      }
      if (this.#worth(slot) < this.#worth(chosen)) chosen = slot;
    }
    if (this.#index[chosen] !== 0) {
      this.remove((this.#index[chosen] - 1) * ALIGN_BYTES);
      this.evictions++;
    }
    this.#index[chosen] = base / ALIGN_BYTES + 1;
    this.#hashes[chosen] = hash;
  }

  /** More for what was asked for since it last stood at the tail, then for what is newer. */
  #worth(slot: number): number {
    const base = (this.#index[slot] - 1) * ALIGN_BYTES;
    const referenced = this.bytes[base + STORED.state] === STATE.referenced ? 0x1_0000_0000 : 0;
    return referenced + readUint32(this.bytes, base + STORED.storedSeconds);
  }

  #leave(base: number): void {
    const place = base / ALIGN_BYTES + 1;
    const bucket = (readUint32(this.bytes, base + STORED.hash) & this.#bucketMask) * BUCKET_SLOTS;
    for (let slot = bucket; slot < bucket + BUCKET_SLOTS; slot++) {
      if (this.#index[slot] === place) this.#index[slot] = 0;
    }
  }

  /** Counts a hit; returns how many there were, 255 at most. */
  countHit(base: number): number {
    const hits = this.bytes[base + STORED.hits];
    return hits === 255 ? hits : ++this.bytes[base + STORED.hits];
  }
}
