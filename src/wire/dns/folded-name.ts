import { FOLD, finishHash, hashByte, NAME_LIMIT, POINTER_BITS } from "./name.js";

const COMBINE_FACTOR = 0x9e37_79b1;

/** The hash of a name from that of its parent and that of its leftmost label. */
export function combineHash(parent: number, label: number): number {
  return Math.imul(parent ^ label, COMBINE_FACTOR);
}

/**
 * One uncompressed name, taken apart: folded, its labels located and hashed. A cursor, filled by `read`.
 *
 * The hash of a name is combined from its labels, the rightmost first, so every name above it has its own on the way, and a
 * tree can be walked down with the hashes of the labels alone.
 */
export class FoldedName {
  /** The name in small letters, from the start on. */
  readonly bytes = new Uint8Array(NAME_LIMIT.nameBytes + 1);
  /** With the root's zero byte; 0 before the first `read`. */
  length = 0;
  labelCount = 0;
  /** Where the length byte of each label stands in `bytes`, the leftmost first; behind the last, where the root's byte does. */
  readonly labelOffset = new Uint8Array(NAME_LIMIT.labels + 1);
  readonly labelHash = new Int32Array(NAME_LIMIT.labels);
  /** Begins every hash; random, so that nobody outside can make names collide. */
  readonly seed: number;

  constructor(seed: number) {
    this.seed = seed;
  }

  clear(): void {
    this.length = 0;
    this.labelCount = 0;
  }

  /** Reads the name at `offset`; false, and nothing read, where it is compressed, malformed, or does not end before `end`. */
  read(from: Uint8Array, offset: number, end: number): boolean {
    const { bytes, labelOffset, labelHash, seed } = this;
    this.length = 0;
    let labels = 0;
    let at = offset;
    let written = 0;
    while (at < end) {
      const length = from[at];
      if (length === 0) {
        bytes[written] = 0;
        labelOffset[labels] = written;
        this.labelCount = labels;
        this.length = written + 1;
        return true;
      }
      const stop = at + length + 1;
      if (length >= POINTER_BITS || length > NAME_LIMIT.labelBytes || stop - offset >= NAME_LIMIT.nameBytes || stop >= end)
        return false;
      labelOffset[labels] = written;
      let hash = seed;
      for (; at < stop; at++) {
        const byte = FOLD[from[at]];
        bytes[written++] = byte;
        hash = hashByte(hash, byte);
      }
      labelHash[labels++] = hash;
    }
    return false;
  }

  /** The finished hash of the name without its first `label` labels. */
  hashFrom(label: number): number {
    let hash = this.seed;
    for (let index = this.labelCount - 1; index >= label; index--) hash = combineHash(hash, this.labelHash[index]);
    return finishHash(hash);
  }

  /** A copy of the name. */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}
