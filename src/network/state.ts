/** What the kernel should hold, in parts: for a network, for a port, for one binding. `plan` puts them together. */
import { type Ipv6Address, isLinkLocalIpv6 } from "../base/ipv6-address.js";
import {
  type BridgePortSettings,
  type BridgeStation,
  familyOf,
  hostPrefix,
  type InterfaceAddress,
  type IpAddress,
  type LinkSettings,
  MAIN_TABLE,
  type Neighbour,
  type Route,
} from "../base/kernel-objects.js";
import type { Mac } from "../base/mac.js";
import { type Ipv6Prefix, ipv6InPrefix, type Prefix } from "../base/prefix.js";
import { formatPortAlias } from "./alias.js";
import { portMacOf } from "./define.js";
import {
  answersOnUplink,
  type Binding,
  type Bridge,
  type ClientPrefix,
  GATEWAY_LINK_LOCAL,
  type Network,
  type Port,
  PROTOCOL,
} from "./model.js";

/** The loopback has this index in every network namespace. */
export const LOOPBACK_IFINDEX = 1;
/** Worse than any metric that people use: a real route to a pool's prefix wins. */
const LAST_RESORT_METRIC = 0xff00_0000;
const IPV6_MASK: Ipv6Address = (1n << 128n) - 1n;
const LINK_LOCAL_PREFIX: Ipv6Address = 0xfe80n << 112n;
const LINK_LOCAL_LENGTH = 64;
/** IPv6 writes its default metric down. */
const IPV6_METRIC = 1024;
/** On an interface of others the host mostly has a route to the prefix already, which is to stay the better one. */
const BESIDE_OTHERS_METRIC = 2048;

/** What a guest may send: this source from this MAC address on this link. An element of the guard's sets. */
export interface Station {
  readonly ifindex: number;
  readonly mac: Mac;
  /** Undefined for the MAC address alone, on a bridge. */
  readonly address: IpAddress | undefined;
  /** The link is a port of a bridge: it is guarded there. */
  readonly bridged?: boolean;
  /** The address is that of a delegated prefix: every source inside it. */
  readonly delegated?: boolean;
}

/** What one binding puts into the kernel. Guests on a bridge find each other: there is neither route nor neighbour. */
export interface BindingState {
  readonly route: Route | undefined;
  readonly neighbour: Neighbour | undefined;
  readonly station: Station;
  /** Where the host answers for the address: on the uplink, or for clients of the network behind other interfaces. */
  readonly proxies: readonly Neighbour[];
}

/** What one MAC address of a guest on a bridge puts into the kernel, whatever its addresses are. */
export interface StationState {
  readonly station: Station;
  readonly bridgeStation: BridgeStation;
}

/**
 * The gateway's addresses: once, on the loopback. On each port they would be a long list of local routes. On a bridge, with
 * the prefix, since its guests are on that link.
 */
export function gatewayAddresses(network: Network, interfaces: ReadonlyMap<string, number>): InterfaceAddress[] {
  if (network.bridge !== undefined) return bridgeAddresses(network, interfaces.get(network.bridge.name));
  const onLoopback = [network.gatewayIpv4, network.gatewayIpv6].map((address) => [LOOPBACK_IFINDEX, address] as const);
  // Neighbour discovery asks the interface, and not the host as ARP does.
  const onServed = served(network, interfaces).map((ifindex) => [ifindex, network.gatewayIpv6] as const);
  return [...onLoopback, ...onServed].flatMap(([ifindex, address]) => {
    if (address === undefined) return [];
    return [{ ifindex, address, prefixLength: hostPrefix(address).prefixLength, protocol: PROTOCOL }];
  });
}

/** Interfaces with clients of the network, of those that exist. */
function served({ serve }: Network, interfaces: ReadonlyMap<string, number>): number[] {
  return serve.flatMap((name) => interfaces.get(name) ?? []);
}

function bridgeAddresses(network: Network, ifindex: number | undefined): InterfaceAddress[] {
  if (ifindex === undefined) return [];
  const { ipv4, gatewayIpv4, ipv6, gatewayIpv6, bridge } = network;
  const addresses: InterfaceAddress[] = [];
  const add = (address: IpAddress | undefined, prefixLength = 0): void => {
    if (address !== undefined) addresses.push({ ifindex, address, prefixLength, protocol: PROTOCOL });
  };
  add(gatewayIpv4, ipv4?.prefixLength);
  add(gatewayIpv6, ipv6?.prefixLength);
  if (hasIpv6(network) && bridge?.existing === false) add(linkLocalOf(network.gatewayMac), LINK_LOCAL_LENGTH);
  return addresses;
}

