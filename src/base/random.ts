import { getRandomValues } from "node:crypto";

/** Randomness, injected everywhere, so that a simulator can replay it from one seed. */
export interface Random {
  /** An unsigned 32-bit number. */
  uint32(): number;
}

const POOL_WORDS = 1024;

/** Cryptographic randomness, drawn from the kernel in blocks of 4 KiB because each draw is a call out of JS. */
export function systemRandom(): Random {
  const pool = new Uint32Array(POOL_WORDS);
  let next = POOL_WORDS;
  return {
    uint32() {
      if (next === POOL_WORDS) {
        getRandomValues(pool);
        next = 0;
      }
      return pool[next++];
    },
  };
}

/** A reproducible sequence from one seed (splitmix32): for the simulator and the property tests, never for ids on the wire. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    uint32() {
      state = (state + 0x9e37_79b9) >>> 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0_aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a_2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    },
  };
}
