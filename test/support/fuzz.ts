import type { Parameters } from "fast-check";

type Search = Pick<Parameters<unknown>, "numRuns" | "interruptAfterTimeLimit" | "markInterruptAsFailure">;

/**
 * How long a property is searched: a few hundred cases in an ordinary run, and as many as fit when `TAPNET_FUZZ_SECONDS` says how
 * long. A failure prints seed and path; give them to `fc.assert` to see it again.
 */
export function fuzz(numRuns = 300): Search {
  return wishedSeconds() > 0 ? fuzzFor(wishedSeconds()) : { numRuns };
}

/** The same for a property that is searched so long in an ordinary run. */
export function fuzzFor(usualSeconds: number): Search {
  const seconds = wishedSeconds() > 0 ? wishedSeconds() : usualSeconds;
  return { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false };
}

function wishedSeconds(): number {
  return Number(process.env["TAPNET_FUZZ_SECONDS"] ?? 0);
}
