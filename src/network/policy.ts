import { createHash } from "node:crypto";
import type { Prefix } from "../base/prefix.js";

/** Whom a rule is about. */
export type RuleTarget =
  | { readonly kind: "any" }
  | { readonly kind: "prefix"; readonly prefix: Prefix }
  | { readonly kind: "network"; readonly name: string }
  | { readonly kind: "guest"; readonly name: string }
  /** A DNS name in lower case; `*.example.com` is every name below it. */
  | { readonly kind: "name"; readonly name: string };

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Lets a guest begin something with others (`egress`), or others with it (`ingress`). */
export interface TrafficRule {
  /** As it is written. */
  readonly text: string;
  readonly target: RuleTarget;
  /** Undefined: all. */
  readonly protocol: "tcp" | "udp" | "icmp" | undefined;
  /** Empty: all. */
  readonly ports: readonly PortRange[];
}

/** A list of rules, and what its chain is called; guests with the same list share it. */
export interface Policy {
  readonly chain: string;
  readonly direction: "egress" | "ingress";
  readonly rules: readonly TrafficRule[];
}

/** A list that the rules have; the number is its own for as long as the daemon runs. */
export interface NumberedPolicy extends Policy {
  readonly number: number;
  /** Whether guests on a bridge may have it: then it is at the bridge as well. */
  readonly bridged: boolean;
}

export function policyOf(direction: Policy["direction"], rules: readonly TrafficRule[]): Policy {
  return { chain: `${direction}_${digest(rules.map(({ text }) => text).join("\n"))}`, direction, rules };
}

/** The set with the links of a guest. */
export function guestSet(name: string): string {
  return `guest_${digest(name)}`;
}

/** The set with the addresses of a guest on a bridge, which the host knows it by. */
export function guestAddressSet(name: string, family: 4 | 6): string {
  return `${guestSet(name)}_${family}`;
}

/** The set with what a name has led to. */
export function nameSet(name: string, family: 4 | 6): string {
  return `name_${digest(name)}_${family}`;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** Whether a DNS name, in lower case, is what a rule's name means. */
export function nameMatches(pattern: string, name: string): boolean {
  return pattern.startsWith("*.") ? name.endsWith(pattern.slice(1)) && name.length > pattern.length - 1 : name === pattern;
}