/** The link-local address that a MAC address makes (RFC 4291 App. A). */
export function linkLocalOf(mac: Mac): Ipv6Address {
  const whole = BigInt(mac);
  return LINK_LOCAL_PREFIX | ((((whole >> 24n) << 40n) | (0xfffen << 24n) | (whole & 0xff_ffffn)) ^ (1n << 57n));
}

/**
 * What is not a guest's host route leads nowhere: an unknown address of a pool never leaks to the uplink. On a bridge all of
 * it is on that link.
 */
export function poolRoutes(network: Network, interfaces: ReadonlyMap<string, number>): Route[] {
  const publics = [...network.publics.values()].flat().map((address) => nowhereRoute(hostPrefix(address)));
  if (network.bridge !== undefined)
    return [...onLinkRoutes(network, network.bridge, interfaces.get(network.bridge.name)), ...publics];
  // What is of the uplink's own subnet leads there.
  const ipv4 = answersOnUplink(network, 4) ? undefined : network.ipv4;
  const ipv6 = answersOnUplink(network, 6) ? undefined : network.ipv6;
  const prefixes: (Prefix | undefined)[] = [ipv4, ipv6, network.delegation?.pool, network.ipv6Aggregate];
  const nowhere = prefixes.filter((prefix) => prefix !== undefined).map(nowhereRoute);
  return [...servedRoutes(network, interfaces), ...nowhere, ...publics];
}

function nowhereRoute(prefix: Prefix): Route {
  return {
    prefix,
    type: "unreachable",
    ifindex: 0,
    via: undefined,
    preferredSource: undefined,
    table: MAIN_TABLE,
    protocol: PROTOCOL,
    metric: LAST_RESORT_METRIC,
  };
}

/** Who is no guest may be behind the interface that is served: of several the first, since a prefix leads to one link. */
function servedRoutes(network: Network, interfaces: ReadonlyMap<string, number>): Route[] {
  const [ifindex] = served(network, interfaces);
  if (ifindex === undefined) return [];
  const families = [
    [network.ipv4, network.gatewayIpv4],
    [network.ipv6, network.gatewayIpv6],
  ] as const;
  return families.flatMap(([prefix, preferredSource]) => {
    if (prefix === undefined) return [];
    const onLink = { type: "unicast", ifindex, via: undefined, table: MAIN_TABLE, protocol: PROTOCOL } as const;
    return [{ ...onLink, prefix, preferredSource, metric: BESIDE_OTHERS_METRIC }];
  });
}

function onLinkRoutes(network: Network, bridge: Bridge, ifindex: number | undefined): Route[] {
  if (ifindex === undefined) return [];
  const routes: Route[] = [];
  const add = (prefix: Prefix | undefined, preferredSource: IpAddress | undefined, metric: number): void => {
    if (prefix === undefined || preferredSource === undefined) return;
    const onLink = { type: "unicast", ifindex, via: undefined, table: MAIN_TABLE, protocol: PROTOCOL } as const;
    routes.push({ ...onLink, prefix, preferredSource, metric: bridge.existing ? BESIDE_OTHERS_METRIC : metric });
  };
  add(network.ipv4, network.gatewayIpv4, 0);
  add(network.ipv6, network.gatewayIpv6, IPV6_METRIC);
  const linkLocal: Ipv6Prefix = { family: 6, address: LINK_LOCAL_PREFIX, prefixLength: LINK_LOCAL_LENGTH };
  if (hasIpv6(network) && !bridge.existing) add(linkLocal, linkLocalOf(network.gatewayMac), IPV6_METRIC + ifindex);
  return routes;
}

/** Whether the kernel takes part in IPv6 on this network's ports. */
export function hasIpv6(network: Network): boolean {
  return network.ipv6 !== undefined;
}

/** Settings of a port's link, besides being up. */
export function portSettings(port: Pick<Port, "guest" | "network">, interfaces: ReadonlyMap<string, number>): LinkSettings {
  const { network } = port;
  if (network.bridge !== undefined) return bridgedPortSettings(port, interfaces.get(network.bridge.name));
  return {
    mac: network.gatewayMac,
    mtu: network.mtu,
    group: network.group,
    alias: formatPortAlias({ guest: port.guest, network: network.name }),
    ipv4: { forwarding: 1, proxyArp: 1, rpFilter: 1, acceptRedirects: 0, sendRedirects: 0, acceptSourceRoute: 0 },
    ipv6AddressGeneration: "none",
  };
}

