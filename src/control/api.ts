import type {
  DnsAnswerView,
  DnsFlushView,
  DnsLogView,
  DnsNameView,
  DnsStatsView,
  EventView,
  ForwardView,
  GuestView,
  LeaseImport,
  LeaseImportResult,
  LeaseView,
  LinkView,
  MacView,
  MadeTapView,
  NetworkView,
  StatusView,
  TenureView,
  TrafficListView,
  VersionView,
} from "./views.js";

/** At once or later. */
export type Answer<Value> = Value | Promise<Value>;

export interface GuestFilter {
  readonly network?: string | undefined;
  /** Only these; undefined: all. One that is not known is left out. */
  readonly names?: readonly string[] | undefined;
}

export interface AttachRequest {
  /** The TAP, which exists already; its name says the guest where `guest` does not. */
  readonly ifname: string;
  readonly guest?: string | undefined;
  readonly network?: string | undefined;
}

export interface LinkFilter {
  readonly guest?: string | undefined;
}

export interface MakeTapRequest {
  readonly guest: string;
  readonly network?: string | undefined;
  /** A user's name or number, who may open the TAP beside root. */
  readonly owner?: string | undefined;
  /** How many queues it is made for; undefined: what the configuration says. */
  readonly queues?: number | undefined;
  /** A unix socket of QEMU's instead of a TAP that the VMM opens. */
  readonly socket?: SocketKind | undefined;
}

/** QEMU's `-netdev stream` and `-netdev dgram`. */
export const SOCKET_KINDS = ["stream", "dgram"] as const;
export type SocketKind = (typeof SOCKET_KINDS)[number];

export interface ForwardRequest {
  readonly guest: string;
  /** `8080:80`, `53:53/udp`, `[2001:db8::1]:8000-8010:9000`. */
  readonly forward: string;
  /** Kept over a restart of the host; otherwise over one of the daemon. */
  readonly permanent?: boolean | undefined;
}

export interface LeaseFilter {
  readonly network?: string | undefined;
  readonly guest?: string | undefined;
  readonly address?: string | undefined;
  readonly state?: string | undefined;
}

export interface TenureFilter {
  readonly address?: string | undefined;
  readonly guest?: string | undefined;
  /** ISO 8601: who had it at this moment. */
  readonly at?: string | undefined;
}

/** Of one guest, or of a whole network: one of the two is given. */
export interface DnsLogRequest {
  readonly guest?: string | undefined;
  readonly network?: string | undefined;
  readonly on: boolean;
}

export type EventListener = (event: EventView) => void;

export interface MacRequest {
  readonly guest: string;
  readonly network?: string | undefined;
}

/**
 * What the daemon answers over `control.sock`; `daemon` implements it, `ControlClient` has the same calls.
 *
 * Failures are `TapnetError`s; their code decides the HTTP status: `BAD_REQUEST` 400, `NOT_ALLOWED` 403, `NOT_FOUND` 404,
 * `CONFLICT` 409, `UNAVAILABLE` 503, any other 500.
 */
export interface ControlApi {
  version(): Answer<VersionView>;
  status(): Answer<StatusView>;
  networks(): Answer<readonly NetworkView[]>;
  guests(filter: GuestFilter): Answer<readonly GuestView[]>;
  /** Counters of guests that are attached; of all of them where `names` is undefined. */
  traffic(names: readonly string[] | undefined): Answer<TrafficListView>;
  attach(request: AttachRequest): Answer<GuestView>;
  detach(guest: string): Answer<GuestView>;
  /** A guest's MAC address, or one for it that nobody has; the same each time while that is so. */
  mac(request: MacRequest): Answer<MacView>;
  /** TAPs of guests that are attached. */
  links(filter: LinkFilter): Answer<readonly LinkView[]>;
  /** Makes a TAP that stays, for a VMM that does not make its own, and attaches the guest. */
  makeTap(request: MakeTapRequest): Answer<MadeTapView>;
  /** Detaches a guest and removes its TAP, if nobody has it open. */
  removeTap(guest: string): Answer<GuestView>;
  forwards(guest: string | undefined): Answer<readonly ForwardView[]>;
  /** `CONFLICT` where another forward or a program of the host has the port. */
  addForward(request: ForwardRequest): Answer<ForwardView>;
  removeForward(guest: string, forward: string): Answer<ForwardView>;
  leases(filter: LeaseFilter): Answer<readonly LeaseView[]>;
  /** Ends the lease of this address, as if its client had given it back. */
  releaseLease(address: string, network: string | undefined): Answer<LeaseView>;
  leaseHistory(filter: TenureFilter): Answer<readonly TenureView[]>;
  importLeases(leases: readonly LeaseImport[]): Answer<LeaseImportResult>;
  dnsNames(network: string | undefined): Answer<readonly DnsNameView[]>;
  /** Asks as a guest of `network` would; undefined: as the host does. */
  dnsQuery(name: string, type: string, network: string | undefined): Answer<DnsAnswerView>;
  /** Forgets what upstreams said; of one name, or all. */
  dnsFlush(name: string | undefined): Answer<DnsFlushView>;
  dnsStats(): Answer<DnsStatsView>;
  /** Whose questions are written to the log. */
  dnsLogs(): Answer<readonly DnsLogView[]>;
  /** Switches that, until it is switched again or the configuration is read. */
  setDnsLog(request: DnsLogRequest): Answer<DnsLogView>;
  /** The configuration in effect, in the form of the file. */
  configuration(): Answer<Readonly<Record<string, unknown>>>;
  /** Tells of every event from now on, until the function that is returned is called. */
  subscribe(listener: EventListener): () => void;
}
