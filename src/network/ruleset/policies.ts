import type { SetKey } from "../../base/set-element.js";
import type { Network } from "../model.js";
import { guestSet, type NumberedPolicy, nameSet, type Policy, type TrafficRule } from "../policy.js";
import { addressField, prefixWord } from "./guests.js";
import { PRIORITY, TABLE, type TableWriter } from "./table.js";
import {
  ACCEPT,
  anyOf,
  byValue,
  goto,
  hasAny,
  inSet,
  is,
  jump,
  mapped,
  meta,
  payload,
  RETURN,
  setMeta,
  type Word,
} from "./words.js";

/**
 * The number of a guest's list, by its link: an element a guest that has such a list. Not the list's chain itself: with each
 * verdict that leads to a chain the kernel walks all verdicts of the table, to see that none of them makes a loop.
 */
export const POLICY_MAPS: Readonly<Record<Policy["direction"], SetKey>> = {
  egress: { table: TABLE, name: "policy_egress" },
  ingress: { table: TABLE, name: "policy_ingress" },
};

/**
 * Where a list's number is on its way from one map to the other, of packets that begin a connection of a guest with lists. The
 * mark would be somebody's; a priority has been chosen by the packet's TOS, or by nobody, and is 0 from then on.
 */
const SCRATCH = "priority";

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

/** Those whose elements are loaded with the rules; what names have led to ends by itself, and follows. */
export function loadedPolicySets(policies: readonly Policy[]): SetKey[] {
  return [...Object.values(POLICY_MAPS), ...policySets(policies).filter(({ name }) => name.startsWith("guest_"))];
}

/**
 * Who may begin what with whom. A packet that begins a connection goes through its sender's list and its receiver's, each by one
 * look-up of the link; what belongs to a connection goes through neither. A rule that fits returns, the list's end refuses: lists
 * narrow what the networks let, and never widen it.
 */
export function composePolicies(table: TableWriter, networks: readonly Network[], policies: readonly NumberedPolicy[]): void {
  for (const { name } of Object.values(POLICY_MAPS)) table.map(name, { type: "iface_index", data: "classid" });
  if (policies.length === 0) return;
  for (const { name } of policySets(policies)) declare(table, name);
  table.chain("policy", { type: "filter", hook: "forward", priority: PRIORITY.filter - 2 });
  table.rule("policy", hasAny({ ct: { key: "state" } }, "established", "related"), ACCEPT);
  for (const [direction, link] of [
    ["egress", "iif"],
    ["ingress", "oif"],
  ] as const) {
    const chains = policies.filter((policy) => policy.direction === direction);
    if (chains.length === 0) continue;
    const verdicts = chains.map(({ number, chain }) => [number, jump(chain)] as const);
    table.rule("policy", setMeta(SCRATCH, mapped(meta(link), POLICY_MAPS[direction].name)), byValue(meta(SCRATCH), verdicts));
  }
  const groups = new Map(networks.map(({ name, group }) => [name, group]));
  for (const { chain, direction, rules } of policies) {
    table.chain(chain);
    table.rule(chain, setMeta(SCRATCH, 0));
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