/**
 * On a bridge the link only carries frames. Its own MAC address begins as high as one can: a bridge without a fixed address takes
 * the lowest of its ports'.
 */
function bridgedPortSettings({ guest, network }: Pick<Port, "guest" | "network">, master: number | undefined): LinkSettings {
  return {
    mac: portMacOf(network.name, guest),
    mtu: network.mtu,
    group: network.group,
    alias: formatPortAlias({ guest, network: network.name }),
    master,
  };
}

/** What a guest's port of a bridge is set to: stations are known by hand (`StationState`), so nobody takes another's place. */
export function bridgePortSettings(network: Network): BridgePortSettings {
  return { learning: false, flood: false, guard: network.bridge?.stp === true };
}

/** The MAC addresses that a guest on a bridge may send from. */
export function stationStates(port: Pick<Port, "ifindex" | "network" | "bindings" | "station">): StationState[] {
  if (port.network.bridge === undefined) return [];
  const macs = new Set(port.bindings.map(({ mac }) => mac));
  if (port.station !== undefined) macs.add(port.station);
  return [...macs].map((mac) => stationState(port.ifindex, mac));
}

export function stationState(ifindex: number, mac: Mac): StationState {
  return { station: { ifindex, mac, address: undefined, bridged: true }, bridgeStation: { ifindex, mac } };
}

/**
 * The gateway's link-local address, which every port of an IPv6 network has: so the kernel confirms the router while the
 * daemon is away. It is why an IPv6 port costs a little more with every other one: the kernel keeps all copies in one list.
 */
export function portAddresses(port: Pick<Port, "ifindex" | "network">): InterfaceAddress[] {
  if (!hasIpv6(port.network) || port.network.bridge !== undefined) return [];
  return [{ ifindex: port.ifindex, address: GATEWAY_LINK_LOCAL, prefixLength: 128, protocol: PROTOCOL }];
}

export function bindingState(
  port: Pick<Port, "ifindex" | "network">,
  { address, mac }: Binding,
  interfaces: ReadonlyMap<string, number>,
): BindingState {
  const { ifindex, network } = port;
  if (network.bridge !== undefined) {
    return { route: undefined, neighbour: undefined, station: { ifindex, mac, address, bridged: true }, proxies: [] };
  }
  const delegated = delegatedPrefix(network, address);
  if (delegated !== undefined) return delegatedState(ifindex, delegated, mac);
  const answers = answersOnUplink(network, familyOf(address));
  const uplinkIndex = answers && network.uplink !== undefined ? interfaces.get(network.uplink) : undefined;
  const onServed = typeof address === "number" ? served(network, interfaces) : [];
  const askedOn = uplinkIndex === undefined ? onServed : [uplinkIndex, ...onServed];
  const linkLocal = typeof address === "bigint" && isLinkLocalIpv6(address);
  return {
    route: linkLocal ? linkLocalRoute(ifindex, address) : guestRoute(port, address),
    neighbour: { ifindex, address, mac, permanent: true, proxy: false, protocol: PROTOCOL },
    station: { ifindex, mac, address },
    proxies: linkLocal ? [] : askedOn.map((index) => proxyOf(index, address)),
  };
}

/** What a guest's public address puts into the kernel while its port is there. */
export interface PublicState {
  readonly address: IpAddress;
  /** Undefined while the network's bridge is not there. */
  readonly route: Route | undefined;
  /** Where the host answers for the address. */
  readonly proxies: readonly Neighbour[];
}

/**
 * A guest's public addresses lead to its link, though the packet filter has put its own in their place before any packet takes
 * that route: the host needs one to send anything there at all, and its ARP answers for what leads away from the asking link.
 */
export function publicStates(
  { ifindex, guest, network }: Pick<Port, "ifindex" | "guest" | "network">,
  interfaces: ReadonlyMap<string, number>,
): PublicState[] {
  const addresses = network.publics.get(guest) ?? [];
  const link = network.bridge === undefined ? ifindex : interfaces.get(network.bridge.name);
  const uplink = network.uplink === undefined ? undefined : interfaces.get(network.uplink);
  return addresses.map((address) => ({
    address,
    route: link === undefined ? undefined : guestRoute({ ifindex: link, network }, address),
    proxies: uplink === undefined ? [] : [proxyOf(uplink, address)],
  }));
}

