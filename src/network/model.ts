import type { Ipv4Address } from "../base/ipv4-address.js";
import type { Ipv6Address } from "../base/ipv6-address.js";
import type { IpAddress } from "../base/kernel-objects.js";
import type { Mac } from "../base/mac.js";
import type { Ipv4Prefix, Ipv6Prefix } from "../base/prefix.js";
import type { Traffic } from "./traffic.js";

/**
 * What a network's guests may reach, besides each other:
 *   nat       the world, as the host; nobody from outside begins anything
 *   routed    the world, as themselves, both ways
 *   isolated  the host's gateway address, DHCP and DNS
 *   private   nothing
 *   bridge    whatever the bridge leads to, and what its `wayOut` says
 */
export type NetworkKind = "nat" | "routed" | "isolated" | "private" | "bridge";

/** What prefixes for guests to route themselves are taken from, each of `length`, which is 64 at most. */
export interface Delegation {
  readonly pool: Ipv6Prefix;
  readonly length: number;
}

/** Whether the host is a router between a network's guests and the world, and whose address they have out there. */
export type WayOut = "none" | "nat" | "routed";

/** The link that the guests of a network of kind `bridge` share. */
export interface Bridge {
  readonly name: string;
  /** Others make it: we use it and change nothing about it but our own ports. */
  readonly existing: boolean;
  /** Further interfaces that are its ports, physical ones mostly. */
  readonly ports: readonly string[];
  readonly stp: boolean;
  readonly forwardDelayMs: number;
  /** Whether we answer DHCP and DNS there ourselves: then these questions of guests end at their ports. */
  readonly dhcp: boolean;
  readonly dns: boolean;
  /** Ports whose stations we answer, besides guests. */
  readonly served: readonly string[];
}

/** The link for one VLAN on an interface (IEEE 802.1Q), which we make. */
export interface Vlan {
  readonly name: string;
  /** The interface that its frames are on. */
  readonly link: string;
  /** 1 to 4094. */
  readonly id: number;
}

/** A network with everything derived that can be; made by `defineNetworks`. */
export interface Network {
  readonly name: string;
  readonly kind: NetworkKind;
  readonly ipv4: Ipv4Prefix | undefined;
  /** Our address on every port; given exactly where the prefix is, but for bridges on which we have none. */
  readonly gatewayIpv4: Ipv4Address | undefined;
  readonly ipv6: Ipv6Prefix | undefined;
  readonly gatewayIpv6: Ipv6Address | undefined;
  /**
   * `own`: as configured. `delegated`: a part of what the uplink's router has given us. `uplink`: the uplink's own subnet. The
   * latter two are the world's addresses: they are never translated.
   */
  readonly ipv6Source: "own" | "delegated" | "uplink";
  /** All that was delegated to us: what of it is no network's leads nowhere (RFC 7084 WPD-5). */
  readonly ipv6Aggregate: Ipv6Prefix | undefined;
  /** Undefined: guests get no prefixes of their own. */
  readonly delegation: Delegation | undefined;
  /** Our MAC address on every port: the same on every host that has this network. */
  readonly gatewayMac: Mac;
  /** Group of every link of this network: what the firewall knows it by. */
  readonly group: number;
  readonly wayOut: WayOut;
  /** Given exactly for networks of kind `bridge`. */
  readonly bridge: Bridge | undefined;
  /** The interface towards the world; undefined: whatever the host's routes say. */
  readonly uplink: string | undefined;
  /** Links among the uplink and the bridge's ports that are VLANs of ours. */
  readonly vlans: readonly Vlan[];
  /** Addresses are out of the uplink's own subnet: the host answers for them there, one by one. */
  readonly answerOnUplink: boolean;
  readonly mtu: number;
  /** Guests do not reach each other. */
  readonly isolateGuests: boolean;
  /** Interfaces with many clients behind them, who are on the network as guests are; none on bridges. */
  readonly serve: readonly string[];
  /** Addresses of the host's side that are a guest's as a whole (1:1 NAT), by the guest's name. */
  readonly publics: ReadonlyMap<string, readonly IpAddress[]>;
}

/**
 * An address that a guest may use, and the only MAC address that it may use it with. The first address of a delegated prefix
 * stands for all of it.
 */
export interface Binding {
  readonly address: IpAddress;
  readonly mac: Mac;
}

/** A prefix that a client of a shared link routes itself: what is sent there goes to its station. */
export interface ClientPrefix {
  readonly network: string;
  /** The interface that the client is behind. */
  readonly ifname: string;
  /** The first address. */
  readonly address: Ipv6Address;
  readonly mac: Mac;
}

/** A guest's attachment to a network: one link of ours. */
export interface Port {
  readonly ifindex: number;
  readonly ifname: string;
  readonly guest: string;
  readonly network: Network;
  readonly bindings: readonly Binding[];
  /** On a bridge: the only MAC address that the guest may send from; undefined: those of its bindings. */
  readonly station?: Mac | undefined;
}

/** Connections to the host's `firstPort`–`lastPort` go to a guest's ports from `guestPort` on. */
export interface PortForward {
  readonly protocol: "tcp" | "udp";
  /** The host's address; undefined: all of them. */
  readonly address: IpAddress | undefined;
  readonly firstPort: number;
  readonly lastPort: number;
  readonly guestPort: number;
}

/** Everything that the kernel's state follows from. */
export interface Model {
  readonly networks: readonly Network[];
  readonly ports: readonly Port[];
  /** Undefined: none. */
  readonly clientPrefixes?: readonly ClientPrefix[] | undefined;
  /** Indices of the interfaces that networks name (uplinks, bridges, ports of bridges), of those that exist now; by name. */
  readonly interfaces: ReadonlyMap<string, number>;
  /** Undefined: nothing of the kind. */
  readonly traffic?: Traffic | undefined;
}

/** Whether the host answers on the uplink for each of the network's addresses of a family. */
export function answersOnUplink({ answerOnUplink, ipv6Source }: Network, family: 4 | 6): boolean {
  return answerOnUplink || (family === 6 && ipv6Source === "uplink");
}

/** Routes, addresses and neighbours that we make carry this number (`tapnet` in `rt_protos.d`); those without are not ours. */
export const PROTOCOL = 157;

/** `fe80::1`, the gateway of every guest in IPv6 (RFC 4861 wants a router to be known by a link-local address). */
export const GATEWAY_LINK_LOCAL: Ipv6Address = (0xfe80n << 112n) | 1n;
