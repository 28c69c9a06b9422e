/** What the daemon answers to `tapnet` and to programs: every question is put to the part that knows. */
import { TapnetError } from "../../base/errors.js";
import { parseIpv4 } from "../../base/ipv4-address.js";
import { parseIpv6 } from "../../base/ipv6-address.js";
import { familyOf, formatAddress } from "../../base/kernel-objects.js";
import { ipv4InPrefix, ipv6InPrefix } from "../../base/prefix.js";
import { describeConfiguration } from "../../config/index.js";
import type {
  AttachRequest,
  ControlApi,
  DnsAnswerView,
  DnsFlushView,
  DnsLogRequest,
  DnsLogView,
  DnsNameView,
  DnsStatsView,
  EventListener,
  ForwardRequest,
  ForwardView,
  GuestFilter,
  GuestView,
  LeaseFilter,
  LeaseImport,
  LeaseImportResult,
  LeaseView,
  LinkFilter,
  LinkView,
  MacRequest,
  MacView,
  MadeTapView,
  MakeTapRequest,
  NetworkView,
  StatusView,
  TenureFilter,
  TenureView,
  TrafficListView,
  VersionView,
} from "../../control/index.js";
import { packageVersion } from "../../control/package.js";
import type { LeaseBook } from "../../lease/book.js";
import type { LeaseAddress, LeaseRecord } from "../../lease/lease.js";
import type { Lease } from "../../lease/lease-entry.js";
import type { Network, Port } from "../../network/model.js";
import { TTL_SECONDS } from "../../services/dns/guest-names.js";
import { formatRcode, formatType, parseType } from "../../wire/dns/numbers.js";
import { formatRdata } from "../../wire/dns/rdata.js";
import { explainReply } from "./dns-reasons.js";
import { guestMac } from "./guest-mac.js";
import { takeOverLease } from "./lease-import.js";
import { guestOf } from "./lease-owner.js";
import type { DaemonParts } from "./parts.js";
import { absentView, attachedView, leaseView, networkView, tenureView } from "./views.js";

export class DaemonApi implements ControlApi {
  readonly #daemon: DaemonParts;

  constructor(daemon: DaemonParts) {
    this.#daemon = daemon;
  }

  version(): VersionView {
    return { version: packageVersion(), pid: process.pid, node: process.version };
  }

  async status(): Promise<StatusView> {
    const { configuration, guests, ports, startedAtMs, leases, dns, frames, ipv6, portForwards, passage, plane, rootless } =
      this.#daemon;
    const counts = [...leases.books()].map((book) => book.counts());
    return {
      version: packageVersion(),
      pid: process.pid,
      startedAt: new Date(startedAtMs).toISOString(),
      configuration: configuration.source,
      rootless,
      networks: configuration.networks.length,
      guests: { attached: ports.list().length, configured: new Set(configuration.guests.map(({ name }) => name)).size },
      leases: { bound: sum(counts, ({ bound }) => bound), declined: sum(counts, ({ declined }) => declined) },
      warnings: [
        ...guests.unknown().map(({ ifname }) => `${ifname} is up, but no frame has come that tells whose it is`),
        ...this.#daemon.warnings,
        ...portForwards.warnings,
        ...passage.warnings,
      ],
      counters: {
        ...frames.counts(),
        dhcp4: leases.dhcp4.counters.toJSON(),
        dhcp6: leases.dhcp6.counters.toJSON(),
        ra: ipv6.advertiser.counters.toJSON(),
        nd: ipv6.learner.counters.toJSON(),
        dns: dns.counters.toJSON(),
        user: await plane.counters(),
      },
    };
  }

  networks(): NetworkView[] {
    const { networks, ports, leases, roster } = this.#daemon;
    return networks.flatMap((network) => {
      const configured = roster.network(network.name);
      if (configured === undefined) return [];
      const books = leases.booksOf(network.name).filter(({ kind }) => kind === "address");
      return networkView(network, configured, {
        guestsAttached: ports.list().filter((port) => port.network.name === network.name).length,
        leasesBound: sum(books, (book) => book.counts().bound),
        poolSize: sum(
          books.filter(({ family }) => family === 4),
          (book) => book.pool.size,
        ),
      });
    });
  }

