/**
 * What goes over the wire, and what `tapnet … --json` prints: fields are added, never renamed or taken away within `/v1`.
 *
 * Addresses are texts in their canonical form, times ISO 8601 in UTC, null where there is none.
 */

export interface VersionView {
  readonly version: string;
  readonly pid: number;
  readonly node: string;
}

export interface StatusView {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: string;
  /** The configuration's file, or `embedded default`. */
  readonly configuration: string;
  readonly rootless: boolean;
  readonly networks: number;
  readonly guests: { readonly attached: number; readonly configured: number };
  readonly leases: { readonly bound: number; readonly declined: number };
  /** What somebody should look at, in sentences; empty when all is well. */
  readonly warnings: readonly string[];
  /** Counters by part: `{ frames: { received: 12 }, dhcp4: { … } }`. */
  readonly counters: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface NetworkView {
  readonly name: string;
  readonly kind: string;
  readonly ipv4: string | null;
  readonly gatewayIpv4: string | null;
  readonly ipv6: string | null;
  readonly gatewayMac: string | null;
  readonly uplink: string | null;
  readonly domain: string;
  readonly mtu: number;
  /** Who forwards what its guests send each other. */
  readonly dataplane: "kernel" | "user";
  /** Shared links, beside the guests' ports. */
  readonly serves: readonly string[];
  readonly guestsAttached: number;
  readonly leasesBound: number;
  /** Addresses that DHCP may hand out, taken or not. */
  readonly poolSize: number;
}

export interface GuestView {
  readonly name: string;
  readonly network: string;
  /** `attached`: its port is up. `configured`: named in the configuration, not here now. */
  readonly state: "attached" | "configured";
  readonly ifname: string | null;
  readonly mac: string | null;
  /** Addresses that are bound to it, else those that are reserved for it. */
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  /** Addresses of the host's side that lead to it as a whole. */
  readonly public: readonly string[];
  /** Fully qualified names in DNS. */
  readonly names: readonly string[];
  readonly attachedAt: string | null;
  /** What the guest has sent and got since its interface was made; null where it is not here. */
  readonly sent: TrafficView | null;
  readonly received: TrafficView | null;
}

export interface TrafficView {
  readonly packets: number;
  readonly bytes: number;
}

/** What has passed a guest's port since its interface was made. */
export interface GuestTrafficView {
  readonly guest: string;
  readonly network: string;
  readonly sent: TrafficView;
  readonly received: TrafficView;
  /** Packets that the guard has dropped because their source was not the guest's own; it forgets after a day without. */
  readonly spoofed: number;
}

/** The counters of many guests at one moment: cheap enough to be asked each second, for those that somebody looks at. */
export interface TrafficListView {
  /** When they were read; to the millisecond, so that rates can be made of them. */
  readonly at: string;
  readonly guests: readonly GuestTrafficView[];
  /** Packets that were dropped on this host's networks, by why: `{ spoofed: 12, over_limit: 0 }`. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** A MAC address for a guest. */
export interface MacView {
  readonly guest: string;
  readonly network: string;
  readonly mac: string;
  /** Whether it is the guest's own already: configured, or that of its lease. */
  readonly known: boolean;
}

/** A guest's TAP, and what of it makes it fast. */
export interface LinkView {
  readonly guest: string;
  readonly network: string;
  readonly ifname: string;
  readonly mtu: number;
  /** How often its VMM has it open; 0: nobody has. */
  readonly queues: number;
  /** What the configuration says. */
  readonly queuesWanted: number;
  /** It was made for more than one queue. */
  readonly multiQueue: boolean;
  /** A header before each frame says what is left to do with it; without it there are no offloads, either way. */
  readonly vnetHeader: boolean;
  /** What the guest's driver takes unfinished from us: `checksum`, `tso4`, `tso6`, `ecn`, `uso`. */
  readonly offloads: readonly string[];
  /** It stays when its VMM ends. */
  readonly persistent: boolean;
  /** Where its guest is on a socket of QEMU's: tapnetd itself has the TAP open, and whole frames cross the socket. */
  readonly socket: { readonly kind: "dgram" | "stream"; readonly path: string } | null;
}

/** A TAP that was made for a guest, and how QEMU takes it. */
export interface MadeTapView {
  readonly guest: GuestView;
  /** QEMU's arguments, in order. */
  readonly qemu: readonly string[];
}

/** What there are events of. */
export const EVENT_KINDS = ["guest.attached", "guest.detached", "lease.bound", "lease.ended", "configuration.loaded"] as const;
export const LEASE_STATES = ["offered", "bound", "released", "expired", "declined"] as const;

/** A port of the host that leads to a guest. */
export interface ForwardView {
  readonly guest: string;
  /** As `forward add` and the configuration have it: `192.0.2.1:8000-8010:9000/udp`. */
  readonly forward: string;
  readonly protocol: "tcp" | "udp";
  /** The host's address; null: all of them. */
  readonly address: string | null;
  readonly firstPort: number;
  readonly lastPort: number;
  readonly guestPort: number;
  /** `live`: until the host restarts. `permanent`: kept in the state directory. */
  readonly source: "configuration" | "live" | "permanent";
  /** Where it leads to now; null where the guest has no such address, or the forward is not of that family. */
  readonly ipv4: string | null;
  readonly ipv6: string | null;
}

export interface LeaseView {
  readonly network: string;
  /** An address, or a prefix with its length. */
  readonly address: string;
  readonly state: (typeof LEASE_STATES)[number];
  /** Whose it is: `guest:web1`, `id:<hex>` or `mac:<mac>`. */
  readonly identity: string;
  readonly mac: string | null;
  readonly clientId: string | null;
  readonly hostname: string | null;
  readonly boundAt: string | null;
  readonly renewedAt: string | null;
  /** Null: never. */
  readonly expiresAt: string | null;
}

/** One stay of one client at one address. */
export interface TenureView {
  readonly network: string;
  readonly address: string;
  readonly identity: string;
  readonly mac: string | null;
  readonly hostname: string | null;
  readonly boundAt: string;
  /** Null: it has not ended. */
  readonly endedAt: string | null;
  readonly reason: string | null;
}

/** A lease from elsewhere, to be taken over. */
export interface LeaseImport {
  readonly address: string;
  readonly mac: string | null;
  readonly clientId: string | null;
  readonly hostname: string | null;
  readonly expiresAt: string | null;
}

export interface LeaseImportResult {
  readonly imported: number;
  readonly refused: readonly { readonly address: string; readonly reason: string }[];
}

export interface DnsNameView {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly ttlSeconds: number;
  readonly network: string | null;
  /** Why it is there: `lease`, `reservation`, `record`, `hosts`. */
  readonly source: string;
}

export interface DnsAnswerView {
  readonly name: string;
  readonly type: string;
  /** `NOERROR`, `NXDOMAIN`, … */
  readonly status: string;
  readonly answers: readonly {
    readonly name: string;
    readonly type: string;
    readonly ttlSeconds: number;
    readonly value: string;
  }[];
  /** `local`, `cache`, `stale`, `upstream` or `refused`. */
  readonly from: string;
  /** Why there is no answer, and what to do, where more is known than the status says. */
  readonly reason?: string;
  readonly elapsedMs: number;
}

export interface DnsFlushView {
  readonly flushed: number;
}

/** Whose questions are written to the log. */
export interface DnsLogView {
  readonly network: string;
  /** Null: every guest of the network. */
  readonly guest: string | null;
  readonly on: boolean;
}

/** Counters by name. */
export type DnsStatsView = Readonly<Record<string, number>>;

export interface EventView {
  readonly at: string;
  /** `guest.attached`, `guest.detached`, `lease.bound`, `lease.ended`, `kernel.repaired`, `configuration.loaded`, … */
  readonly kind: string;
  readonly network: string | null;
  readonly guest: string | null;
  /** One sentence for people. */
  readonly message: string;
}

/** How every failure looks: `code` is stable, `message` for people. */
export interface ErrorView {
  readonly error: { readonly code: string; readonly message: string };
}
