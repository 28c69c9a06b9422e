/** What the kernel should hold, in parts: for a network, for a port, for one binding. `plan` puts them together. */
import { type Ipv6Address, isLinkLocalIpv6 } from "../base/ipv6-address.js";
import {
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
import { type Binding, GATEWAY_LINK_LOCAL, type Network, type Port, PROTOCOL } from "./model.js";

/** The loopback has this index in every network namespace. */
export const LOOPBACK_IFINDEX = 1;
/** Worse than any metric that people use: a real route to a pool's prefix wins. */
const LAST_RESORT_METRIC = 0xff00_0000;
const IPV6_MASK: Ipv6Address = (1n << 128n) - 1n;
const LINK_LOCAL_PREFIX: Ipv6Address = 0xfe80n << 112n;
/** IPv6 writes its default metric down. */
const IPV6_METRIC = 1024;

/** What a guest may send: this source from this MAC address on this link. An element of the guard's sets. */
export interface Station {
  readonly ifindex: number;
  readonly mac: Mac;
  readonly address: IpAddress;
  /** The address is that of a delegated prefix: every source inside it. */
  readonly delegated?: boolean;
}

/** What one binding puts into the kernel. */
export interface BindingState {
  readonly route: Route;
  readonly neighbour: Neighbour;
  readonly station: Station;
  /** The host answers for the address on the uplink. */
  readonly proxy: Neighbour | undefined;
}

/** The gateway's addresses: once, on the loopback. On each port they would be a long list of local routes. */
export function gatewayAddresses(network: Network): InterfaceAddress[] {
  const addresses = [network.gatewayIpv4, network.gatewayIpv6].filter((address) => address !== undefined);
  return addresses.map((address) => ({
    ifindex: LOOPBACK_IFINDEX,
    address,
    prefixLength: hostPrefix(address).prefixLength,
    protocol: PROTOCOL,
  }));
}

/** What is not a guest's host route leads nowhere: an unknown address of a pool never leaks to the uplink. */
export function poolRoutes(network: Network): Route[] {
  // What is of the uplink's own subnet leads there.
  const ownPools = network.answerOnUplink ? [] : [network.ipv4, network.ipv6];
  const prefixes: (Prefix | undefined)[] = [...ownPools, network.delegation?.pool];
  return prefixes
    .filter((prefix) => prefix !== undefined)
    .map((prefix) => ({
      prefix,
      type: "unreachable",
      ifindex: 0,
      via: undefined,
      preferredSource: undefined,
      table: MAIN_TABLE,
      protocol: PROTOCOL,
      metric: LAST_RESORT_METRIC,
    }));
}

/** Whether the kernel takes part in IPv6 on this network's ports. */
export function hasIpv6(network: Network): boolean {
  return network.ipv6 !== undefined;
}

/** Settings of a port's link, besides being up. */
export function portSettings(port: Pick<Port, "guest" | "network">): LinkSettings {
  const { network } = port;
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
 * The gateway's link-local address, which every port of an IPv6 network has: so the kernel confirms the router while the
 * daemon is away. It is why an IPv6 port costs a little more with every other one: the kernel keeps all copies in one list.
 */
export function portAddresses(port: Pick<Port, "ifindex" | "network">): InterfaceAddress[] {
  if (!hasIpv6(port.network)) return [];
  return [{ ifindex: port.ifindex, address: GATEWAY_LINK_LOCAL, prefixLength: 128, protocol: PROTOCOL }];
}

export function bindingState(
  port: Pick<Port, "ifindex" | "network">,
  { address, mac }: Binding,
  uplinks: ReadonlyMap<string, number>,
): BindingState {
  const { ifindex, network } = port;
  const delegated = delegatedPrefix(network, address);
  if (delegated !== undefined) return delegatedState(ifindex, delegated, mac);
  const uplinkIndex = network.answerOnUplink && network.uplink !== undefined ? uplinks.get(network.uplink) : undefined;
  const linkLocal = typeof address === "bigint" && isLinkLocalIpv6(address);
  return {
    route: linkLocal ? linkLocalRoute(ifindex, address) : guestRoute(port, address),
    neighbour: { ifindex, address, mac, permanent: true, proxy: false, protocol: PROTOCOL },
    station: { ifindex, mac, address },
    proxy: linkLocal || uplinkIndex === undefined ? undefined : proxyOf(uplinkIndex, address),
  };
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
    proxy: undefined,
  };
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
