/** Rates out of counters that only grow. */

/** Counters at one moment. */
export interface Sample {
  readonly atMs: number;
  readonly counts: readonly number[];
}

/** By how much each counter grows in a second; undefined where that cannot be told: the first sample, or counters that began anew. */
export function rateOf(earlier: Sample | undefined, later: Sample): readonly number[] | undefined {
  if (earlier === undefined || later.atMs <= earlier.atMs) return undefined;
  const seconds = (later.atMs - earlier.atMs) / 1000;
  const rates = later.counts.map((count, index) => (count - (earlier.counts[index] ?? 0)) / seconds);
  return rates.some((rate) => rate < 0) ? undefined : rates;
}

/** Of two askers at once the second learns nothing: what a burst makes of a few milliseconds is no rate. */
const LEAST_MS = 500;

/** Points over time, each with several values; the oldest go. */
export class Series {
  readonly #most: number;
  readonly times: number[] = [];
  /** One list a value. */
  readonly values: readonly number[][];
  #last: Sample | undefined;

  constructor(values: number, most: number) {
    this.#most = most;
    this.values = Array.from({ length: values }, () => []);
  }

  /** Adds the rates since the last sample. */
  add(sample: Sample): void {
    if (this.#last !== undefined && sample.atMs < this.#last.atMs + LEAST_MS) return;
    const rates = rateOf(this.#last, sample);
    this.#last = sample;
    if (rates === undefined) return;
    this.times.push(sample.atMs / 1000);
    for (const [index, list] of this.values.entries()) list.push(rates[index]);
    if (this.times.length <= this.#most) return;
    this.times.shift();
    for (const list of this.values) list.shift();
  }

  /** The newest rates; undefined until there are two samples. */
  get latest(): readonly number[] | undefined {
    return this.times.length === 0 ? undefined : this.values.map((list) => list[list.length - 1]);
  }

  /** When the last sample was taken. */
  get lastMs(): number {
    return this.#last?.atMs ?? 0;
  }
}
