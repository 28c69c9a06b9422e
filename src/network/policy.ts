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

/** A list of rules, and what tells it from others; guests with the same list share it. */
export interface Policy {
  readonly digest: string;
  readonly direction: "egress" | "ingress";
  readonly rules: readonly TrafficRule[];
}

/**
 * A list that the rules have; the number is its own for as long as it is configured, and begins with that of the list's form
 * (`ruleset/lists.ts`).
 */
export interface NumberedPolicy extends Policy {
  readonly number: number;
  /** Whether guests on a bridge may have it: then it is at the bridge as well. */
  readonly bridged: boolean;
}

export function policyOf(direction: Policy["direction"], rules: readonly TrafficRule[]): Policy {
  const text = [direction, ...rules.map((rule) => rule.text)].join("\n");
  return { digest: createHash("sha256").update(text).digest("hex").slice(0, 16), direction, rules };
}

/** Whether a DNS name, in lower case, is what a rule's name means. */
export function nameMatches(pattern: string, name: string): boolean {
  return pattern.startsWith("*.") ? name.endsWith(pattern.slice(1)) && name.length > pattern.length - 1 : name === pattern;
}
