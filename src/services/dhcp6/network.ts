import type { Ipv6Address } from "../../base/ipv6-address.js";
import type { Ipv6Prefix } from "../../base/prefix.js";
import type { NtpSource } from "../../wire/dhcp6/ntp-server.js";

/** One network as the DHCPv6 server sees it. Plain data; changes come as a whole new object. */
export interface Dhcp6Network {
  readonly name: string;
  /** Prefixes of the network's links: an address outside them is "not on link". */
  readonly prefixes: readonly Ipv6Prefix[];
  /** Our own address; never given away. Zero where there is none. */
  readonly gateway: Ipv6Address;
  /** Where addresses are given from; undefined: none are (SLAAC alone). Reserved ones are left out by themselves. */
  readonly addressPool: Ipv6Prefix | undefined;
  /** What prefixes are delegated from, each of `length`; undefined: none are. */
  readonly delegation: { readonly pool: Ipv6Prefix; readonly length: number } | undefined;
  /** Valid lifetime, `INFINITE_SECONDS` for ever; and how much of it an address may be used for new connections. */
  readonly leaseSeconds: number;
  readonly preferredSeconds: number;
  /** When the network's prefix ends, by the monotonic clock: no lease outlives it. Undefined: it is our own. */
  readonly ends?: { readonly validMs: number; readonly preferredMs: number } | undefined;
  /** How long an advertised address is kept for the client that it was advertised to. */
  readonly offerSeconds: number;
  readonly quarantineSeconds: number;
  /** Binds at once when a client offers to save two messages; right where no other server is on the link. */
  readonly rapidCommit: boolean;
  /** Tells clients with unknown leases so, instead of leaving that to other servers. */
  readonly authoritative: boolean;
  /** Serves clients for whom a relay names this network on another network's shared link. */
  readonly relayed: boolean;
  /** 0 to 255: which server a client chooses among several (RFC 8415 §21.8). */
  readonly preference: number;
  /** Domain of the clients' names; empty for none. */
  readonly domain: string;
  readonly options: Dhcp6Options;
  readonly reservations: readonly Dhcp6Reservation[];
  /** Guests that are configured by name. */
  readonly guests: readonly Dhcp6Guest[];
}

/** What clients are told when they ask for it; empty lists and undefined are not sent. */
export interface Dhcp6Options {
  readonly dnsServers: readonly Ipv6Address[];
  readonly searchDomains: readonly string[];
  readonly ntpServers: readonly NtpSource[];
  readonly sntpServers: readonly Ipv6Address[];
  /** The first that fits a client's architecture (RFC 5970 §3.3) is sent. */
  readonly bootFiles: readonly Dhcp6BootFile[];
  /** How long a client without leases keeps what it was told (RFC 8415 §21.23). */
  readonly informationRefreshSeconds: number | undefined;
  /** How slowly clients may retry without an answer (RFC 8415 §21.24, §21.25). */
  readonly solMaxRtSeconds: number | undefined;
  readonly infMaxRtSeconds: number | undefined;
}

export interface Dhcp6BootFile {
  /** Undefined fits every client. */
  readonly architecture: number | undefined;
  readonly url: string;
  readonly parameters: readonly string[];
}

/** What is kept for one client; undefined where it gets what is free. */
export interface Dhcp6Reserved {
  readonly address: Ipv6Address | undefined;
  /** First address of the delegated prefix. */
  readonly prefix: Ipv6Address | undefined;
}

/** Kept for a client on a shared link, or a guest that is not configured by name. */
export interface Dhcp6Reservation extends Dhcp6Reserved {
  /** Lower-case hex. */
  readonly duid: string;
}

/** What the guest behind a port gets. */
export interface Dhcp6Guest extends Dhcp6Reserved {
  readonly name: string;
}
