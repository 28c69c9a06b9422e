import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Mac } from "../../base/mac.js";
import type { Ipv4Prefix } from "../../base/prefix.js";
import type { Ipv4Range } from "../../lease/range-pool.js";
import type { EncodedOption } from "../../wire/dhcp4/option-set.js";

/** A lease without end (RFC 2131 §3.3). */
export const INFINITE_SECONDS = 0xffff_ffff;

/** One network as the DHCPv4 server sees it. Plain data; changes come as a whole new object. */
export interface Dhcp4Network {
  readonly name: string;
  readonly subnet: Ipv4Prefix;
  /** Option 3; 0 where clients get no router. */
  readonly gateway: Ipv4Address;
  /** Option 6; empty for none. */
  readonly dnsServers: readonly Ipv4Address[];
  /** Options 15, 119 and the tail of option 81; empty for none. */
  readonly domain: string;
  readonly mtu: number;
  /** What is handed out. The subnet's own two addresses, the gateway and reserved addresses are left out by themselves. */
  readonly ranges: readonly Ipv4Range[];
  /** `INFINITE_SECONDS` for ever. */
  readonly leaseSeconds: number;
  /** Bounds for what clients ask for (option 51); undefined: a minute, and the time that they would get unasked. */
  readonly shortestLeaseSeconds?: number | undefined;
  readonly longestLeaseSeconds?: number | undefined;
  /** T1 and T2; undefined: half and seven eighths of the lease (RFC 2131 §4.4.5). */
  readonly renewSeconds: number | undefined;
  readonly rebindSeconds: number | undefined;
  /** How long an offered address is kept for the client that it was offered to. */
  readonly offerSeconds: number;
  readonly quarantineSeconds: number;
  /** `network`: the subnet's netmask. `host`: /32 with routes in options 121 and 249. */
  readonly netmask: "network" | "host";
  /** Says NAK to clients whose address is unknown here, instead of leaving that to other servers. */
  readonly authoritative: boolean;
  readonly rapidCommit: boolean;
  /** Probes an address by ARP before it is offered. On a port only the guest itself could answer, so never there. */
  readonly probe: boolean;
  /** Its addresses are given also through relays and by subnet selection on shared links of other networks. */
  readonly relayed?: boolean | undefined;
  /** Further classless routes; without `via` through the gateway. */
  readonly routes: readonly Dhcp4Route[];
  /** Leaves options 3 and 33 out for clients that get option 121 (RFC 3442); undefined: yes. */
  readonly routesReplaceRouter?: boolean | undefined;
  readonly options: readonly EncodedOption[];
  readonly boot?: Dhcp4Boot | undefined;
  /** The first class that matches wins. */
  readonly classes: readonly Dhcp4Class[];
  readonly reservations: readonly Dhcp4Reservation[];
  /** Guests that are configured by name. */
  readonly guests: readonly Dhcp4Guest[];
}

export interface Dhcp4Route {
  readonly to: Ipv4Prefix;
  readonly via: Ipv4Address | undefined;
}

/** Where a client boots from: `siaddr`, `file` and `sname`. */
export interface Dhcp4Boot {
  readonly server: Ipv4Address;
  readonly file: string;
  readonly serverName: string;
}

export interface Dhcp4Class {
  readonly name: string;
  readonly match: Dhcp4Match;
  readonly leaseSeconds: number | undefined;
  /** Instead of the network's. */
  readonly ranges: readonly Ipv4Range[] | undefined;
  readonly options: readonly EncodedOption[];
  readonly boot?: Dhcp4Boot | undefined;
}

/** All that are given must match. Texts may begin or end with `*`. */
export interface Dhcp4Match {
  /** Option 60. */
  readonly vendor: string | undefined;
  /** Option 77. */
  readonly user: string | undefined;
  /** Option 93 (RFC 4578 §2.1), one of these. */
  readonly architectures: readonly number[] | undefined;
  /** First octets of the MAC address in lower-case hex. */
  readonly macPrefix: string | undefined;
  /** Suboptions of option 82 in lower-case hex. */
  readonly circuitId: string | undefined;
  readonly remoteId: string | undefined;
}

/** An address kept for one client. At least one of the four identities is given; all given must match. */
export interface Dhcp4Reservation {
  readonly mac: Mac | undefined;
  /** The whole option 61 in lower-case hex. */
  readonly clientId: string | undefined;
  readonly circuitId: string | undefined;
  readonly remoteId: string | undefined;
  readonly ipv4: Ipv4Address;
  /** Option 12. */
  readonly name: string | undefined;
  readonly leaseSeconds: number | undefined;
  readonly options: readonly EncodedOption[];
}

/** What the guest behind a port gets. */
export interface Dhcp4Guest {
  readonly name: string;
  /** Undefined: any address of the network's. */
  readonly ipv4: Ipv4Address | undefined;
  /** The guest sets these itself: they are given to nobody else. */
  readonly furtherIpv4?: readonly Ipv4Address[] | undefined;
  /** False: the guest's default route leads elsewhere, and it gets no router here. */
  readonly defaultRoute?: boolean | undefined;
  readonly leaseSeconds: number | undefined;
  readonly options: readonly EncodedOption[];
}
