import type { Parameters } from "fast-check";

/**
 * How long a property is searched: a few hundred cases in an ordinary run, and as many as fit when `TAPNET_FUZZ_SECONDS` says how
 * long. A failure prints seed and path; give them to `fc.assert` to see it again.
 */
export function fuzz(numRuns = 300): Pick<Parameters<unknown>, "numRuns" | "interruptAfterTimeLimit" | "markInterruptAsFailure"> {
  const seconds = Number(process.env["TAPNET_FUZZ_SECONDS"] ?? 0);
  if (!(seconds > 0)) return { numRuns };
  return { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false };
}
