import type { Ipv4Address } from "../base/ipv4-address.js";
import type { Ipv6Address } from "../base/ipv6-address.js";
import type { IpAddress } from "../base/kernel-objects.js";
import type { Mac } from "../base/mac.js";
import type { Ipv4Prefix, Ipv6Prefix } from "../base/prefix.js";
import type { GuestLimit } from "../network/limits.js";
import type { PortForward, Vlan } from "../network/model.js";
import type { TrafficRule } from "../network/policy.js";
import type { Dhcp6Configuration, FoundPrefix, Ipv6Source, RouterConfiguration } from "./ipv6.js";

export type { GuestLimit } from "../network/limits.js";
export type { PortForward } from "../network/model.js";
export type { PortRange, RuleTarget, TrafficRule } from "../network/policy.js";
export type * from "./ipv6.js";

/** Everything that was configured, with each default filled in. Plain data; lists keep the file's order. */
export interface Configuration {
  /** The file that it came from, or `embedded default`. */
  readonly source: string;
  /** What must survive a reboot: leases, history. */
  readonly stateDirectory: string;
  /** Sockets and other things that live as long as the daemon. */
  readonly runDirectory: string;
  readonly logLevel: LogLevel;
  /** Who may use the control socket without being root. */
  readonly controlGroup: string;
  /** Where another firewall drops forwarded packets by default: `open` lets guests' pass there, `leave` only says so. */
  readonly otherFirewalls: "open" | "leave";
  /** QEMU's own list of who may use which bridge. */
  readonly bridgeConf: string;
  /** How long it stays known who had an address. */
  readonly historySeconds: number;
  readonly networks: readonly NetworkConfiguration[];
  readonly guests: readonly GuestConfiguration[];
  readonly access: readonly AccessRule[];
  readonly dns: DnsConfiguration;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

export type NetworkKind = "nat" | "routed" | "isolated" | "private" | "bridge";

export interface NetworkConfiguration {
  readonly name: string;
  readonly kind: NetworkKind;
  readonly ipv4: Ipv4Prefix | undefined;
  /** Our address on every port; undefined where the network has no IPv4. */
  readonly gatewayIpv4: Ipv4Address | undefined;
  /** Undefined where the network has none, or none yet: see `ipv6Source`. */
  readonly ipv6: Ipv6Prefix | undefined;
  readonly ipv6Source: Ipv6Source;
  /** Which /64 of a prefix that is delegated to us; undefined: one that no other network has. */
  readonly ipv6Subnet: number | undefined;
  /** Undefined: the first address of `ipv6`. */
  readonly gatewayIpv6: Ipv6Address | undefined;
  /** What was found out about the prefix while the daemon runs; never written. */
  readonly ipv6Found?: FoundPrefix | undefined;
  /** What guests get prefixes of their own from, by DHCPv6; undefined: they get none. */
  readonly delegation: Ipv6Delegation | undefined;
  /** Our MAC address on every port; undefined: the network derives one. */
  readonly gatewayMac: Mac | undefined;
  /** Given exactly for networks of kind `bridge`. */
  readonly bridge: BridgeConfiguration | undefined;
  /** Whether the host is the router of a bridge's guests; undefined for the other kinds, which say it themselves. */
  readonly wayOut: "none" | "nat" | "routed" | undefined;
  /** Another machine that is the router of a bridge's guests. */
  readonly router: Ipv4Address | undefined;
  /** The interface towards the world; undefined: whatever the host's routes say. */
  readonly uplink: string | undefined;
  /** VLANs that we make, among the uplink and the bridge's ports; all of one number. */
  readonly vlans: readonly Vlan[];
  /** The addresses are of the uplink's own subnet: the host answers for each of them there (proxy ARP, proxy NDP). */
  readonly answerOnUplink: boolean;
  readonly domain: string;
  readonly mtu: number;
  /** With whom its guests may begin something, and who with them; undefined: whatever the kind lets. */
  readonly egress: readonly TrafficRule[] | undefined;
  readonly ingress: readonly TrafficRule[] | undefined;
  /** What each of its guests may use; undefined: no limits. */
  readonly limit: GuestLimit | undefined;
  /** `open`: whoever attaches gets in. `listed`: only guests that the configuration names. */
  readonly guests: "open" | "listed";
  /** Guests do not reach each other. */
  readonly isolateGuests: boolean;
  /** Who forwards between guests on sockets: the kernel, through their TAPs, or tapnetd itself. */
  readonly dataplane: "kernel" | "user";
  /** Interfaces with many clients behind them (a bridge, a veth) that this network serves. */
  readonly serve: readonly string[];
  /** Undefined: no DHCPv4 here (switched off, or no IPv4). */
  readonly dhcp: DhcpConfiguration | undefined;
  /** Undefined: no DHCPv6 here (switched off, or no IPv6). */
  readonly dhcp6: Dhcp6Configuration | undefined;
  /** Undefined: no router is advertised here. */
  readonly ra: RouterConfiguration | undefined;
  /** Undefined: no DNS here. */
  readonly dns: NetworkDnsConfiguration | undefined;
}

/** The link that the guests of a network of kind `bridge` share. */
export interface BridgeConfiguration {
  /** Undefined: `br-` and the network's name. */
  readonly name: string | undefined;
  /** Others make it. */
  readonly existing: boolean;
  /** Further interfaces that become its ports. */
  readonly ports: readonly string[];
  readonly stp: boolean;
  readonly forwardDelayMs: number;
  /** Whether we answer DHCP and DNS there. */
  readonly dhcp: boolean;
  readonly dns: boolean;
  /** Of `serve:`, what is one of its ports. */
  readonly served: readonly string[];
}

/** Each delegated prefix has this length, 64 at most. */
export interface Ipv6Delegation {
  /** Undefined: out of what the uplink delegates to us. */
  readonly pool: Ipv6Prefix | undefined;
  readonly length: number;
}

/** Inclusive at both ends. */
export interface Ipv4Range {
  readonly first: Ipv4Address;
  readonly last: Ipv4Address;
}

export interface DhcpConfiguration {
  /** What is handed out: in order, without overlaps, without the gateway and what `exclude:` names. */
  readonly ranges: readonly Ipv4Range[];
  /** `INFINITE_SECONDS` for ever. */
  readonly leaseSeconds: number;
  /** Bounds for what clients ask for; undefined: the server's minute, and the time that they would get unasked. */
  readonly shortestLeaseSeconds: number | undefined;
  readonly longestLeaseSeconds: number | undefined;
  /** T1 and T2; undefined: the server's fractions of the lease time (RFC 2131 §4.4.5). */
  readonly renewSeconds: number | undefined;
  readonly rebindSeconds: number | undefined;
  /** How long an offered address is kept for the client that it was offered to. */
  readonly offerSeconds: number;
  /** How long a declined address stays unused. */
  readonly quarantineSeconds: number;
  /** `network`: the prefix's netmask. `host`: /32 with routes in options 121 and 249. */
  readonly netmask: "network" | "host";
  /** Answers DHCPNAK to clients that ask for what they cannot have (RFC 2131 §4.3.2). */
  readonly authoritative: boolean;
  /** RFC 4039. */
  readonly rapidCommit: boolean;
  /** Probes an address by ARP before it is offered. */
  readonly probe: boolean;
  /** Gives its addresses to clients that a relay, or the client itself, names this network for on another's shared link. */
  readonly relay: boolean;
  /** Further classless routes for options 121 and 249 (RFC 3442). */
  readonly routes: readonly DhcpRoute[];
  /** Leaves options 3 and 33 out for clients that get option 121 (RFC 3442). */
  readonly routesReplaceRouter: boolean;
  readonly options: readonly DhcpOption[];
  readonly classes: readonly DhcpClass[];
  readonly reservations: readonly DhcpReservation[];
}

export interface DhcpRoute {
  readonly to: Ipv4Prefix;
  /** Undefined: the network's gateway. */
  readonly via: Ipv4Address | undefined;
}

/** One DHCPv4 option as it goes onto the wire. */
export interface DhcpOption {
  readonly code: number;
  /** Its name in the configuration, or its number. */
  readonly name: string;
  /** The value in wire form, without code and length; may be over 255 bytes (RFC 3396). */
  readonly bytes: Uint8Array;
  /** Sent also to clients that did not ask for it. */
  readonly always: boolean;
}

/** What clients that match get besides or instead of the network's own values. The first class that matches wins. */
export interface DhcpClass {
  readonly name: string;
  readonly match: DhcpMatch;
  readonly leaseSeconds: number | undefined;
  readonly ranges: readonly Ipv4Range[] | undefined;
  readonly options: readonly DhcpOption[];
}

/** All that are given must match. Texts may begin or end with `*`. */
export interface DhcpMatch {
  /** Option 60, vendor class identifier. */
  readonly vendor: string | undefined;
  /** Option 77, user class. */
  readonly user: string | undefined;
  /** Option 93, client architecture (RFC 4578 §2.1); one of these. */
  readonly architectures: readonly number[] | undefined;
  /** The first octets of the MAC address, as lower-case hex without separators. */
  readonly macPrefix: string | undefined;
  /** Option 82, sub-options 1 and 2 (RFC 3046), as lower-case hex. */
  readonly circuitId: string | undefined;
  readonly remoteId: string | undefined;
}

/** An address for a client that is not a guest of ours. At least one of the four identities is given; all given must match. */
export interface DhcpReservation {
  readonly mac: Mac | undefined;
  /** Lower-case hex of the whole option 61, type octet included. */
  readonly clientId: string | undefined;
  readonly circuitId: string | undefined;
  readonly remoteId: string | undefined;
  readonly ipv4: Ipv4Address;
  readonly name: string | undefined;
  readonly leaseSeconds: number | undefined;
  readonly options: readonly DhcpOption[];
}

export interface NetworkDnsConfiguration {
  /** Whether questions about other names go to upstreams at all. */
  readonly forward: boolean;
  /** Undefined: the global ones. */
  readonly upstreams: readonly DnsUpstream[] | undefined;
  /** Networks whose guests' names are seen from this one; its own always are. */
  readonly sees: readonly string[];
  readonly logQueries: boolean;
}

export interface DnsConfiguration {
  /** Undefined: those of the host's resolv.conf, followed as it changes. */
  readonly upstreams: readonly DnsUpstream[] | undefined;
  /** Split DNS: names at or under `domain` go to these upstreams only. */
  readonly domains: readonly DnsDomain[];
  readonly records: readonly DnsRecord[];
  /** Files in the form of /etc/hosts, read again when they change. */
  readonly hostsFiles: readonly string[];
  readonly cacheBytes: number;
  /** Expired answers are served for this long while no upstream answers (RFC 8767); 0: never. */
  /** Whether this host's systemd-resolved is told of guests' names. */
  readonly tellResolved: boolean;
  readonly staleSeconds: number;
  /** Domains that may answer with private addresses. */
  readonly rebindAllowed: readonly string[];
  /** Questions per second and questions open at once, for one guest. */
  readonly rateLimit: number;
  readonly openLimit: number;
}

export interface DnsUpstream {
  readonly family: 4 | 6;
  readonly address: Ipv4Address | Ipv6Address;
  readonly port: number;
  /** Undefined: as the host's routes say. */
  readonly interface: string | undefined;
  /** The name that the server's certificate must have; undefined: no TLS. */
  readonly tlsName: string | undefined;
}

export interface DnsDomain {
  readonly domain: string;
  readonly upstreams: readonly DnsUpstream[];
}

/** A configured record. Names are in lower case without the last dot; a name may begin with `*.`. */
export type DnsRecord = { readonly name: string; readonly ttlSeconds: number } & (
  | { readonly type: "A"; readonly address: Ipv4Address }
  | { readonly type: "AAAA"; readonly address: Ipv6Address }
  | { readonly type: "CNAME" | "PTR"; readonly target: string }
  | { readonly type: "TXT"; readonly strings: readonly string[] }
  | { readonly type: "MX"; readonly preference: number; readonly target: string }
  | { readonly type: "SRV"; readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
);

/** A guest on one network. One with several network interfaces is there once for each, each time on another network. */
export interface GuestConfiguration {
  readonly name: string;
  /** Which of the guest's interfaces it is, from 0; undefined for a guest that is configured with one. */
  readonly nic: number | undefined;
  readonly network: string;
  readonly mac: Mac | undefined;
  readonly ipv4: Ipv4Address | undefined;
  /** Besides `ipv4`, which DHCP gives; the guest sets these itself. */
  readonly furtherIpv4: readonly Ipv4Address[];
  /** Where the prefix is not the network's own: what stands behind it (`::10`). */
  readonly ipv6: Ipv6Address | undefined;
  /** The prefix that is delegated to it. */
  readonly prefix: Ipv6Prefix | undefined;
  /** Whether this network is the guest's way out, as far as it has one. */
  readonly defaultRoute: boolean;
  /** Further host names, beside its own name. */
  readonly names: readonly string[];
  /** The TAP's name; undefined where `tn-<name>` would be too long and none is given. */
  readonly ifname: string | undefined;
  /** Queues of its TAP, one for each of its processors; undefined: one. */
  readonly queues: number | undefined;
  readonly clientId: string | undefined;
  readonly leaseSeconds: number | undefined;
  readonly options: readonly DhcpOption[];
  /** Its own lists, or else its network's. */
  readonly egress: readonly TrafficRule[] | undefined;
  readonly ingress: readonly TrafficRule[] | undefined;
  /** What it may use: its network's limits with its own over them. */
  readonly limit: GuestLimit | undefined;
  /** Of a guest with several interfaces all of them, at the one that has its default route. */
  readonly forwards: readonly PortForward[];
  /** Addresses of the host's side that are the guest's as a whole; where it has several interfaces, as `forwards`. */
  readonly publics: readonly IpAddress[];
  /** Users who may take its TAPs through `qemu-helper`; undefined: all who may use the network. */
  readonly users: readonly string[] | undefined;
  /** Whether its DNS questions are written to the log. */
  readonly logQueries: boolean;
}

/** Who may get a TAP through `qemu-helper` without being root. */
export interface AccessRule {
  readonly account: { readonly kind: "user" | "group"; readonly name: string };
  /** Names of networks, or all of them. */
  readonly networks: readonly string[] | "all";
}

/** A lease without end (RFC 2131 §3.3). */
export const INFINITE_SECONDS = 0xffff_ffff;
