import {
  type BridgeStation,
  formatAddress,
  type InterfaceAddress,
  type LinkSettings,
  type LinkState,
  type Neighbour,
  type Route,
} from "../base/kernel-objects.js";
import { formatMac } from "../base/mac.js";
import { formatPrefix } from "../base/prefix.js";
import { surplusBridges } from "./bridge.js";
import { PROTOCOL } from "./model.js";
import type { Operation } from "./operation.js";
import { IPV6_FORWARDING, type KernelState } from "./plan.js";
import { surplusVlans } from "./vlan.js";
import type { WantedLink } from "./wanted.js";

/** What the kernel holds now, ours and others'. */
export interface KernelDump {
  readonly links: readonly LinkState[];
  readonly addresses: readonly InterfaceAddress[];
  readonly routes: readonly Route[];
  readonly neighbours: readonly Neighbour[];
  readonly bridgeStations: readonly BridgeStation[];
  /** Present values of the settings that the plan names; a setting that this kernel has not is left out. */
  readonly sysctls: ReadonlyMap<string, string>;
}

/**
 * What has to change, in order, so that the kernel holds the plan. Nothing where it does already.
 *
 * Only what carries our protocol number is ever deleted, and only ports' links are changed. What belongs to a link that does
 * not exist is left out: that port is gone. The order: settings, links, what is too much, then addresses before the routes
 * that name them as their source, and old addresses at the end, because the kernel deletes such routes with them. A link that
 * is made has no index yet: what belongs to it is found missing when the kernel is looked at again.
 */
export function reconcile(state: KernelState, dump: KernelDump): Operation[] {
  const links = new Map(dump.links.map((link) => [link.ifindex, link]));
  const exists = ({ ifindex }: { readonly ifindex: number }): boolean => ifindex === 0 || links.has(ifindex);
  const addresses = differ(state.addresses.filter(exists), dump.addresses, addressKey, sameAddress);
  const routes = differ(state.routes.filter(exists), dump.routes, routeKey, sameRoute);
  const neighbours = differ(state.neighbours.filter(exists), dump.neighbours, neighbourKey, sameNeighbour);
  const stations = differBy(state.bridgeStations.filter(exists), dump.bridgeStations, stationKey);
  const names = new Set(dump.links.map(({ name }) => name));
  return [
    ...sysctlOperations(state, dump),
    ...surplusVlans(state.networks, dump.links),
    ...surplusBridges(state.networks, dump.links),
    ...state.vlans.filter(({ settings }) => !names.has(settings.name)).map((vlan) => ({ do: "addVlan", vlan }) as const),
    ...state.bridges.filter(({ settings }) => !names.has(settings.name)).map((bridge) => ({ do: "addBridge", bridge }) as const),
    ...state.links.flatMap((wanted) => linkOperations(wanted, links.get(wanted.ifindex))),
    ...neighbours.surplus.map((neighbour) => ({ do: "deleteNeighbour", neighbour }) as const),
    ...[...routes.surplus, ...routes.different].map((route) => ({ do: "deleteRoute", route }) as const),
    ...addresses.missing.map((address) => ({ do: "addAddress", address }) as const),
    ...routes.missing.map((route) => ({ do: "addRoute", route }) as const),
    ...neighbours.missing.map((neighbour) => ({ do: "setNeighbour", neighbour }) as const),
    ...stations.surplus.filter(isOnPort(state)).map((station) => ({ do: "deleteBridgeStation", station }) as const),
    ...stations.missing.map((station) => ({ do: "addBridgeStation", station }) as const),
    ...addresses.surplus.map((address) => ({ do: "deleteAddress", address }) as const),
  ];
}

function sysctlOperations(state: KernelState, dump: KernelDump): Operation[] {
  return state.sysctls.flatMap(({ path, value }) => {
    const present = dump.sysctls.get(path);
    if (present === undefined || present === value) return [];
    const write = { do: "writeSysctl", path, value } as const;
    return path === IPV6_FORWARDING ? [...keepRouterAdvertisements(state, dump), write] : [write];
  });
}

/** A host that has its default route from router advertisements must go on getting them as a router (`accept_ra` 2). */
function keepRouterAdvertisements(state: KernelState, { links }: KernelDump): Operation[] {
  const ports = new Set(state.links.map(({ ifindex }) => ifindex));
  const listening = links.filter((link) => link.ipv6?.acceptRa === 1 && link.kind !== "tun" && !ports.has(link.ifindex));
  return listening
    .filter(({ name }) => name !== "lo")
    .map(({ name }) => ({ do: "writeSysctl", path: `net/ipv6/conf/${name}/accept_ra`, value: "2" }));
}

/** Nobody has chosen a queueing discipline, and the kernel has not yet put its own. */
const NO_QUEUE_YET = "noop";

