import type { Ipv6Address } from "../base/ipv6-address.js";
import type { Ipv6Prefix } from "../base/prefix.js";

/**
 * Where a network's IPv6 prefix comes from:
 *   own        the configuration says it
 *   delegated  the router of the uplink gives it to us (DHCPv6 prefix delegation)
 *   uplink     it is that of the uplink's own address
 */
export type Ipv6Source = "own" | "delegated" | "uplink";

/** A prefix that is not ours for ever. */
export interface FoundPrefix {
  /** All of what was found: the network has a part of it. */
  readonly prefix: Ipv6Prefix;
  /** When it ends, by the monotonic clock; `Infinity` for never. */
  readonly preferredUntilMs: number;
  readonly validUntilMs: number;
}

/** `ra:` of a network: what the router says of itself. Undefined where it follows from the rest. */
export interface RouterConfiguration {
  readonly preference: RouterPreference;
  /** Undefined: three times the interval; always 0 where nothing is behind the gateway. */
  readonly lifetimeSeconds: number | undefined;
  /** Between advertisements that nobody asked for, at most. */
  readonly intervalSeconds: number;
  /** Zero: not said. */
  readonly hopLimit: number;
  readonly reachableMs: number;
  readonly retransmitMs: number;
  /** The flags M and O; undefined: as DHCPv6 is served here. */
  readonly managed: boolean | undefined;
  readonly other: boolean | undefined;
  readonly validSeconds: number;
  readonly preferredSeconds: number;
  /** Undefined: three times the interval. */
  readonly dnsLifetimeSeconds: number | undefined;
  readonly routes: readonly RouterRoute[];
  /** The prefix of the network's NAT64. */
  readonly pref64: Ipv6Prefix | undefined;
  /** Also on the interfaces of `serve:`. */
  readonly onServed: boolean;
}

export type RouterPreference = "low" | "medium" | "high";

/** A more specific route through this router (RFC 4191). */
export interface RouterRoute {
  readonly to: Ipv6Prefix;
  readonly preference: RouterPreference;
  /** Undefined: three times the interval. */
  readonly lifetimeSeconds: number | undefined;
}

/** `dhcp6:` of a network, with what `dhcp:` says for both families. */
export interface Dhcp6Configuration {
  readonly leaseSeconds: number;
  readonly offerSeconds: number;
  readonly quarantineSeconds: number;
  readonly authoritative: boolean;
  readonly rapidCommit: boolean;
  readonly relay: boolean;
  /** False: guests make their addresses themselves, and get the rest here. */
  readonly givesAddresses: boolean;
  /** Undefined: anywhere in the network's prefix. */
  readonly pool: Ipv6Prefix | undefined;
  readonly preference: number;
  /** Undefined: the gateway, and the network's domain, where there is DNS. */
  readonly dnsServers: readonly Ipv6Address[] | undefined;
  readonly searchDomains: readonly string[] | undefined;
  readonly ntp: readonly Dhcp6NtpSource[];
  readonly sntpServers: readonly Ipv6Address[];
  readonly bootFiles: readonly Dhcp6BootFile[];
  /** How long clients without leases keep what they were told; undefined: as long as a lease. */
  readonly refreshSeconds: number | undefined;
  readonly solMaxRtSeconds: number | undefined;
  readonly infMaxRtSeconds: number | undefined;
  readonly reservations: readonly Dhcp6Reservation[];
}

export type Dhcp6NtpSource =
  | { readonly kind: "address" | "multicast"; readonly address: Ipv6Address }
  | { readonly kind: "name"; readonly name: string };

export interface Dhcp6BootFile {
  readonly url: string;
  readonly parameters: readonly string[];
  /** Architecture type of RFC 5970 §3.3; undefined fits every client. */
  readonly architecture: number | undefined;
}

/** Kept for a client that is not a guest of ours. At least one of address and prefix is given. */
export interface Dhcp6Reservation {
  /** Lower-case hex. */
  readonly duid: string;
  readonly ipv6: Ipv6Address | undefined;
  /** The delegated prefix; its length is the network's. */
  readonly prefix: Ipv6Prefix | undefined;
}
