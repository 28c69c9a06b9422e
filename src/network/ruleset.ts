/**
 * Theory of operation
 *
 * One table `inet tapnet`, and `arp tapnet` beside it (and `bridge tapnet` where guests are on one), made from the networks
 * alone: a guest adds elements to sets and never a rule, so neither a packet nor an attach costs more with more guests. Which
 * network a packet comes from or goes to is told by the group of the link (`iifgroup`, `oifgroup`): a number in the packet's
 * device, no look-up, and it survives a renaming.
 *
 *   prerouting (raw)   from a guest's link: only what is bound to it, else counted and dropped, before routing and conntrack
 *   input              guest to host: ping and DNS at the gateway, and what answers the host
 *   forward            by network: `from_<network>`, then `to_<network>`; left out where all networks let everything through (what
 *                      is for one link in IPv6 alone is then refused at prerouting)
 *   output             remembers whom the host asked by UDP, for input
 *   postrouting        masquerade
 *   nat prerouting, output   port forwards (`ruleset/port-forwards.ts`), where there are any
 *
 * Elements are keyed by interface index, not by name: a name may be taken by another link at any time, an index is not used
 * twice. Conntrack is only asked for by networks of kind `nat`; a host that has none pays nothing for it, and answers to the
 * host itself are known without it: TCP by its flags (no SYN comes in), UDP by the set `expected`. DHCP and DNS over UDP
 * reach the frame socket before all of this and stop here.
 */
import { formatAddress } from "../base/kernel-objects.js";
import { formatMac } from "../base/mac.js";
import type { ElementPart, SetElement } from "../base/set-element.js";
import type { Ruleset, SetKey, TableKey } from "./kernel.js";
import type { Network } from "./model.js";
import { composeArp } from "./ruleset/arp.js";
import { ADVERTISED, composeBridge, onBridges } from "./ruleset/bridge.js";
import { composeBridgePolicies } from "./ruleset/bridge-policies.js";
import { composeForward } from "./ruleset/forward.js";
import { composeGuard } from "./ruleset/guard.js";
import { composeInput } from "./ruleset/input.js";
import { composeBridgeLimits, composeLimits, limitSets } from "./ruleset/limits.js";
import { listElements } from "./ruleset/lists.js";
import { composeMasquerade } from "./ruleset/masquerade.js";
import { composePolicies, loadedPolicySets, policySets } from "./ruleset/policies.js";
import { composePortForwards, FORWARD_SETS } from "./ruleset/port-forwards.js";
import { ARP_TABLE, BRIDGE_TABLE, removeTable, TABLE, TableWriter } from "./ruleset/table.js";
import { concat, type Word } from "./ruleset/words.js";
import type { Station } from "./state.js";
import { elementText, NO_TRAFFIC, type PlacedElement, setText, type Traffic } from "./traffic.js";

export { ARP_TABLE, BRIDGE_TABLE, TABLE } from "./ruleset/table.js";

export const TABLES: readonly TableKey[] = [TABLE, ARP_TABLE, BRIDGE_TABLE];

/** Sets that hold what each guest may send. */
export const BOUND_IPV4: SetKey = { table: TABLE, name: "bound4" };
export const BOUND_IPV6: SetKey = { table: TABLE, name: "bound6" };
/** First addresses of delegated prefixes. */
export const DELEGATED: SetKey = { table: TABLE, name: "delegated" };
export const BOUND_ARP: SetKey = { table: ARP_TABLE, name: "bound" };
/** What each guest on a bridge may send there. */
export const BRIDGED_IPV4: SetKey = { table: BRIDGE_TABLE, name: "bound4" };
export const BRIDGED_IPV6: SetKey = { table: BRIDGE_TABLE, name: "bound6" };
/** What it may advertise: the same as `BRIDGED_IPV6`, as nft wants to have it. */
const BRIDGED_TARGETS: SetKey = { table: BRIDGE_TABLE, name: "targets" };
export const BRIDGED_MACS: SetKey = { table: BRIDGE_TABLE, name: "macs" };

/** All sets of stations. */
export const STATION_SETS: readonly SetKey[] = [
  ...[BOUND_IPV4, BOUND_IPV6, DELEGATED, BOUND_ARP],
  ...[BRIDGED_IPV4, BRIDGED_IPV6, BRIDGED_TARGETS, BRIDGED_MACS],
];

/** Sets and maps of port forwards, which are loaded with their elements. */
const FORWARD_KEYS: readonly SetKey[] = Object.values(FORWARD_SETS).flatMap(({ at, any, hairpin, publicIn, publicOut }) => [
  ...Object.values(at),
  ...Object.values(any),
  ...[hairpin, publicIn, publicOut],
]);

/** Sets and maps that hold what `Traffic` has of guests. `nft` 1.0.6 reads no limits of elements in JSON: these follow a load. */
export function trafficSets(traffic: Pick<Traffic, "connectionLimits" | "policies">): readonly SetKey[] {
  return [...FORWARD_KEYS, ...limitSets(traffic), ...policySets(traffic.policies)];
}