/** What makes a port's link what it should be. The last of them brings it up. */
export function linkOperations(wanted: WantedLink, link: LinkState | undefined): Operation[] {
  if (link === undefined) return [];
  const { ifindex, settings, ipv6, bridge, bridgePort } = wanted;
  const operations: Operation[] = [];
  if (ipv6 !== undefined && link.ipv6?.disabled === ipv6) {
    operations.push({ do: "writeSysctl", path: `net/ipv6/conf/${link.name}/disable_ipv6`, value: ipv6 ? "0" : "1" });
  }
  const different = differentSettings(settings, link);
  if (different !== undefined) operations.push({ do: "setLink", ifindex, settings: different });
  if (different?.alias !== undefined && settings.ipv4?.proxyArp === 1) {
    operations.push({ do: "clearProxyDelay", ifindex, family: 4 });
    if (ipv6 === true) operations.push({ do: "clearProxyDelay", ifindex, family: 6 });
  }
  if (bridge !== undefined && !sameValues(bridge, link.bridge)) operations.push({ do: "setBridge", ifindex, settings: bridge });
  if (bridgePort !== undefined && (different?.master !== undefined || !sameValues(bridgePort, link.bridgePort))) {
    operations.push({ do: "setBridgePort", ifindex, settings: bridgePort });
  }
  if (link.up) return operations;
  // Now: to change it on a link that is up, the kernel waits for all processors.
  if (link.kind === "tun" && link.queue === NO_QUEUE_YET) operations.push({ do: "setNoQueue", ifindex });
  operations.push({ do: "setLink", ifindex, settings: { up: true } });
  return operations;
}

function sameValues<Value extends object>(wanted: Value, present: Value | undefined): boolean {
  return present !== undefined && Object.entries(wanted).every(([key, value]) => present[key as keyof Value] === value);
}

/** Undefined where nothing differs. What a link cannot have (IPv4 settings without IPv4) is not asked of it. */
function differentSettings(wanted: LinkSettings, link: LinkState): LinkSettings | undefined {
  const different: { -readonly [Key in keyof LinkSettings]: LinkSettings[Key] } = {};
  if (wanted.mac !== undefined && wanted.mac !== link.mac) different.mac = wanted.mac;
  if (wanted.mtu !== undefined && wanted.mtu !== link.mtu) different.mtu = wanted.mtu;
  if (wanted.group !== undefined && wanted.group !== link.group) different.group = wanted.group;
  if (wanted.alias !== undefined && wanted.alias !== link.alias) different.alias = wanted.alias;
  if (wanted.master !== undefined && wanted.master !== link.master) different.master = wanted.master;
  const { ipv4 } = link;
  if (wanted.ipv4 !== undefined && ipv4 !== undefined) {
    const entries = Object.entries(wanted.ipv4).filter(([name, value]) => ipv4[name as keyof typeof ipv4] !== value);
    if (entries.length > 0) different.ipv4 = Object.fromEntries(entries);
  }
  const { ipv6AddressGeneration } = wanted;
  if (ipv6AddressGeneration !== undefined && link.ipv6 !== undefined && ipv6AddressGeneration !== link.ipv6.addressGeneration) {
    different.ipv6AddressGeneration = ipv6AddressGeneration;
  }
  return Object.keys(different).length === 0 ? undefined : different;
}

interface Difference<Value> {
  /** Wanted, and not there or not like this. */
  readonly missing: readonly Value[];
  /** Ours and not wanted. */
  readonly surplus: readonly Value[];
  /** Ours and wanted, but not like this. */
  readonly different: readonly Value[];
}

function differ<Value extends { readonly protocol: number }>(
  wanted: readonly Value[],
  present: readonly Value[],
  keyOf: (value: Value) => string,
  same: (one: Value, other: Value) => boolean,
): Difference<Value> {
  const wantedByKey = new Map(wanted.map((value) => [keyOf(value), value]));
  const satisfied = new Set<string>();
  const surplus: Value[] = [];
  const different: Value[] = [];
  for (const value of present) {
    const key = keyOf(value);
    const match = wantedByKey.get(key);
    if (match !== undefined && same(match, value)) satisfied.add(key);
    else if (value.protocol === PROTOCOL) (match === undefined ? surplus : different).push(value);
  }
  const missing = [...wantedByKey].filter(([key]) => !satisfied.has(key)).map(([, value]) => value);
  return { missing, surplus, different };
}

/** As `differ` for what has no owner in the kernel. */
function differBy<Value>(
  wanted: readonly Value[],
  present: readonly Value[],
  keyOf: (value: Value) => string,
): { readonly missing: readonly Value[]; readonly surplus: readonly Value[] } {
  const [wantedKeys, presentKeys] = [new Set(wanted.map(keyOf)), new Set(present.map(keyOf))];
  return {
    missing: wanted.filter((value) => !presentKeys.has(keyOf(value))),
    surplus: present.filter((value) => !wantedKeys.has(keyOf(value))),
  };
}

function stationKey({ ifindex, mac }: BridgeStation): string {
  return `${ifindex} ${formatMac(mac)}`;
}

/** Only guests' ports are ours: what others put behind theirs is none of our business. */
function isOnPort({ links }: KernelState): (station: BridgeStation) => boolean {
  const ports = new Set(links.filter(({ bridgePort }) => bridgePort !== undefined).map(({ ifindex }) => ifindex));
  return ({ ifindex }) => ports.has(ifindex);
}

function addressKey({ ifindex, address, prefixLength }: InterfaceAddress): string {
  return `${ifindex} ${formatAddress(address)}/${prefixLength}`;
}

/** An address that is there serves, whoever put it there. */
function sameAddress(): boolean {
  return true;
}

function routeKey({ prefix, type, ifindex, table, metric, protocol }: Route): string {
  return `${formatPrefix(prefix)} ${type} ${ifindex} ${table} ${metric} ${protocol}`;
}

function sameRoute(one: Route, other: Route): boolean {
  return one.via === other.via && one.preferredSource === other.preferredSource;
}

function neighbourKey({ ifindex, address, proxy }: Neighbour): string {
  return `${ifindex} ${formatAddress(address)} ${proxy}`;
}

function sameNeighbour(one: Neighbour, other: Neighbour): boolean {
  return one.mac === other.mac && one.permanent === other.permanent && one.protocol === other.protocol;
}
