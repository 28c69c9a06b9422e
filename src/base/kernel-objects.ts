/**
 * What the kernel holds of a network, as values: links, addresses, routes, neighbours. `os` reads and writes them, `network`
 * plans them; neither imports the other.
 */
import { formatIpv4, type Ipv4Address, isLoopbackIpv4 } from "./ipv4-address.js";
import { formatIpv6, type Ipv6Address } from "./ipv6-address.js";
import type { Mac } from "./mac.js";
import type { Prefix } from "./prefix.js";

/** An address of either family: a number is IPv4, a bigint IPv6. */
export type IpAddress = Ipv4Address | Ipv6Address;

export function familyOf(address: IpAddress): 4 | 6 {
  return typeof address === "number" ? 4 : 6;
}

export function formatAddress(address: IpAddress): string {
  return typeof address === "number" ? formatIpv4(address) : formatIpv6(address);
}

/** `127.0.0.0/8` or `::1`: each host's own. */
export function isLoopback(address: IpAddress): boolean {
  return typeof address === "number" ? isLoopbackIpv4(address) : address === 1n;
}

/** The prefix that holds just this address: `/32` or `/128`. */
export function hostPrefix(address: IpAddress): Prefix {
  return typeof address === "number" ? { family: 4, address, prefixLength: 32 } : { family: 6, address, prefixLength: 128 };
}

/** Per-link IPv4 settings (`/proc/sys/net/ipv4/conf/<link>/…`) that we care about. */
export interface Ipv4LinkSettings {
  readonly forwarding: number;
  readonly proxyArp: number;
  readonly acceptRedirects: number;
  readonly sendRedirects: number;
  readonly rpFilter: number;
  readonly acceptSourceRoute: number;
}

/** How a link makes its own link-local address (`IN6_ADDR_GEN_MODE_*`); `none`: it gets none that we do not give it. */
export type Ipv6AddressGeneration = "eui64" | "none" | "stable-privacy" | "random";

/** What is to be set on a link; what is left out stays as it is. */
export interface LinkSettings {
  readonly name?: string | undefined;
  readonly mac?: Mac | undefined;
  readonly mtu?: number | undefined;
  /** What firewall rules know a set of links by (`ip link set … group`). */
  readonly group?: number | undefined;
  /** Free text on the link; the empty string removes it. */
  readonly alias?: string | undefined;
  readonly up?: boolean | undefined;
  /** Index of the bridge that it is a port of; 0: none. */
  readonly master?: number | undefined;
  readonly ipv4?: Partial<Ipv4LinkSettings> | undefined;
  readonly ipv6AddressGeneration?: Ipv6AddressGeneration | undefined;
}

/** A link for the frames of one VLAN on another link (IEEE 802.1Q). */
export interface VlanSettings {
  /** Index of the link that the frames are on. */
  readonly parent: number;
  /** 1 to 4094. */
  readonly id: number;
}

/** What is set on a port of a bridge (`ip link set … type bridge_slave`). */
export interface BridgePortSettings {
  /** Sources of frames become known as behind this port. */
  readonly learning: boolean;
  /** Frames for stations that nobody knows go to this port as well. */
  readonly flood: boolean;
  /** The port shuts when a spanning tree's message comes in: what is behind it is no bridge. */
  readonly guard: boolean;
}

/** What is set on a bridge. */
export interface BridgeSettings {
  readonly stp: boolean;
  readonly forwardDelayMs: number;
}

/** A station that a bridge reaches through one of its ports, and through no other whatever comes in there. */
export interface BridgeStation {
  /** The port. */
  readonly ifindex: number;
  readonly mac: Mac;
}

/** A link as the kernel has it. */
export interface LinkState {
  readonly ifindex: number;
  readonly name: string;
  readonly alternativeNames: readonly string[];
  /** `tun`, `veth`, `bridge`, …; empty for hardware. */
  readonly kind: string;
  readonly up: boolean;
  readonly carrier: boolean;
  /** Undefined where the link has no Ethernet address. */
  readonly mac: Mac | undefined;
  readonly mtu: number;
  readonly group: number;
  readonly alias: string;
  readonly master: number;
  /** Its queueing discipline: `noop` until it comes up for the first time, unless somebody chooses one before. */
  readonly queue: string;
  /** Undefined where the link takes no part in IPv4. */
  readonly ipv4: Ipv4LinkSettings | undefined;
  /** Undefined where the link takes no part in IPv6. */
  readonly ipv6: Ipv6LinkState | undefined;
  /** Undefined where the link is no bridge. */
  readonly bridge?: BridgeSettings | undefined;
  /** Undefined where the link is no VLAN's. */
  readonly vlan?: VlanSettings | undefined;
  /** Undefined where the link is no port of a bridge. */
  readonly bridgePort?: BridgePortSettings | undefined;
}

export interface Ipv6LinkState {
  readonly disabled: boolean;
  readonly addressGeneration: Ipv6AddressGeneration;
  /** `accept_ra`: 0 never, 1 unless the link forwards, 2 always. */
  readonly acceptRa: number;
}

/** What a TAP was made with, and who has it open. */
export interface TunState {
  /** Each frame is preceded by a `struct virtio_net_hdr`: without it no offload works. */
  readonly vnetHeader: boolean;
  /** It stays when nobody has it open. */
  readonly persistent: boolean;
  /** It may be opened more than once, one queue each. */
  readonly multiQueue: boolean;
  /** How often it is open; undefined where it has one queue, which is open or not as the link has a carrier or not. */
  readonly queues: number | undefined;
}

/** An address of our own on a link. */
export interface InterfaceAddress {
  readonly ifindex: number;
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** Who made it (`IFA_PROTO`, Linux 5.18 and later); 0 where unknown. */
  readonly protocol: number;
  /** IPv6 (RFC 4862): does not serve yet, or never will; not for new connections any more; one of many for privacy. */
  readonly tentative?: true;
  readonly deprecated?: true;
  readonly temporary?: true;
}

/** A route of the kinds that we make; everything else that a route may have is not looked at. */
export interface Route {
  readonly prefix: Prefix;
  readonly type: RouteType;
  /** 0 for a route without a link. */
  readonly ifindex: number;
  /** The next router; undefined where the destination is on the link. */
  readonly via: IpAddress | undefined;
  /** The source that the host itself uses; undefined: its own choice. */
  readonly preferredSource: IpAddress | undefined;
  readonly table: number;
  /** Who made it (`rt_protos`). */
  readonly protocol: number;
  /** Lower wins; 0 is IPv4's default, 1024 IPv6's. */
  readonly metric: number;
}

export type RouteType = "unicast" | "local" | "multicast" | "unreachable" | "blackhole" | "prohibit" | "other";

/** The main routing table (`rt_tables`). */
export const MAIN_TABLE = 254;
/** Where the kernel keeps its own addresses. */
export const LOCAL_TABLE = 255;

/** A neighbour: which MAC address an IP address is reached at. */
export interface Neighbour {
  readonly ifindex: number;
  readonly address: IpAddress;
  /** Undefined for a proxy entry, and while it is being resolved. */
  readonly mac: Mac | undefined;
  /** Set by hand and never forgotten. */
  readonly permanent: boolean;
  /** Not a neighbour at all: an address that we answer for on this link. */
  readonly proxy: boolean;
  /** Who made it (`NDA_PROTOCOL`); 0 where unknown. */
  readonly protocol: number;
}
