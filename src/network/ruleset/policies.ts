import type { SetKey } from "../../base/set-element.js";
import type { Network } from "../model.js";
import { guestSet, nameSet, type Policy, type TrafficRule } from "../policy.js";
import { addressField, prefixWord } from "./guests.js";
import { PRIORITY, TABLE, type TableWriter } from "./table.js";
import { ACCEPT, anyOf, goto, hasAny, inSet, is, mappedVerdict, meta, payload, RETURN, type Word } from "./words.js";

/** Which chain a guest's link leads to; an element a guest that has such a list. */
export const POLICY_MAPS: Readonly<Record<Policy["direction"], SetKey>> = {
  egress: { table: TABLE, name: "policy_egress" },
  ingress: { table: TABLE, name: "policy_ingress" },
};

/** Sets that the rules of policies look into, besides the maps. */
export function policySets(policies: readonly Policy[]): SetKey[] {
  const names = new Set<string>();
  for (const { rules } of policies) {
    for (const { target } of rules) {
      if (target.kind === "guest") names.add(guestSet(target.name));
      if (target.kind === "name") for (const family of [4, 6] as const) names.add(nameSet(target.name, family));
    }
  }
  return [...names].toSorted().map((name) => ({ table: TABLE, name }));
}

/**
 * Who may begin what with whom. A packet that begins a connection goes through its sender's list and its receiver's, each by one
 * look-up of the link; what belongs to a connection goes through neither. A rule that fits returns, the list's end refuses: lists
 * narrow what the networks let, and never widen it.
 */
export function composePolicies(table: TableWriter, networks: readonly Network[], policies: readonly Policy[]): void {
  for (const { name } of Object.values(POLICY_MAPS)) table.map(name, { type: "iface_index", data: "verdict" });
  if (policies.length === 0) return;
  for (const { name } of policySets(policies)) declare(table, name);
  table.chain("policy", { type: "filter", hook: "forward", priority: PRIORITY.filter - 2 });
  table.rule("policy", hasAny({ ct: { key: "state" } }, "established", "related"), ACCEPT);
  table.rule("policy", mappedVerdict(meta("iif"), POLICY_MAPS.egress.name));
  table.rule("policy", mappedVerdict(meta("oif"), POLICY_MAPS.ingress.name));
  const groups = new Map(networks.map(({ name, group }) => [name, group]));
  for (const { chain, direction, rules } of policies) {
    table.chain(chain);
    for (const rule of rules) {
      for (const words of whom(rule, direction, groups)) table.rule(chain, ...words, ...what(rule), RETURN);
    }
    table.rule(chain, goto("refuse"));
  }
}

function declare(table: TableWriter, name: string): void {
  if (name.startsWith("guest_")) table.set(name, { type: "iface_index" });
  else table.set(name, { type: name.endsWith("_4") ? "ipv4_addr" : "ipv6_addr", expires: true });
}

/** The matches of a rule's target, one for each family where that matters. */
function whom({ target }: TrafficRule, direction: Policy["direction"], groups: ReadonlyMap<string, number>): Word[][] {
  const outward = direction === "egress";
  const field = outward ? "daddr" : "saddr";
  switch (target.kind) {
    case "any":
      return [[]];
    case "prefix":
      return [[is(addressField(target.prefix.family, field), prefixWord(target.prefix))]];
    case "network": {
      const group = groups.get(target.name);
      return group === undefined ? [] : [[is(meta(outward ? "oifgroup" : "iifgroup"), group)]];
    }
    case "guest":
      return [[is(meta(outward ? "oif" : "iif"), inSet(guestSet(target.name)))]];
    case "name":
      return ([4, 6] as const).map((family) => [is(addressField(family, field), inSet(nameSet(target.name, family)))]);
  }
}

function what({ protocol, ports }: TrafficRule): Word[] {
  if (protocol === undefined) return [];
  if (protocol === "icmp") return [is(meta("l4proto"), anyOf("icmp", "ipv6-icmp"))];
  if (ports.length === 0) return [is(meta("l4proto"), protocol)];
  const ranges = ports.map(({ first, last }): Word => (first === last ? first : { range: [first, last] }));
  return [is(payload(protocol, "dport"), anyOf(...ranges))];
}
