import type { SetKey } from "../../base/set-element.js";
import type { Network } from "../model.js";
import { guestAddressSet, guestSet, type NumberedPolicy, nameSet, type Policy, type TrafficRule } from "../policy.js";
import { addressField, fromBridges, prefixWord, toBridges } from "./guests.js";
import { BRIDGE_TABLE, PRIORITY, TABLE, type TableWriter } from "./table.js";
import {
  ACCEPT,
  anyOf,
  byValue,
  concat,
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

type Direction = Policy["direction"];
type ByDirection = Readonly<Record<Direction, SetKey>>;

/**
 * The number of a guest's list, by its link: an element a guest that has such a list. Not the list's chain itself: with each
 * verdict that leads to a chain the kernel walks all verdicts of the table, to see that none of them makes a loop.
 */
export const POLICY_MAPS: ByDirection = mapsOf(TABLE, "");
/** The same at the bridges; and where the host forwards, by the address of a guest on one, since all come by the bridge's link. */
export const BRIDGE_POLICY_MAPS: ByDirection = mapsOf(BRIDGE_TABLE, "");
export const ADDRESS_POLICY_MAPS: Readonly<Record<4 | 6, ByDirection>> = { 4: mapsOf(TABLE, "_4"), 6: mapsOf(TABLE, "_6") };
/** Links at bridges that have any list. */
export const LISTED = "listed";
export const LISTED_SET: SetKey = { table: BRIDGE_TABLE, name: LISTED };

/**
 * Where a list's number is on its way from one map to the other, of packets that begin a connection of a guest with lists. The
 * mark would be somebody's; a priority has been chosen by the packet's TOS, or by nobody, and is 0 from then on.
 */
const SCRATCH = "priority";
const FAMILIES = [4, 6] as const;
const DHCP = [
  { client: 68, server: 67 },
  { client: 546, server: 547 },
] as const;
const LINK_TYPES = [
  ...["nd-neighbor-solicit", "nd-neighbor-advert", "nd-router-solicit", "nd-router-advert"],
  ...["mld-listener-query", "mld-listener-report", "mld-listener-done", "mld2-listener-report"],
] as const;

function mapsOf(table: SetKey["table"], suffix: string): ByDirection {
  const key = (name: string): SetKey => ({ table, name: name + suffix });
  return { egress: key("policy_egress"), ingress: key("policy_ingress") };
}

/** A name's set that is keyed by the asker's address instead of its link. */
export function askedFromSet(name: string, family: 4 | 6): string {
  return `${nameSet(name, family)}_from`;
}

/** All sets that rules of policies look into. */
export function policySets(policies: readonly NumberedPolicy[]): SetKey[] {
  const maps = [POLICY_MAPS, BRIDGE_POLICY_MAPS, ...Object.values(ADDRESS_POLICY_MAPS)].flatMap((byDirection) =>
    Object.values<SetKey>(byDirection),
  );
  const inTable = targetSets(policies).map((name) => ({ table: TABLE, name }));
  const bridged = policies.filter((policy) => policy.bridged);
  const atBridge = targetSets(bridged).filter((name) => !knownByAddress(name));
  return [...maps, LISTED_SET, ...inTable, ...atBridge.map((name) => ({ table: BRIDGE_TABLE, name }))];
}

function targetSets(policies: readonly Policy[]): string[] {
  const names = new Set<string>();
  for (const { rules } of policies) {
    for (const { target } of rules) {
      if (target.kind === "guest") names.add(guestSet(target.name));
      for (const family of FAMILIES) {
        if (target.kind === "guest") names.add(guestAddressSet(target.name, family));
        if (target.kind === "name") names.add(nameSet(target.name, family)).add(askedFromSet(target.name, family));
      }
    }
  }
  return [...names].toSorted();
}

/** At a bridge guests are known by their links. */
function knownByAddress(name: string): boolean {
  return name.endsWith("_from") || /^guest_\w+_[46]$/.test(name);
}

/** Those whose elements are loaded with the rules; what names have led to ends by itself, and follows. */
export function loadedPolicySets(policies: readonly NumberedPolicy[]): SetKey[] {
  return policySets(policies).filter(({ name }) => !name.startsWith("name_"));
}

/**
 * Who may begin what with whom. A packet that begins a connection goes through its sender's list and its receiver's, each by one
 * look-up of the link; what belongs to a connection goes through neither. A rule that fits returns, the list's end refuses: lists
 * narrow what the networks let, and never widen it.
 */
export function composePolicies(table: TableWriter, networks: readonly Network[], policies: readonly NumberedPolicy[]): void {
  declareMaps(table);
  if (policies.length === 0) return;
  for (const set of policySets(policies)) if (set.table === TABLE) declarePolicySet(table, set.name);
  table.chain("policy", { type: "filter", hook: "forward", priority: PRIORITY.filter - 2 });
  table.rule("policy", hasAny({ ct: { key: "state" } }, "established", "related"), ACCEPT);
  const [bridgesIn, bridgesOut] = [fromBridges(networks), toBridges(networks)];
  // With br_netfilter, frames come by here that only cross a bridge.
  if (bridgesIn.length > 0) for (const words of ofTheLink()) table.rule("policy", ...bridgesIn, ...bridgesOut, ...words, ACCEPT);
  for (const [direction, link, field, bridges] of [
    ["egress", "iif", "saddr", bridgesIn],
    ["ingress", "oif", "daddr", bridgesOut],
  ] as const) {
    const chains = policies.filter((policy) => policy.direction === direction);
    if (chains.length === 0) continue;
    const toChain = byValue(
      meta(SCRATCH),
      chains.map(({ number, chain }) => [number, jump(chain)] as const),
    );
    table.rule("policy", setMeta(SCRATCH, mapped(meta(link), POLICY_MAPS[direction].name)), toChain);
    for (const bridged of chains.some((policy) => policy.bridged) ? bridges : []) {
      for (const family of FAMILIES) {
        const number = mapped(addressField(family, field), ADDRESS_POLICY_MAPS[family][direction].name);
        table.rule("policy", bridged, setMeta(SCRATCH, number), toChain);
      }
    }
  }
  const groups = new Map(networks.map(({ name, group }) => [name, group]));
  composeLists(table, policies, groups, [goto("refuse")], [bridgesIn, bridgesOut]);
}

/** What stations of a link need to say to be on it at all: neighbour discovery, group membership, DHCP. */
export function ofTheLink(): Word[][] {
  const udp = (sport: number, dport: number): Word[] => [is(payload("udp", "sport"), sport), is(payload("udp", "dport"), dport)];
  const dhcp = DHCP.flatMap(({ client, server }) => [udp(client, server), udp(server, client)]);
  return [[is(payload("icmpv6", "type"), anyOf(...LINK_TYPES))], [is(meta("l4proto"), "igmp")], ...dhcp];
}

function declareMaps(table: TableWriter): void {
  for (const { name } of Object.values(POLICY_MAPS)) table.map(name, { type: "iface_index", data: "classid" });
  for (const family of FAMILIES) {
    for (const { name } of Object.values(ADDRESS_POLICY_MAPS[family]))
      table.map(name, { type: `ipv${family}_addr`, data: "classid" });
  }
}

export function declarePolicySet(table: TableWriter, name: string): void {
  const address = /_4(?:_from)?$/.test(name) ? "ipv4_addr" : "ipv6_addr";
  if (/^guest_[^_]+$/.test(name) || name === LISTED) table.set(name, { type: "iface_index" });
  else if (name.startsWith("guest_")) table.set(name, { type: address });
  else if (name.startsWith("name_"))
    table.set(name, { type: [name.endsWith("_from") ? address : "iface_index", address], expires: true });
}

/**
 * A chain for each list; what no rule fits is `refused`. `bridges`: how a packet from, and one to, a bridge is known, where guests
 * on bridges are told by their addresses.
 */
export function composeLists(
  table: TableWriter,
  policies: readonly Policy[],
  groups: ReadonlyMap<string, number>,
  refused: readonly Word[],
  bridges: readonly (readonly Word[])[],
): void {
  for (const { chain, direction, rules } of policies) {
    table.chain(chain);
    table.rule(chain, setMeta(SCRATCH, 0));
    for (const rule of rules) {
      for (const words of whom(rule, direction, groups, bridges)) table.rule(chain, ...words, ...what(rule), RETURN);
    }
    table.rule(chain, ...refused);
  }
}

/** The matches of a rule's target, one for each family where that matters. */
function whom(
  { target }: TrafficRule,
  direction: Direction,
  groups: ReadonlyMap<string, number>,
  bridges: readonly (readonly Word[])[],
): Word[][] {
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
    case "guest": {
      const [fromBridge = [], toBridge = []] = bridges;
      const byAddress = (outward ? toBridge : fromBridge).flatMap((bridged) =>
        FAMILIES.map((family) => [bridged, is(addressField(family, field), inSet(guestAddressSet(target.name, family)))]),
      );
      return [[is(meta(outward ? "oif" : "iif"), inSet(guestSet(target.name)))], ...byAddress];
    }
    case "name":
      return FAMILIES.flatMap((family) => {
        const daddr = addressField(family, "daddr");
        const byLink = [is(concat(meta("iif"), daddr), inSet(nameSet(target.name, family)))];
        const byAddress = (bridges[0] ?? []).map((bridged) => [
          bridged,
          is(concat(addressField(family, "saddr"), daddr), inSet(askedFromSet(target.name, family))),
        ]);
        return [byLink, ...byAddress];
      });
  }
}

function what({ protocol, ports }: TrafficRule): Word[] {
  if (protocol === undefined) return [];
  if (protocol === "icmp") return [is(meta("l4proto"), anyOf("icmp", "ipv6-icmp"))];
  if (ports.length === 0) return [is(meta("l4proto"), protocol)];
  const ranges = ports.map(({ first, last }): Word => (first === last ? first : { range: [first, last] }));
  // A set of one would be a set of the table's all the same.
  return [is(payload(protocol, "dport"), ranges.length === 1 ? ranges[0] : anyOf(...ranges))];
}
