/**
 * SipHash-2-4 (Aumasson, Bernstein 2012) of up to 255 bytes: a keyed hash for cookies (RFC 9018 §4.4).
 *
 * The four 64-bit words of its state are pairs of 32-bit halves, low half first, so nothing is allocated per hash.
 */
export class SipHash {
  readonly #key: Uint32Array;
  readonly #state = new Int32Array(8);

  /** `key` is 16 bytes. */
  constructor(key: Uint8Array) {
    this.#key = new Uint32Array(4);
    for (let word = 0; word < 4; word++) this.#key[word] = readLittleEndian(key, word * 4);
  }

  /** Hashes `length` bytes of `input` from its start and writes 8 bytes, in the reference's little-endian order. */
  hash(input: Uint8Array, length: number, out: Uint8Array, outOffset: number): void {
    const state = this.#state;
    this.#begin();
    const whole = length & ~7;
    for (let at = 0; at < whole; at += 8) this.#absorb(readLittleEndian(input, at), readLittleEndian(input, at + 4));
    let low = 0;
    let high = length << 24;
    for (let index = 0; index < (length & 7); index++) {
      if (index < 4) low |= input[whole + index] << (8 * index);
      else high |= input[whole + index] << (8 * (index - 4));
    }
    this.#absorb(low, high);
    state[4] ^= 0xff;
    for (let round = 0; round < 4; round++) this.#round();
    writeLittleEndian(out, outOffset, state[0] ^ state[2] ^ state[4] ^ state[6]);
    writeLittleEndian(out, outOffset + 4, state[1] ^ state[3] ^ state[5] ^ state[7]);
  }

  /** The constants spell "somepseudorandomlygeneratedbytes". */
  #begin(): void {
    const key = this.#key;
    const state = this.#state;
    state[0] = key[0] ^ 0x70736575;
    state[1] = key[1] ^ 0x736f6d65;
    state[2] = key[2] ^ 0x6e646f6d;
    state[3] = key[3] ^ 0x646f7261;
    state[4] = key[0] ^ 0x6e657261;
    state[5] = key[1] ^ 0x6c796765;
    state[6] = key[2] ^ 0x79746573;
    state[7] = key[3] ^ 0x74656462;
  }

  #absorb(low: number, high: number): void {
    const state = this.#state;
    state[6] ^= low;
    state[7] ^= high;
    this.#round();
    this.#round();
    state[0] ^= low;
    state[1] ^= high;
  }

  #round(): void {
    const state = this.#state;
    add(state, 0, 2);
    rotate(state, 2, 13);
    exclusiveOr(state, 2, 0);
    swapHalves(state, 0);
    add(state, 4, 6);
    rotate(state, 6, 16);
    exclusiveOr(state, 6, 4);
    add(state, 0, 6);
    rotate(state, 6, 21);
    exclusiveOr(state, 6, 0);
    add(state, 4, 2);
    rotate(state, 2, 17);
    exclusiveOr(state, 2, 4);
    swapHalves(state, 4);
  }
}

function add(state: Int32Array, to: number, from: number): void {
  const low = (state[to] >>> 0) + (state[from] >>> 0);
  state[to] = low;
  state[to + 1] = state[to + 1] + state[from + 1] + (low > 0xffff_ffff ? 1 : 0);
}

function rotate(state: Int32Array, word: number, bits: number): void {
  const low = state[word];
  const high = state[word + 1];
  state[word] = (low << bits) | (high >>> (32 - bits));
  state[word + 1] = (high << bits) | (low >>> (32 - bits));
}

function exclusiveOr(state: Int32Array, to: number, from: number): void {
  state[to] ^= state[from];
  state[to + 1] ^= state[from + 1];
}

/** Rotation by 32. */
function swapHalves(state: Int32Array, word: number): void {
  const low = state[word];
  state[word] = state[word + 1];
  state[word + 1] = low;
}

function readLittleEndian(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function writeLittleEndian(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
