import type { Random } from "../../../src/base/random.js";

/** How bad the world is. */
export interface Odds {
  /** Of each message. */
  lost: number;
  doubled: number;
  /** Of each save. */
  diskError: number;
  /** Per renewal of a client: it boots again, gives its lease back, finds its address taken, or comes back as a new machine. */
  reboot: number;
  release: number;
  decline: number;
  reimage: number;
  /** Milliseconds that a message and a save take. */
  wireMs(random: Random): number;
  diskMs(random: Random): number;
}

export function chance(random: Random, probability: number): boolean {
  return random.uint32() / 0x1_0000_0000 < probability;
}

/** From `least` to `most`, both included. */
export function between(random: Random, least: number, most: number): number {
  return least + (random.uint32() % (most - least + 1));
}

export function badDay(): Odds {
  return {
    lost: 0.1,
    doubled: 0.03,
    diskError: 0.02,
    reboot: 0.03,
    release: 0.03,
    decline: 0.005,
    reimage: 0.01,
    wireMs: (random) => between(random, 0, 300),
    diskMs: (random) => between(random, 0, 50),
  };
}

/** From now on nothing goes wrong, so that everybody can come to rest. */
export function makeGood(odds: Odds): void {
  Object.assign(odds, { lost: 0, doubled: 0, diskError: 0, reboot: 0, release: 0, decline: 0, reimage: 0 });
}