/** What these sets and maps have to hold: what guests add, and the lists themselves. */
export function trafficElements(networks: readonly Network[], { policies, elements }: Traffic): Map<string, PlacedElement[]> {
  const bridged = policies.filter((policy) => policy.bridged);
  const all = [
    ...elements,
    ...listElements(TABLE, policies, groupsOf(oursOf(networks))),
    ...listElements(BRIDGE_TABLE, bridged, groupsOf(onBridges(networks))),
  ];
  const bySet = new Map<string, PlacedElement[]>();
  for (const placed of all) {
    const text = setText(placed.set);
    const there = bySet.get(text);
    if (there === undefined) bySet.set(text, [placed]);
    else there.push(placed);
  }
  return bySet;
}

/** The sets that a station is an element of. */
export function setsOf(station: Station): readonly SetKey[] {
  if (station.address === undefined) return [BRIDGED_MACS];
  if (station.bridged === true) return typeof station.address === "number" ? [BRIDGED_IPV4] : [BRIDGED_IPV6, BRIDGED_TARGETS];
  if (typeof station.address === "number") return [BOUND_IPV4, BOUND_ARP];
  return [station.delegated === true ? DELEGATED : BOUND_IPV6];
}

/** All tables as they should be, elements included; carried out it replaces what is there in one go. */
export function composeRuleset(
  networks: readonly Network[],
  stations: readonly Station[],
  traffic: Traffic = NO_TRAFFIC,
): Ruleset {
  const sorted = networks.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const elementsOf = (set: SetKey): Word[] => stations.filter((station) => setsOf(station).includes(set)).map(elementOf);
  const ours = oursOf(sorted);

  const table = new TableWriter(TABLE);
  composeGuard(table, ours);
  for (const set of [BOUND_IPV4, BOUND_IPV6, DELEGATED]) table.elements(set.name, elementsOf(set));
  composeInput(table, ours, traffic.forwards);
  composeForward(table, ours, traffic.forwards);
  composeMasquerade(table, ours);
  composePortForwards(table, ours, traffic.forwards);
  composeLimits(table, traffic);
  composePolicies(table, ours, traffic.policies);
  // In the same transaction: a guest is not without its list for as long as it takes to load its elements.
  const loaded = [...FORWARD_KEYS, ...loadedPolicySets(traffic.policies)];
  const placed = trafficElements(networks, traffic);
  placeElements(table, loaded, placed);

  const arp = new TableWriter(ARP_TABLE);
  composeArp(arp, ours);
  arp.elements(BOUND_ARP.name, elementsOf(BOUND_ARP));

  const bridged = onBridges(sorted);
  if (bridged.length === 0) return { nftables: [...table.commands(), ...arp.commands()] };
  const bridge = new TableWriter(BRIDGE_TABLE);
  composeBridge(bridge, bridged);
  composeBridgeLimits(bridge, traffic);
  composeBridgePolicies(bridge, bridged, traffic.policies);
  for (const set of [BRIDGED_IPV4, BRIDGED_IPV6, BRIDGED_MACS]) bridge.elements(set.name, elementsOf(set));
  placeElements(bridge, loaded, placed);
  return { nftables: [...table.commands(), ...arp.commands(), ...bridge.commands()], text: ADVERTISED };
}

/** What removes the tables that every kernel has, whether they are there or not. */
export const EMPTY_RULESET: Ruleset = { nftables: [TABLE, ARP_TABLE].flatMap(removeTable) };
export const NO_BRIDGE_RULESET: Ruleset = { nftables: removeTable(BRIDGE_TABLE) };

function placeElements(table: TableWriter, sets: readonly SetKey[], placed: ReadonlyMap<string, readonly PlacedElement[]>): void {
  for (const set of sets) {
    if (set.table.family !== table.key.family) continue;
    // Rules may have the same twice; a transaction may not.
    const elements = new Map(placed.get(setText(set))?.map((each) => [elementText(each), each.element]));
    table.elements(set.name, [...elements.values()].map(wordOf));
  }
}

/** Networks of whose guests the host's own tables know: on bridges that others have made their rules are in force. */
function oursOf(networks: readonly Network[]): Network[] {
  return networks.filter(({ bridge }) => bridge?.existing !== true);
}

function groupsOf(networks: readonly Network[]): Map<string, number> {
  return new Map(networks.map(({ name, group }) => [name, group]));
}

function wordOf({ key, data }: SetElement): Word {
  const words = key.map(partWord);
  const keyWord = words.length === 1 ? words[0] : concat(...words);
  return data === undefined ? keyWord : [keyWord, partWord(data)];
}

function partWord(part: ElementPart): Word {
  switch (part.kind) {
    case "address":
      return formatAddress(part.value);
    case "mac":
      return formatMac(part.value);
    default:
      return part.value;
  }
}

function elementOf({ ifindex, mac, address }: Station): Word {
  if (address === undefined) return concat(ifindex, formatMac(mac));
  return concat(ifindex, formatMac(mac), formatAddress(address));
}
