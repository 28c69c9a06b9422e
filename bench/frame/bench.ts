import type { Report } from "./report.js";

/** What was asked for on the command line. */
export interface BenchSize {
  /** The size that runs in the tests: everything is done, nothing is proven. */
  readonly smoke: boolean;
  readonly rounds: number;
  /** Only cases whose name has this in it; undefined: all. */
  readonly only?: string | undefined;
}

/** A file of `bench/macro/` exports `bench: Bench`; its name is the file's. */
export interface Bench {
  /** What is compared with what, in a line. */
  readonly about: string;
  /** Rounds of a full run where the command line says nothing. */
  readonly rounds: number;
  run(size: BenchSize, report: Report): Promise<void>;
}
