import { Counters } from "../../base/counters.js";

const NAMES = [
  /** Messages that were no question, by what was wrong with them. */
  "short",
  "response",
  "opcode",
  "malformed",
  "edns-version",
  /** Questions, and how they were answered. */
  "questions",
  "local",
  "cached",
  "stale",
  "forwarded",
  "joined",
  "refused",
  "rate-limited",
  "too-many-open",
  "truncated",
  /** Towards upstream. */
  "asked",
  "asked-stream",
  "prefetched",
  "timeouts",
  "strays",
  "case-lost",
  "bad-answers",
  "private-addresses",
  "loops",
  "failed",
  /** Askers of no network. */
  "no-view",
] as const;
export type DnsCounter = (typeof NAMES)[number];

export function dnsCounters(): Counters<DnsCounter> {
  return new Counters(NAMES);
}

/** The index of each, for `Counters.count`. */
export const COUNTER = Object.fromEntries(NAMES.map((name, index) => [name, index])) as Readonly<Record<DnsCounter, number>>;
