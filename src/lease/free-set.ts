/**
 * Which of `size` numbers are free: a bitmap with summaries over it, each bit of one level telling whether the 32 bits below have
 * any one set. So the next free number is found in at most one step up and one step down a level: seven levels at 2³² numbers.
 */
export class FreeSet {
  readonly size: number;
  readonly #levels: Uint32Array[] = [];
  #count: number;

  /** All are free at first. */
  constructor(size: number) {
    this.size = size;
    this.#count = size;
    for (let bits = size; ; bits = this.#levels[this.#levels.length - 1].length) {
      const words = new Uint32Array(Math.ceil(bits / 32)).fill(0xffff_ffff);
      if (bits % 32 !== 0) words[words.length - 1] = 2 ** (bits % 32) - 1;
      this.#levels.push(words);
      if (words.length <= 1) break;
    }
  }

  get count(): number {
    return this.#count;
  }

  has(index: number): boolean {
    return ((this.#levels[0][index >>> 5] >>> (index & 31)) & 1) === 1;
  }

  /** False when it was there already. */
  add(index: number): boolean {
    if (this.has(index)) return false;
    this.#count++;
    let at = index;
    for (const words of this.#levels) {
      const before = words[at >>> 5];
      words[at >>> 5] = before | (1 << (at & 31));
      if (before !== 0) break;
      at >>>= 5;
    }
    return true;
  }

  /** False when it was not there. */
  delete(index: number): boolean {
    if (!this.has(index)) return false;
    this.#count--;
    let at = index;
    for (const words of this.#levels) {
      words[at >>> 5] &= ~(1 << (at & 31));
      if (words[at >>> 5] !== 0) break;
      at >>>= 5;
    }
    return true;
  }

  /** The first free number from `start` on, or after the last one again from zero; -1 when none is left. */
  next(start: number): number {
    const found = this.#ascend(start);
    return found < 0 && start > 0 ? this.#ascend(0) : found;
  }

  #ascend(start: number): number {
    let at = start;
    for (let level = 0; level < this.#levels.length; level++) {
      const words = this.#levels[level];
      const word = at >>> 5;
      if (word >= words.length) return -1;
      const rest = (words[word] & (0xffff_ffff << (at & 31))) >>> 0;
      if (rest !== 0) return this.#descend(level, word * 32 + lowestBit(rest));
      at = word + 1;
    }
    return -1;
  }

  #descend(from: number, index: number): number {
    let at = index;
    for (let level = from - 1; level >= 0; level--) at = at * 32 + lowestBit(this.#levels[level][at]);
    return at;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