  guests({ network, names }: GuestFilter): GuestView[] {
    if (network !== undefined) this.#mustHaveNetwork(network);
    const { ports, configuration, counters } = this.#daemon;
    const wanted = names === undefined ? undefined : new Set(names);
    const here = ports.list().filter(({ guest }) => wanted?.has(guest) ?? true);
    const counted = counters.links(here);
    const attached = here.map((port) => this.#guestView(port, counted));
    const isHere = new Set(here.map((port) => `${port.guest} ${port.network.name}`));
    const absent = configuration.guests
      .filter(({ name }) => wanted?.has(name) ?? true)
      .filter((guest) => !isHere.has(`${guest.name} ${guest.network}`))
      .map((guest) => absentView(guest, this.#namesOf(guest.network, guest.name)));
    return [...attached, ...absent]
      .filter((guest) => network === undefined || guest.network === network)
      .sort((one, other) => one.name.localeCompare(other.name));
  }

  traffic(names: readonly string[] | undefined): TrafficListView {
    const { ports, counters, clock } = this.#daemon;
    const wanted = names === undefined ? undefined : new Set(names);
    const here = ports.list().filter(({ guest }) => wanted?.has(guest) ?? true);
    return { at: new Date(clock.nowMs()).toISOString(), guests: counters.ofPorts(here), dropped: counters.dropped() };
  }

  async attach({ ifname, guest, network }: AttachRequest): Promise<GuestView> {
    const port = await this.#daemon.guests.attach({ ifname, guest, network });
    if (port !== undefined) return this.#guestView(port);
    const unknown = this.#daemon.guests.unknown().find((each) => each.ifname === ifname);
    return {
      name: ifname,
      network: unknown?.network.name ?? "",
      state: "attached",
      ifname,
      mac: null,
      ipv4: [],
      ipv6: [],
      public: [],
      names: [],
      attachedAt: null,
      sent: null,
      received: null,
    };
  }

  mac({ guest, network }: MacRequest): MacView {
    return guestMac(this.#daemon, guest, network);
  }

  links({ guest }: LinkFilter): LinkView[] {
    const { ports, links, roster, sockets } = this.#daemon;
    const wanted = ports.list().filter((port) => guest === undefined || port.guest === guest);
    return wanted.flatMap((port) => {
      const link = links.view(port, roster.guest(port.guest, port.network.name)?.queues);
      return link === undefined ? [] : { ...link, socket: sockets.socketOf(port.guest, port.ifname) };
    });
  }

  async makeTap(request: MakeTapRequest): Promise<MadeTapView> {
    const { taps, sockets } = this.#daemon;
    const made = request.socket === undefined ? taps.make(request) : sockets.make(request, request.socket);
    const { port, qemu } = await made;
    return { guest: this.#guestView(port), qemu };
  }

  removeTap(guest: string): Promise<GuestView> {
    const { taps, sockets } = this.#daemon;
    return this.#leaving(guest, () => (sockets.has(guest) ? sockets.remove(guest) : taps.remove(guest)));
  }

  detach(guest: string): Promise<GuestView> {
    return this.#leaving(guest, () => this.#daemon.guests.detachGuest(guest));
  }

  forwards(guest: string | undefined): ForwardView[] {
    const forwards = this.#daemon.portForwards.list(guest);
    if (guest !== undefined && forwards.length === 0) this.#mustKnowGuest(guest);
    return forwards;
  }

  addForward(request: ForwardRequest): Promise<ForwardView> {
    return this.#daemon.portForwards.add(request);
  }

  removeForward(guest: string, forward: string): ForwardView {
    return this.#daemon.portForwards.remove(guest, forward);
  }

  leases(filter: LeaseFilter): LeaseView[] {
    const views: LeaseView[] = [];
    for (const { lease, book } of this.#eachLease(filter.network)) {
      if (filter.guest !== undefined && guestOf(lease) !== filter.guest) continue;
      if (filter.state !== undefined && lease.state !== filter.state) continue;
      if (filter.address !== undefined && lease.address !== parseAddress(filter.address)) continue;
      views.push(leaseView(lease, book));
    }
    if (filter.guest !== undefined && views.length === 0) this.#mustKnowGuest(filter.guest);
    return views;
  }

  async releaseLease(address: string, network: string | undefined): Promise<LeaseView> {
    const wanted = parseAddress(address);
    for (const { lease, book } of this.#eachLease(network)) {
      if (lease.address !== wanted || lease.state !== "bound") continue;
      book.release(lease);
      await this.#daemon.leases.commit.commit();
      return leaseView(lease, book);
    }
    throw new TapnetError("NOT_FOUND", `nobody has a lease of ${address}; see: tapnet lease list`);
  }

  async leaseHistory({ address, guest, at }: TenureFilter): Promise<TenureView[]> {
    const atMs = at === undefined ? undefined : parseTime(at);
    const wanted = address === undefined ? undefined : parseAddress(address);
    const ended = await this.#daemon.leases.store.history({
      ...(wanted === undefined ? {} : { address: wanted }),
      ...(guest === undefined ? {} : { identity: `guest:${guest}` }),
      ...(atMs === undefined ? {} : { fromMs: atMs, toMs: atMs }),
    });
    const open: LeaseRecord[] = [];
    for (const { lease } of this.#eachLease(undefined)) {
      const { record } = lease;
      if (record?.state !== "bound" || (wanted !== undefined && record.address !== wanted)) continue;
      if (guest !== undefined && guestOf(record) !== guest) continue;
      if (atMs === undefined || record.boundAtMs <= atMs) open.push(record);
    }
    if (guest !== undefined && open.length === 0 && ended.length === 0) this.#mustKnowGuest(guest);
    const running = open.map((lease) => tenureView({ lease, endedAtMs: Number.POSITIVE_INFINITY, reason: null }));
    return [...running, ...ended.map(tenureView)];
  }

  async importLeases(imports: readonly LeaseImport[]): Promise<LeaseImportResult> {
    const refused: { address: string; reason: string }[] = [];
    for (const each of imports) {
      const reason = this.#importLease(each);
      if (reason !== undefined) refused.push({ address: each.address, reason });
    }
    await this.#daemon.leases.commit.commit();
    return { imported: imports.length - refused.length, refused };
  }

  dnsNames(network: string | undefined): DnsNameView[] {
    if (network !== undefined) this.#mustHaveNetwork(network);
    const placed = this.#daemon.dns.list(network).map(({ name, type, ttlSeconds, value, source }) => {
      const owner = /^guest ([^/]+)\//.exec(source)?.[1] ?? null;
      return { name, type, value, ttlSeconds, network: owner, source: owner === null ? source : "lease" };
    });
    return [...placed, ...this.#clientNames(network)];
  }

  /** Names of shared links' clients that nobody has asked for yet, as far as they are seen from a network. */
  *#clientNames(from: string | undefined): Generator<DnsNameView> {
    const { configuration, clients } = this.#daemon;
    const sees = configuration.networks.find(({ name }) => name === from)?.dns?.sees;
    for (const { name: network, domain, dns } of configuration.networks) {
      if (dns === undefined || !(from === undefined || from === network || (sees?.includes(network) ?? true))) continue;
      for (const { names, address } of clients.unplaced(network)) {
        const type = typeof address === "number" ? "A" : "AAAA";
        const value = formatAddress(address);
        for (const label of names) {
          yield { name: `${label}.${domain}`, type, value, ttlSeconds: TTL_SECONDS, network, source: "lease" };
        }
      }
    }
  }

  async dnsQuery(name: string, type: string, network: string | undefined): Promise<DnsAnswerView> {
    if (network !== undefined) this.#mustHaveNetwork(network);
    const number = parseType(type);
    if (number === undefined) throw new TapnetError("BAD_REQUEST", `${type} is no DNS type: use A, AAAA, TXT, … or TYPE65280`);
    const startMs = performance.now();
    const answered = await this.#daemon.dns.query(name, number, network);
    const { reply, source } = answered;
    const reason = explainReply(answered, this.#daemon.dns.stats().upstreams);
    return {
      name,
      type: formatType(number),
      status: formatRcode(reply.rcode),
      answers: reply.answers.map((record) => ({
        name: record.name,
        type: formatType(record.type),
        ttlSeconds: record.ttlSeconds,
        value: formatRdata(record.type, record.data),
      })),
      from: source,
      ...(reason === undefined ? {} : { reason }),
      elapsedMs: Math.round((performance.now() - startMs) * 1000) / 1000,
    };
  }

  dnsFlush(name: string | undefined): DnsFlushView {
    return { flushed: this.#daemon.dns.flush(name) };
  }

  dnsStats(): DnsStatsView {
    const { counters, guests, names, openQuestions, tcpConnections, cache } = this.#daemon.dns.stats();
    return {
      ...counters,
      guests,
      names,
      openQuestions,
      tcpConnections,
      cachedAnswers: cache.answers,
      cacheUsedBytes: cache.usedBytes,
    };
  }

  dnsLogs(): DnsLogView[] {
    return this.#daemon.dns.queryLogs().map(({ network, guest }) => ({ network, guest: guest === "" ? null : guest, on: true }));
  }

  setDnsLog({ guest, network: wanted, on }: DnsLogRequest): DnsLogView {
    const network = guest === undefined ? wanted : this.#networkOf(guest);
    if (network === undefined) throw new TapnetError("BAD_REQUEST", "give a guest or a network");
    this.#mustHaveNetwork(network);
    const { dns } = this.#daemon;
    const withAll = guest !== undefined && dns.queryLogs().some((logged) => logged.network === network && logged.guest === "");
    if (withAll && !on) {
      const off = `tapnet dns log --network ${network} off`;
      throw new TapnetError("CONFLICT", `the questions of all guests of ${network} are logged; switch that off: ${off}`);
    }
    dns.setQueryLog(on, network, guest);
    return { network, guest: guest ?? null, on };
  }

  /** Where a guest is attached, or configured to be. Throws NOT_FOUND where it is neither. */
  #networkOf(guest: string): string {
    const { ports, roster } = this.#daemon;
    const network = ports.list().find((port) => port.guest === guest)?.network.name ?? roster.guest(guest)?.network;
    if (network === undefined) throw new TapnetError("NOT_FOUND", `there is no guest ${guest}; see: tapnet guest list`);
    return network;
  }

  configuration(): Readonly<Record<string, unknown>> {
    return describeConfiguration(this.#daemon.configuration);
  }

  subscribe(listener: EventListener): () => void {
    return this.#daemon.events.subscribe(listener);
  }

  /** A guest as it was, once it is not attached any more. */
  async #leaving(guest: string, detach: () => Promise<Port>): Promise<GuestView> {
    const view = this.guests({}).find(({ name }) => name === guest);
    const port = await detach();
    return {
      ...(view ?? this.#guestView(port)),
      state: "configured",
      ifname: null,
      attachedAt: null,
      sent: null,
      received: null,
    };
  }

  #guestView(port: Port, counters = this.#daemon.counters.links([port])): GuestView {
    const { roster, guests } = this.#daemon;
    const names = this.#namesOf(port.network.name, port.guest);
    const configured = roster.guest(port.guest, port.network.name);
    return attachedView(port, configured, names, guests.attachedAtMs(port.ifindex), counters.get(port.ifname));
  }

  #namesOf(network: string, guest: string): readonly string[] {
    return this.#daemon.dns.names.get(network, guest)?.names ?? [];
  }

  *#eachLease(network: string | undefined): Generator<{ lease: Lease; book: LeaseBook }> {
    const { leases } = this.#daemon;
    if (network !== undefined) this.#mustHaveNetwork(network);
    for (const book of network === undefined ? leases.books() : leases.booksOf(network)) {
      for (const lease of book.leases()) yield { lease, book };
    }
  }

