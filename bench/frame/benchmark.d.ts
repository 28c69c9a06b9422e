/** The part of the package `benchmark` that is used here. */
declare module "benchmark" {
  interface Options {
    /** Seconds that a test may take, and the fewest that it does. */
    readonly maxTime?: number;
    readonly minTime?: number;
    readonly minSamples?: number;
  }

  class Benchmark {
    constructor(name: string, run: () => void, options?: Options);
    run(): this;
    /** Operations a second. */
    readonly hz: number;
    readonly error: Error | undefined;
  }
  export = Benchmark;
}
