import type { Random } from "../../../src/base/random.js";
import type { LeaseRecord, Tenure } from "../../../src/lease/lease.js";
import { LeaseTable } from "../../../src/lease/lease-table.js";
import type { LeaseChange, LeaseStore } from "../../../src/lease/store.js";
import { chance, type Odds } from "./odds.js";
import type { SimClock } from "./sim-clock.js";

/**
 * What survives a crash: leases on a disk that is slow, fails, and may have written any part of a save that it did not confirm.
 */
export class SimDisk {
  readonly #table = new LeaseTable();
  readonly #clock: SimClock;
  readonly #random: Random;
  readonly #odds: Odds;
  /** Saves that were confirmed, and that failed. */
  saves = 0;
  failures = 0;

  constructor(clock: SimClock, random: Random, odds: Odds) {
    this.#clock = clock;
    this.#random = random;
    this.#odds = odds;
  }

  /** A store on this disk for one life of the server. */
  open(isAlive: () => boolean): LeaseStore {
    return {
      load: () => Promise.resolve([...this.#table.records()]),
      save: (changes) => this.#save(changes, isAlive),
      history: () => Promise.resolve<Tenure[]>([]),
      close: () => Promise.resolve(),
    };
  }

  /** What is on the disk at an address. */
  at(address: number): LeaseRecord | undefined {
    for (const record of this.#table.recordsAt(address)) return record;
    return undefined;
  }

  #save(changes: readonly LeaseChange[], isAlive: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#clock.after(this.#odds.diskMs(this.#random), () => {
        const isFailed = !isAlive() || chance(this.#random, this.#odds.diskError);
        for (const change of changes) if (!isFailed || chance(this.#random, 0.5)) this.#table.apply(change);
        if (!isAlive()) return;
        if (isFailed) this.failures++;
        else this.saves++;
        if (isFailed) reject(new Error("disk error"));
        else resolve();
      });
    });
  }
}