/** Whether an address can be a guest's of this network at all; of IPv4 all are, whatever else the network has. */
export function mayBeBound({ ipv6, delegation, bridge }: Network, address: IpAddress): boolean {
  if (typeof address === "number") return true;
  // On a bridge others may give addresses.
  if (ipv6 === undefined) return bridge !== undefined;
  return isLinkLocalIpv6(address) || ipv6InPrefix(address, ipv6) || delegatedPrefix({ delegation }, address) !== undefined;
}

/** The delegated prefix that an address stands for; undefined for an address that is one. */
export function delegatedPrefix({ delegation }: Pick<Network, "delegation">, address: IpAddress): Ipv6Prefix | undefined {
  if (delegation === undefined || typeof address !== "bigint" || !ipv6InPrefix(address, delegation.pool)) return undefined;
  return { family: 6, address, prefixLength: delegation.length };
}

/**
 * A delegated prefix leads to the guest's station, whatever addresses the guest has: the next hop is a link-local address made of
 * the prefix, which nobody but the kernel's neighbour table knows. So the route outlives every change of the guest's own.
 */
function delegatedState(ifindex: number, prefix: Ipv6Prefix, mac: Mac): BindingState {
  const via = nextHopOf(prefix);
  return {
    route: {
      prefix,
      type: "unicast",
      ifindex,
      via,
      preferredSource: undefined,
      table: MAIN_TABLE,
      protocol: PROTOCOL,
      metric: IPV6_METRIC,
    },
    neighbour: { ifindex, address: via, mac, permanent: true, proxy: false, protocol: PROTOCOL },
    station: { ifindex, mac, address: prefix.address, delegated: true },
    proxies: [],
  };
}

/** What leads to a client's prefix; undefined where its network does not delegate it there, or while the interface is not there. */
export function clientPrefixState(
  { network: name, ifname, address, mac }: ClientPrefix,
  networks: readonly Network[],
  interfaces: ReadonlyMap<string, number>,
): BindingState | undefined {
  const network = networks.find((one) => one.name === name);
  const ifindex = interfaces.get(ifname);
  if (network === undefined || ifindex === undefined || !isShared(network, ifname)) return undefined;
  const prefix = delegatedPrefix(network, address);
  return prefix && delegatedState(ifindex, prefix, mac);
}

/** Whether many clients of the network share this interface. */
function isShared({ serve, bridge }: Network, ifname: string): boolean {
  return serve.includes(ifname) || bridge?.name === ifname;
}

/** The prefix that one of our routes leads to, where it is a delegated one. */
export function delegatedBy({ via, prefix }: Route): Ipv6Prefix | undefined {
  return prefix.family === 6 && via === nextHopOf(prefix) ? prefix : undefined;
}

function nextHopOf({ address }: Ipv6Prefix): Ipv6Address {
  return LINK_LOCAL_PREFIX | (address >> 64n);
}

/** Whether a link-local address is the next hop of a delegated prefix, and no guest's own. */
export function isDelegatedNextHop({ delegation }: Pick<Network, "delegation">, address: Ipv6Address): boolean {
  return delegation !== undefined && isLinkLocalIpv6(address) && ipv6InPrefix((address << 64n) & IPV6_MASK, delegation.pool);
}

/** The host itself speaks to its guests from the gateway's address. */
function guestRoute({ ifindex, network }: Pick<Port, "ifindex" | "network">, address: IpAddress): Route {
  return {
    prefix: hostPrefix(address),
    type: "unicast",
    ifindex,
    via: undefined,
    preferredSource: typeof address === "number" ? network.gatewayIpv4 : network.gatewayIpv6,
    table: MAIN_TABLE,
    protocol: PROTOCOL,
    metric: typeof address === "number" ? 0 : IPV6_METRIC,
  };
}

/**
 * Ports have no `fe80::/64` of their own (a route of that prefix for each link would be a long list), so each link-local address
 * that may be used has a route. Several ports may have the same one: the metric keeps them apart, the link tells them apart.
 */
function linkLocalRoute(ifindex: number, address: Ipv6Address): Route {
  return {
    prefix: { family: 6, address, prefixLength: 128 },
    type: "unicast",
    ifindex,
    via: undefined,
    preferredSource: undefined,
    table: MAIN_TABLE,
    protocol: PROTOCOL,
    metric: IPV6_METRIC + ifindex,
  };
}

function proxyOf(ifindex: number, address: IpAddress): Neighbour {
  return { ifindex, address, mac: undefined, permanent: false, proxy: true, protocol: PROTOCOL };
}