  #mustHaveNetwork(name: string): void {
    if (this.#daemon.roster.network(name) === undefined)
      throw new TapnetError("NOT_FOUND", `there is no network ${name}; see: tapnet net list`);
  }

  /** A guest is known while it is attached or configured, or has had a lease that is not forgotten yet. */
  #mustKnowGuest(name: string): void {
    for (const { lease } of this.#eachLease(undefined)) if (guestOf(lease) === name) return;
    this.#networkOf(name);
  }

  /** Takes over one lease; returns why not. */
  #importLease(lease: LeaseImport): string | undefined {
    const address = parseAddress(lease.address);
    const network = this.#daemon.networks.find((each) => covers(each, address));
    const books = network === undefined ? [] : this.#daemon.leases.booksOf(network.name);
    const book = books.find(({ kind, family }) => kind === "address" && family === familyOf(address));
    if (book === undefined) return "no network has this address to give";
    return takeOverLease(lease, address, book, this.#daemon);
  }
}

function parseAddress(text: string): LeaseAddress {
  const address = parseIpv4(text) ?? parseIpv6(text.replace(/\/\d+$/, ""));
  if (address === undefined) throw new TapnetError("BAD_REQUEST", `${text} is no address`);
  return address;
}

function covers({ ipv4, ipv6 }: Network, address: LeaseAddress): boolean {
  if (typeof address === "number") return ipv4 !== undefined && ipv4InPrefix(address, ipv4);
  return ipv6 !== undefined && ipv6InPrefix(address, ipv6);
}

function parseTime(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new TapnetError("BAD_REQUEST", `${text} is no time: write it like 2026-01-31T12:00:00Z`);
  return ms;
}

function sum<Value>(values: readonly Value[], of: (value: Value) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}
