import {
  formatAddress,
  type InterfaceAddress,
  type LinkSettings,
  type LinkState,
  type Neighbour,
  type Route,
} from "../base/kernel-objects.js";
import { formatPrefix } from "../base/prefix.js";
import { PROTOCOL } from "./model.js";
import { IPV6_FORWARDING, type KernelState, type WantedLink } from "./plan.js";

/** What the kernel holds now, ours and others'. */
export interface KernelDump {
  readonly links: readonly LinkState[];
  readonly addresses: readonly InterfaceAddress[];
  readonly routes: readonly Route[];
  readonly neighbours: readonly Neighbour[];
  /** Present values of the settings that the plan names; a setting that this kernel has not is left out. */
  readonly sysctls: ReadonlyMap<string, string>;
}

/** One change to the kernel. */
export type Operation =
  | { readonly do: "writeSysctl"; readonly path: string; readonly value: string }
  | { readonly do: "setLink"; readonly ifindex: number; readonly settings: LinkSettings }
  /** Without it, an answer for somebody else waits for up to 0.8 s. */
  | { readonly do: "clearProxyDelay"; readonly ifindex: number; readonly family: 4 | 6 }
  | { readonly do: "addAddress" | "deleteAddress"; readonly address: InterfaceAddress }
  | { readonly do: "addRoute" | "deleteRoute"; readonly route: Route }
  | { readonly do: "setNeighbour" | "deleteNeighbour"; readonly neighbour: Neighbour };

/**
 * What has to change, in order, so that the kernel holds the plan. Nothing where it does already.
 *
 * Only what carries our protocol number is ever deleted, and only ports' links are changed. What belongs to a link that does
 * not exist is left out: that port is gone. The order: settings, links, what is too much, then addresses before the routes
 * that name them as their source, and old addresses at the end, because the kernel deletes such routes with them.
 */
export function reconcile(state: KernelState, dump: KernelDump): Operation[] {
  const links = new Map(dump.links.map((link) => [link.ifindex, link]));
  const exists = ({ ifindex }: { readonly ifindex: number }): boolean => ifindex === 0 || links.has(ifindex);
  const addresses = differ(state.addresses.filter(exists), dump.addresses, addressKey, sameAddress);
  const routes = differ(state.routes.filter(exists), dump.routes, routeKey, sameRoute);
  const neighbours = differ(state.neighbours.filter(exists), dump.neighbours, neighbourKey, sameNeighbour);
  return [
    ...sysctlOperations(state, dump),
    ...state.links.flatMap((wanted) => linkOperations(wanted, links.get(wanted.ifindex))),
    ...neighbours.surplus.map((neighbour) => ({ do: "deleteNeighbour", neighbour }) as const),
    ...[...routes.surplus, ...routes.different].map((route) => ({ do: "deleteRoute", route }) as const),
    ...addresses.missing.map((address) => ({ do: "addAddress", address }) as const),
    ...routes.missing.map((route) => ({ do: "addRoute", route }) as const),
    ...neighbours.missing.map((neighbour) => ({ do: "setNeighbour", neighbour }) as const),
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

/** What makes a port's link what it should be. The last of them brings it up. */
export function linkOperations({ ifindex, settings, ipv6 }: WantedLink, link: LinkState | undefined): Operation[] {
  if (link === undefined) return [];
  const operations: Operation[] = [];
  if (link.ipv6 !== undefined && link.ipv6.disabled === ipv6) {
    operations.push({ do: "writeSysctl", path: `net/ipv6/conf/${link.name}/disable_ipv6`, value: ipv6 ? "0" : "1" });
  }
  const different = differentSettings(settings, link);
  if (different !== undefined) operations.push({ do: "setLink", ifindex, settings: different });
  if (different?.alias !== undefined) {
    operations.push({ do: "clearProxyDelay", ifindex, family: 4 });
    if (ipv6) operations.push({ do: "clearProxyDelay", ifindex, family: 6 });
  }
  if (!link.up) operations.push({ do: "setLink", ifindex, settings: { up: true } });
  return operations;
}

/** Undefined where nothing differs. What a link cannot have (IPv4 settings without IPv4) is not asked of it. */
function differentSettings(wanted: LinkSettings, link: LinkState): LinkSettings | undefined {
  const different: { -readonly [Key in keyof LinkSettings]: LinkSettings[Key] } = {};
  if (wanted.mac !== undefined && wanted.mac !== link.mac) different.mac = wanted.mac;
  if (wanted.mtu !== undefined && wanted.mtu !== link.mtu) different.mtu = wanted.mtu;
  if (wanted.group !== undefined && wanted.group !== link.group) different.group = wanted.group;
  if (wanted.alias !== undefined && wanted.alias !== link.alias) different.alias = wanted.alias;
  const { ipv4 } = link;
  if (wanted.ipv4 !== undefined && ipv4 !== undefined) {
    const entries = Object.entries(wanted.ipv4).filter(([name, value]) => ipv4[name as keyof typeof ipv4] !== value);
    if (entries.length > 0) different.ipv4 = Object.fromEntries(entries);
  }
  if (link.ipv6 !== undefined && wanted.ipv6AddressGeneration !== link.ipv6.addressGeneration) {
    different.ipv6AddressGeneration = wanted.ipv6AddressGeneration;
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
