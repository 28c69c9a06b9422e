import { writeUint16, writeUint32 } from "./bytes.js";
import { FOLD, hashByte, NAME_LIMIT, POINTER_BITS } from "./name.js";
import { FIELD, HEADER_BYTES, RECORD_FIXED_BYTES } from "./numbers.js";

/** A pointer has 14 bits (RFC 1035 §4.1.4). */
const POINTER_MOST = 0x3fff;
const BUCKETS = 256;
/** Suffixes remembered for one message; what comes later is written in full. */
const SUFFIXES_MOST = 192;

/**
 * Writes one message into bytes that the caller owns, compressing names (RFC 1035 §4.1.4). Reused; allocates nothing.
 *
 * Every suffix that was written in full is remembered by its hash, in a table with one place per bucket: a suffix whose place is
 * taken is not remembered, so a name costs the same whatever was written before it. Each write returns false, with nothing
 * promised about the bytes from its start on, where the message would become longer than its limit; the caller then takes
 * everything since a `position` back with `rewind`.
 */
export class MessageWriter {
  out: Uint8Array = new Uint8Array(0);
  /** First byte of the message, and the first byte that must not be written. */
  start = 0;
  limit = 0;
  /** Where the next byte goes. */
  position = 0;
  /**
   * Whether a suffix may stand for another that differs in case. Names are the same then (RFC 4343), but not their spelling;
   * it also gives the names of an answer the case in which the asker wrote the question.
   */
  foldCase: boolean;
  readonly #buckets = new Uint8Array(BUCKETS);
  readonly #hash = new Uint32Array(SUFFIXES_MOST);
  readonly #offset = new Uint16Array(SUFFIXES_MOST);
  #suffixes = 0;
  readonly #labelOffset = new Uint8Array(NAME_LIMIT.labels + 1);
  readonly #suffixHash = new Uint32Array(NAME_LIMIT.labels + 1);

  constructor(foldCase: boolean) {
    this.foldCase = foldCase;
  }

  /** Starts behind the header of a message at `start`, which may grow up to `limit`. The header is written by the caller. */
  begin(out: Uint8Array, start: number, limit: number): void {
    this.out = out;
    this.start = start;
    this.limit = limit;
    this.position = start + HEADER_BYTES;
    this.#forget(0);
  }

  /** Takes back everything from `position` on. */
  rewind(position: number): void {
    this.position = position;
    let keep = this.#suffixes;
    while (keep > 0 && this.start + this.#offset[keep - 1] >= position) keep--;
    this.#forget(keep);
  }

  #forget(keep: number): void {
    for (let index = keep; index < this.#suffixes; index++) this.#buckets[this.#hash[index] & (BUCKETS - 1)] = 0;
    this.#suffixes = keep;
  }

  hasRoom(bytes: number): boolean {
    return this.position + bytes <= this.limit;
  }

  writeHeader(id: number, flags: number): void {
    writeUint16(this.out, this.start + FIELD.id, id);
    writeUint16(this.out, this.start + FIELD.flags, flags);
  }

  /** Sets how many records a section has; `field` is one of `FIELD`. */
  setCount(field: number, count: number): void {
    writeUint16(this.out, this.start + field, count);
  }

  writeByte(value: number): boolean {
    if (!this.hasRoom(1)) return false;
    this.out[this.position++] = value;
    return true;
  }

  writeUint16(value: number): boolean {
    if (!this.hasRoom(2)) return false;
    writeUint16(this.out, this.position, value);
    this.position += 2;
    return true;
  }

  writeUint32(value: number): boolean {
    if (!this.hasRoom(4)) return false;
    writeUint32(this.out, this.position, value);
    this.position += 4;
    return true;
  }

  writeBytes(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.hasRoom(length)) return false;
    const { out, position } = this;
    for (let index = 0; index < length; index++) out[position + index] = bytes[offset + index];
    this.position = position + length;
    return true;
  }

  /** A pointer to what stands `offset` bytes behind the start of the message. */
  writePointer(offset: number): boolean {
    return this.writeUint16((POINTER_BITS << 8) | offset);
  }

