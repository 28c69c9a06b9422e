import { formatPrefix, type Ipv6Prefix } from "../../base/prefix.js";

/** A prefix that a router of the uplink has given us; times by the monotonic clock, `Infinity` for ever. */
export interface DelegatedPrefix {
  readonly prefix: Ipv6Prefix;
  readonly preferredUntilMs: number;
  readonly validUntilMs: number;
}

/** All that has been given in one association, and by whom. */
export interface Delegation {
  readonly serverDuid: Uint8Array;
  readonly prefixes: readonly DelegatedPrefix[];
  /** When to ask the same server again, and when any. */
  readonly renewAtMs: number;
  readonly rebindAtMs: number;
}

/** Those that are valid still, the one to be used first: preferred before deprecated, then the longest valid. */
export function usable(prefixes: readonly DelegatedPrefix[], nowMs: number): DelegatedPrefix[] {
  const rank = (one: DelegatedPrefix): number => (one.preferredUntilMs > nowMs ? 0 : 1);
  return prefixes
    .filter(({ validUntilMs }) => validUntilMs > nowMs)
    .toSorted((one, other) => rank(one) - rank(other) || compare(other.validUntilMs, one.validUntilMs));
}

function compare(one: number, other: number): number {
  return one === other ? 0 : one - other;
}

/** Whether both name the same prefixes in the same order, whatever their lifetimes. */
export function samePrefixes(one: readonly DelegatedPrefix[], other: readonly DelegatedPrefix[]): boolean {
  const names = (all: readonly DelegatedPrefix[]): string => all.map(({ prefix }) => formatPrefix(prefix)).join(" ");
  return names(one) === names(other);
}

/** The prefixes of an association after what a server has said about them: its word replaces what was known of each. */
export function merged(known: readonly DelegatedPrefix[], said: readonly DelegatedPrefix[], nowMs: number): DelegatedPrefix[] {
  const byName = new Map(known.map((one) => [formatPrefix(one.prefix), one]));
  for (const one of said) byName.set(formatPrefix(one.prefix), one);
  return usable([...byName.values()], nowMs);
}
