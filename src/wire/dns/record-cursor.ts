import { readUint16, readUint32 } from "./bytes.js";
import { skipName } from "./name.js";
import { FIELD, HEADER_BYTES, RECORD_FIXED_BYTES } from "./numbers.js";

/** The sections of a message that hold records, in their order. */
export const SECTION = { answer: 0, authority: 1, additional: 2 } as const;

/**
 * The records of a message, one after the other: a cursor over bytes that it does not own.
 *
 * `begin` skips the questions; each `next` that returns true has filled the fields. At the end, or where the message breaks off
 * or a name is malformed, `next` returns false, and `malformed` tells which it was. Owner names and data are not looked into.
 */
export class RecordCursor {
  bytes: Uint8Array = new Uint8Array(0);
  /** First byte of the message and first byte after it. */
  start = 0;
  end = 0;
  section: number = SECTION.answer;
  ownerOffset = 0;
  type = 0;
  class = 0;
  ttlSeconds = 0;
  /** Where the TTL stands. */
  ttlOffset = 0;
  dataOffset = 0;
  dataLength = 0;
  malformed = false;
  #next = 0;
  readonly #left = new Uint32Array(3);

  /** False where the header or the questions are malformed. */
  begin(bytes: Uint8Array, start: number, length: number): boolean {
    this.bytes = bytes;
    this.start = start;
    this.end = start + length;
    this.section = SECTION.answer;
    this.malformed = true;
    this.#left.fill(0);
    if (length < HEADER_BYTES) return false;
    let at = start + HEADER_BYTES;
    for (let questions = readUint16(bytes, start + FIELD.questions); questions > 0; questions--) {
      const afterName = skipName(bytes, at, this.end);
      if (afterName === 0 || afterName + 4 > this.end) return false;
      at = afterName + 4;
    }
    this.#left[SECTION.answer] = readUint16(bytes, start + FIELD.answers);
    this.#left[SECTION.authority] = readUint16(bytes, start + FIELD.authorities);
    this.#left[SECTION.additional] = readUint16(bytes, start + FIELD.additionals);
    this.#next = at;
    this.malformed = false;
    return true;
  }

  next(): boolean {
    while (this.#left[this.section] === 0) {
      if (this.section === SECTION.additional) return false;
      this.section++;
    }
    const fixed = skipName(this.bytes, this.#next, this.end);
    const data = fixed + RECORD_FIXED_BYTES;
    if (fixed === 0 || data > this.end || data + readUint16(this.bytes, fixed + 8) > this.end) {
      this.malformed = true;
      this.#left.fill(0);
      return false;
    }
    this.#left[this.section]--;
    this.ownerOffset = this.#next;
    this.type = readUint16(this.bytes, fixed);
    this.class = readUint16(this.bytes, fixed + 2);
    this.ttlOffset = fixed + 4;
    this.ttlSeconds = readUint32(this.bytes, fixed + 4);
    this.dataOffset = data;
    this.dataLength = readUint16(this.bytes, fixed + 8);
    this.#next = data + this.dataLength;
    return true;
  }

  /** First byte after the records read so far. */
  get position(): number {
    return this.#next;
  }
}