  /** Type, class and TTL; two bytes stay free for the length, which `closeData` sets. */
  writeRecordFixed(type: number, classNumber: number, ttlSeconds: number): boolean {
    if (!this.hasRoom(RECORD_FIXED_BYTES)) return false;
    writeUint16(this.out, this.position, type);
    writeUint16(this.out, this.position + 2, classNumber);
    writeUint32(this.out, this.position + 4, ttlSeconds);
    this.position += RECORD_FIXED_BYTES;
    return true;
  }

  /** Sets the length of the data that starts at `dataStart` and ends here. */
  closeData(dataStart: number): void {
    writeUint16(this.out, dataStart - 2, this.position - dataStart);
  }

  /** Writes the uncompressed name at `offset` of `name`, its longest known suffix as a pointer. */
  writeName(name: Uint8Array, offset = 0): boolean {
    const labels = this.#measure(name, offset);
    const nameStart = this.position - this.start;
    for (let label = 0; label < labels; label++) {
      const at = offset + this.#labelOffset[label];
      const known = this.#find(this.#suffixHash[label], name, at, nameStart);
      if (known >= 0) return this.writePointer(known);
      const written = this.position;
      if (!this.writeBytes(name, at, name[at] + 1)) return false;
      this.#remember(this.#suffixHash[label], written);
    }
    return this.writeByte(0);
  }

  /** Writes a name in full, for data in which nobody may expect a pointer (RFC 3597 §4). It is not remembered. */
  writePlainName(name: Uint8Array, offset = 0): boolean {
    const labels = this.#measure(name, offset);
    return this.writeBytes(name, offset, this.#labelOffset[labels] + 1);
  }

  /** Remembers the suffixes of a name that the caller has put, uncompressed, at `position` of the message's bytes. */
  noteName(position: number): void {
    const labels = this.#measure(this.out, position);
    for (let label = 0; label < labels; label++) this.#remember(this.#suffixHash[label], position + this.#labelOffset[label]);
  }

  /** Finds the labels of a name, and the hash of the suffix that starts at each; returns how many labels there are. */
  #measure(name: Uint8Array, offset: number): number {
    let labels = 0;
    let at = offset;
    for (; name[at] !== 0; at += name[at] + 1) this.#labelOffset[labels++] = at - offset;
    this.#labelOffset[labels] = at - offset;
    let hash = 0;
    for (let label = labels - 1; label >= 0; label--) {
      const end = offset + this.#labelOffset[label + 1];
      for (let byte = offset + this.#labelOffset[label]; byte < end; byte++) hash = hashByte(hash, FOLD[name[byte]]);
      this.#suffixHash[label] = hash ^ (hash >>> 15);
    }
    return labels;
  }

  #remember(hash: number, position: number): void {
    const offset = position - this.start;
    const bucket = hash & (BUCKETS - 1);
    if (offset > POINTER_MOST || this.#suffixes === SUFFIXES_MOST || this.#buckets[bucket] !== 0) return;
    this.#hash[this.#suffixes] = hash;
    this.#offset[this.#suffixes] = offset;
    this.#buckets[bucket] = ++this.#suffixes;
  }

  /** Where in the message, in front of `before`, the suffix at `offset` of `name` was written; -1 where it was not. */
  #find(hash: number, name: Uint8Array, offset: number, before: number): number {
    const entry = this.#buckets[hash & (BUCKETS - 1)] - 1;
    if (entry < 0 || this.#hash[entry] !== hash || this.#offset[entry] >= before) return -1;
    return this.#isWrittenAt(this.#offset[entry], name, offset) ? this.#offset[entry] : -1;
  }

  #isWrittenAt(written: number, name: Uint8Array, offset: number): boolean {
    const { out, foldCase } = this;
    let at = this.start + written;
    for (let index = offset; ; ) {
      while (out[at] >= POINTER_BITS) at = this.start + (((out[at] & ~POINTER_BITS) << 8) | out[at + 1]);
      const length = name[index];
      if (out[at] !== length) return false;
      if (length === 0) return true;
      for (const end = index + length + 1; index < end; index++, at++) {
        if (out[at] !== name[index] && (!foldCase || FOLD[out[at]] !== FOLD[name[index]])) return false;
      }
    }
  }
}
