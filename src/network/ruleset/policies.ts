import type { SetKey } from "../../base/set-element.js";
import type { Network } from "../model.js";
import type { NumberedPolicy, Policy } from "../policy.js";
import { addressField, fromBridges, toBridges } from "./guests.js";
import { composeForms, FAMILIES, GUEST_MAPS, listSets, SCRATCH, toForm } from "./lists.js";
import { BRIDGE_TABLE, PRIORITY, TABLE, type TableWriter } from "./table.js";
import { ACCEPT, anyOf, goto, hasAny, is, mapped, meta, payload, setMeta, type Word } from "./words.js";

type Direction = Policy["direction"];
type ByDirection = Readonly<Record<Direction, SetKey>>;

/**
 * The number of a guest's list, by its link: an element a guest that has such a list. Not the chain of its form itself: with each
 * verdict that leads to a chain the kernel walks all verdicts of the table, to see that none of them makes a loop.
 */
export const POLICY_MAPS: ByDirection = mapsOf(TABLE, "");
/** The same at the bridges; and where the host forwards, by the address of a guest on one, since all come by the bridge's link. */
export const BRIDGE_POLICY_MAPS: ByDirection = mapsOf(BRIDGE_TABLE, "");
export const ADDRESS_POLICY_MAPS: Readonly<Record<4 | 6, ByDirection>> = { 4: mapsOf(TABLE, "_4"), 6: mapsOf(TABLE, "_6") };
/** Links at bridges that have any list. */
export const LISTED = "listed";
export const LISTED_SET: SetKey = { table: BRIDGE_TABLE, name: LISTED };

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

/** All sets and maps that rules of policies look into. */
export function policySets(policies: readonly NumberedPolicy[]): SetKey[] {
  const byDirection = [POLICY_MAPS, BRIDGE_POLICY_MAPS, ...Object.values(ADDRESS_POLICY_MAPS)];
  const maps = byDirection.flatMap((each) => Object.values<SetKey>(each));
  return [...maps, ...Object.values(GUEST_MAPS), LISTED_SET, ...listSets(policies).map(({ key }) => key)];
}

/** Those whose elements are loaded with the rules; what names have led to ends by itself, and follows. */
export function loadedPolicySets(policies: readonly NumberedPolicy[]): SetKey[] {
  const ending = new Set(listSets(policies).flatMap(({ key, expires }) => (expires ? [key.name] : [])));
  return policySets(policies).filter(({ name }) => !ending.has(name));
}

/**
 * Who may begin what with whom. A packet that begins a connection goes through its sender's list and its receiver's, each by one
 * look-up of the link; what belongs to a connection goes through neither. A rule that fits returns, the list's end refuses: lists
 * narrow what the networks let, and never widen it.
 *
 * The list's number is on its way from one look-up to the next in the packet's priority, of packets that begin a connection of a
 * guest with lists. The mark would be somebody's; a priority has been chosen by the packet's TOS, or by nobody, and is 0 from
 * then on.
 */
export function composePolicies(table: TableWriter, networks: readonly Network[], policies: readonly NumberedPolicy[]): void {
  declareMaps(table);
  if (policies.length === 0) return;
  declareListSets(table, policies);
  table.chain("policy", { type: "filter", hook: "forward", priority: PRIORITY.filter - 2 });
  table.rule("policy", hasAny({ ct: { key: "state" } }, "established", "related"), ACCEPT);
  const [bridgesIn, bridgesOut] = [fromBridges(networks), toBridges(networks)];
  // With br_netfilter, frames come by here that only cross a bridge.
  if (bridgesIn.length > 0) for (const words of ofTheLink()) table.rule("policy", ...bridgesIn, ...bridgesOut, ...words, ACCEPT);
  for (const [direction, link, field, bridges] of [
    ["egress", "iif", "saddr", bridgesIn],
    ["ingress", "oif", "daddr", bridgesOut],
  ] as const) {
    const lists = policies.filter((policy) => policy.direction === direction);
    if (lists.length === 0) continue;
    table.rule("policy", setMeta(SCRATCH, mapped(meta(link), POLICY_MAPS[direction].name)), toForm(lists));
    for (const bridged of lists.some((policy) => policy.bridged) ? bridges : []) {
      for (const family of FAMILIES) {
        const number = mapped(addressField(family, field), ADDRESS_POLICY_MAPS[family][direction].name);
        table.rule("policy", bridged, setMeta(SCRATCH, number), toForm(lists));
      }
    }
  }
  composeForms(table, policies, [goto("refuse")], { from: bridgesIn, to: bridgesOut });
}

/** What stations of a link need to say to be on it at all: neighbour discovery, group membership, DHCP. */
export function ofTheLink(): Word[][] {
  const udp = (sport: number, dport: number): Word[] => [is(payload("udp", "sport"), sport), is(payload("udp", "dport"), dport)];
  const dhcp = DHCP.flatMap(({ client, server }) => [udp(client, server), udp(server, client)]);
  return [[is(payload("icmpv6", "type"), anyOf(...LINK_TYPES))], [is(meta("l4proto"), "igmp")], ...dhcp];
}

function declareMaps(table: TableWriter): void {
  for (const { name } of [...Object.values(POLICY_MAPS), GUEST_MAPS.link])
    table.map(name, { type: "iface_index", data: "classid" });
  for (const family of FAMILIES) {
    for (const { name } of [...Object.values(ADDRESS_POLICY_MAPS[family]), GUEST_MAPS[family]])
      table.map(name, { type: `ipv${family}_addr`, data: "classid" });
  }
}

export function declareListSets(table: TableWriter, policies: readonly NumberedPolicy[]): void {
  for (const { key, types, expires } of listSets(policies)) {
    if (key.table === table.key) table.set(key.name, { type: types.length === 1 ? types[0] : types, expires });
  }
}
