/**
 * Theory of operation
 *
 * Start goes up in an order in which nothing promises what is not there yet: another daemon is looked for, then leases are
 * read, names and frames made ready, what is attached adopted, the kernel brought to the plan, and only then do the sockets
 * open on which somebody may ask. Stop goes down the other way and leaves the kernel as it is: guests do not notice. A start
 * that fails half-way stops what it has begun.
 *
 * The daemon holds no data path. Killed at any moment, it finds everything again: leases in the store, ports on their links,
 * the rest by comparing plan and kernel.
 */

import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { type Clock, systemClock } from "../base/clock.js";
import { errorMessage, fileReason, TapnetError } from "../base/errors.js";
import type { Ipv6Address } from "../base/ipv6-address.js";
import type { IpAddress } from "../base/kernel-objects.js";
import type { Logger } from "../base/log.js";
import { systemRandom } from "../base/random.js";
import type { Configuration } from "../config/index.js";
import { AccessList, ControlServer, controlSocket, HookServer, hookSocket, hostAccounts, relaySocket } from "../control/index.js";
import type { Budget } from "../frame/budget.js";
import { FramePath } from "../frame/frame-path.js";
import type { Link } from "../frame/link.js";
import { Ports } from "../guest/ports.js";
import type { LeaseRecord } from "../lease/lease.js";
import type { Network } from "../network/model.js";
import { BRIDGED_IPV6, BRIDGED_MACS } from "../network/ruleset.js";
import { Upkeep } from "../network/upkeep.js";
import type { DnsService } from "../services/dns/service.js";
import { ServiceState } from "./service-state.js";
import { AdvertisedMemory } from "./wiring/advertised-memory.js";
import { ClientNames } from "./wiring/client-names.js";
import { ClientPrefixes } from "./wiring/client-prefixes.js";
import { DaemonApi } from "./wiring/control-api.js";
import { configureDns, DnsSockets, makeDns } from "./wiring/dns.js";
import { effectiveConfiguration, networksOf } from "./wiring/effective.js";
import { EventLog } from "./wiring/event-log.js";
import { AddressFollowers } from "./wiring/followers.js";
import { dnsBudget, frameBindings } from "./wiring/frame-bindings.js";
import { GuestCounters } from "./wiring/guest-counters.js";
import { GuestAddresses, PortFrames, PortNames, portLinks } from "./wiring/guest-services.js";
import { Guests } from "./wiring/guests.js";
import { HookSocket } from "./wiring/hook-socket.js";
import { DaemonHooks } from "./wiring/hooks.js";
import { HostLookups } from "./wiring/host-lookup.js";
import { loadIdentity } from "./wiring/identity.js";
import { Ipv6 } from "./wiring/ipv6.js";
import { checkHost, hostId, type KernelParts, openKernel } from "./wiring/kernel.js";
import { LeaseBinder } from "./wiring/lease-binder.js";
import { guestOf } from "./wiring/lease-owner.js";
import { Leases } from "./wiring/leases.js";
import type { DaemonParts } from "./wiring/parts.js";
import { Passage } from "./wiring/passage.js";
import { PortForwards } from "./wiring/port-forwards.js";
import { PortLinks } from "./wiring/port-links.js";
import { awaitPredecessor } from "./wiring/predecessor.js";
import { ReadyTaps } from "./wiring/ready-taps.js";
import { Rehearsal, settleShapes } from "./wiring/rehearsal.js";
import { Relay } from "./wiring/relay.js";
import { Roster } from "./wiring/roster.js";
import { SharedLinks } from "./wiring/shared-links.js";
import { SocketGuests } from "./wiring/socket-guests.js";
import { GuestTraffic } from "./wiring/traffic.js";
import { UplinkMemory } from "./wiring/uplink-memory.js";
import { UplinkPrefixes } from "./wiring/uplink-prefixes.js";
import { UserPlane } from "./wiring/user-plane.js";

export class Daemon implements DaemonParts {
  readonly clock: Clock = systemClock;
  readonly startedAtMs = this.clock.nowMs();
  readonly log: Logger;
  readonly rootless: boolean;
  readonly state: ServiceState;
  readonly events: EventLog;
  readonly dns: DnsService;
  readonly clients: ClientNames;
  readonly frames: FramePath;
  /** As the frame path has it; changed in place by a reload. */
  readonly #dnsBudget: Budget;
  readonly ports: Ports;
  readonly guests: Guests;
  readonly links = new PortLinks();
  readonly counters: GuestCounters;
  readonly taps: ReadyTaps;
  readonly plane: UserPlane;
  readonly sockets: SocketGuests;
  readonly ipv6: Ipv6;
  /** In effect: with what uplinks have for us filled in. */
  configuration: Configuration;
  roster: Roster;
  networks: readonly Network[];
  /** As it was written. */
  #written: Configuration;
  readonly #uplinks: UplinkPrefixes;
  readonly #kernel: KernelParts;
  readonly #upkeep: Upkeep;
  readonly portForwards: PortForwards;
  /** Carries forwards where the host's ports are not ours. */
  readonly #relay: Relay | undefined;
  readonly passage: Passage;
  readonly traffic: GuestTraffic;
  readonly #names: AddressFollowers;
  readonly #clientPrefixes: ClientPrefixes;
  readonly #portFrames: PortFrames;
  readonly #addresses: GuestAddresses;
  readonly #sharedLinks: SharedLinks;
  readonly #dnsSockets: DnsSockets;
  readonly #hostLookups: HostLookups;
  /** What is to be done to stop, last first. */
  readonly #undo: (() => void | Promise<void>)[] = [];
  #leases: Leases | undefined;
  /** While it is under way. */
  #rehearsal: Rehearsal | undefined;
  /** Changes of the configuration are carried out one after another. */
  #changing: Promise<void> = Promise.resolve();

  private constructor(configuration: Configuration, kernel: KernelParts, log: Logger, rootless = false) {
    const { clock } = this;
    this.log = log;
    this.rootless = rootless;
    this.#written = configuration;
    this.state = new ServiceState(configuration, log, clock);
    this.#kernel = kernel;
    this.counters = new GuestCounters();
    this.#uplinks = this.#makeUplinks();
    this.configuration = this.#effective();
    this.roster = new Roster(this.configuration);
    this.networks = networksOf(this.configuration, hostId());
    this.events = new EventLog(clock, log);
    this.dns = makeDns(configuration.dns, { clock, random: systemRandom(), log });
    this.#dnsBudget = dnsBudget(this.configuration.dns.rateLimit);
    this.clients = new ClientNames({
      names: this.dns.names,
      networks: () => this.configuration.networks.filter((network) => network.dns !== undefined),
      books: (network) => this.leases.booksOf(network),
    });
    this.frames = new FramePath({
      commit: () => this.leases.commit.commit(),
      clock,
      log,
      listener: {
        onFirstFrame: (link, mac) => this.guests.recognise(link, mac),
        onLinkGone: (link) => this.guests.linkGone(link),
      },
    });
    const onRefused = (): void => this.#upkeep.suspectRules();
    this.#relay = rootless ? new Relay(relaySocket(configuration.runDirectory), log) : undefined;
    this.traffic = new GuestTraffic({
      kernel: this.#kernel,
      clock,
      log,
      roster: () => this.roster,
      onRefused,
      follow: (...what) => this.#relay?.set(...what),
    });
    this.portForwards = this.#makePortForwards();
    this.passage = new Passage({ ...this.#kernel, clock, log, configuration: () => this.configuration });
    const routes = (guest: string, network: string) => this.#isRoutedHere(guest, network);
    this.plane = new UserPlane({ log, routes, threads: availableParallelism() - 1 });
    this.#names = new AddressFollowers(new PortNames(this.dns, () => this.roster), [this.traffic, this.plane]);
    const owner = (network: string, address: Ipv6Address) => this.#ownerOf(network, address);
    this.ipv6 = new Ipv6({
      clock,
      log,
      owner,
      sender: this.frames.sender,
      ports: () => this.ports,
      names: this.#names,
      attaching: (guest, network) => this.guests.attaching(guest, network),
      advertised: new AdvertisedMemory(configuration.stateDirectory, log),
    });
    this.#portFrames = new PortFrames(this.frames, this.ipv6, this.#kernel.kernel, () => this.roster);
    this.#addresses = new GuestAddresses({ owner, roster: () => this.roster, books: (network) => this.leases.booksOf(network) });
    this.ports = this.#makePorts();
    this.#clientPrefixes = new ClientPrefixes({
      kernel: this.#kernel.kernel,
      log,
      networks: () => this.networks,
      book: (network) => this.leases.dhcp6.book(network, "prefix"),
    });
    const traffic = () => this.traffic.traffic;
    const clientPrefixes = () => this.#clientPrefixes.list();
    const processId = process.pid;
    this.#upkeep = new Upkeep(
      { ...this.#kernel, clock, log, networks: this.networks, traffic, clientPrefixes, processId },
      this.ports,
    );
    this.guests = new Guests({
      kernel: this.#kernel.kernel,
      ports: this.ports,
      frames: this.#portFrames,
      roster: () => this.roster,
      network: (name) => this.networks.find((network) => network.name === name),
      events: this.events,
      log,
    });
    this.taps = new ReadyTaps({ guests: this.guests, roster: () => this.roster, ports: () => this.ports.list() });
    this.sockets = this.#makeSocketGuests();
    this.#sharedLinks = new SharedLinks({ kernel: this.#kernel.kernel, path: this.frames, log, follower: this.ipv6 });
    this.#dnsSockets = new DnsSockets(this.dns, log);
    this.#hostLookups = new HostLookups({ ...this.#kernel, clock, random: systemRandom(), log });
  }

  /** Starts to serve; `rootless` in a namespace that nobody reaches from outside. Throws what makes that impossible, with nothing left running. */
  static async start(configuration: Configuration, log: Logger, rootless = false): Promise<Daemon> {
    checkHost();
    await awaitPredecessor(configuration.runDirectory, log);
    // First of all that speaks to the kernel: it says in a sentence what the kernel lacks.
    const kernel = openKernel(configuration.runDirectory, log);
    await settleShapes(kernel, systemClock);
    const daemon = new Daemon(configuration, kernel, log, rootless);
    try {
      // What uplinks have to say meanwhile waits until everything is there.
      await daemon.#inTurn(() => daemon.#rise());
      return daemon;
    } catch (thrown) {
      await daemon.#fall();
      throw thrown;
    }
  }

  /** Removes every trace of tapnet from this host's kernel. Leases stay. */
  static async cleanup(configuration: Configuration, log: Logger): Promise<void> {
    await awaitPredecessor(configuration.runDirectory, log);
    const daemon = new Daemon(configuration, openKernel(configuration.runDirectory, log), log);
    try {
      await daemon
        .#bidFarewell()
        .catch((thrown: unknown) => log.warn({ error: errorMessage(thrown) }, "guests were told no farewell"));
      await daemon.#upkeep.cleanup();
      await daemon.passage.cleanup();
      daemon.#kernel.shaper.removeOthers(new Set());
      daemon.#kernel.sysctl.putBack(daemon.#otherRouters());
    } finally {
      await daemon.stop();
    }
  }

  get leases(): Leases {
    if (this.#leases === undefined) throw new TapnetError("UNAVAILABLE", "the lease store is not open");
    return this.#leases;
  }

  /** Another configuration from now on. Where it cannot be applied whole, the reasons are logged. */
  async reload(configuration: Configuration): Promise<void> {
    await this.#inTurn(async () => {
      this.#written = configuration;
      this.#uplinks.configure(configuration);
      await this.#apply();
      this.events.tell({ kind: "configuration.loaded", message: `the configuration ${configuration.source} is in effect` });
      this.state.loaded(configuration, this.networks.length);
    });
  }

  async #inTurn(change: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => undefined);
    await changed;
  }

  #effective(): Configuration {
    return effectiveConfiguration(this.#written, (uplink, source) => this.#uplinks.find(uplink, source));
  }

  /** What is written, with what uplinks have for us, from now on. */
  async #apply(): Promise<void> {
    const before = this.networks;
    const configuration = this.#assume();
    for (const port of this.ports.setNetworks(this.networks)) await this.ports.detach(port.ifindex);
    this.leases.configure(configuration, this.networks);
    this.ipv6.configure(configuration, this.networks);
    for (const { name } of before) if (this.roster.network(name) === undefined) this.dns.removeNetwork(name);
    Object.assign(this.#dnsBudget, dnsBudget(configuration.dns.rateLimit));
    configureDns(this.dns, configuration, this.networks);
    const failures = await this.#applyTraffic();
    await this.passage.look();
    for (const { error } of failures)
      this.log.error({ error: error.message }, "part of the new configuration could not be applied");
    this.plane.configure(this.networks);
    for (const port of this.ports.list()) {
      this.#portFrames.recognise(port);
      this.#names.add(port);
    }
    this.#serveLinks();
  }

  /** Forwards, limits, lists and networks. A relay opens no port before what bounds it is in force. */
  #applyTraffic(): ReturnType<Upkeep["setNetworks"]> {
    const apply = () => {
      this.portForwards.configure();
      this.traffic.configure(this.configuration, this.dns);
      return this.#upkeep.setNetworks(this.networks);
    };
    return this.#relay === undefined ? apply() : this.#relay.hold(apply);
  }

  #assume(): Configuration {
    this.configuration = this.#effective();
    this.roster = new Roster(this.configuration);
    this.networks = networksOf(this.configuration, hostId());
    return this.configuration;
  }

  /** What people should know of the configuration, of uplinks and bridges, in sentences. */
  get warnings(): readonly string[] {
    return [...this.state.warnings, ...this.#upkeep.warnings];
  }

  /** Ends serving; what is in the kernel stays, so guests do not notice. May be called again. */
  async stop(): Promise<void> {
    this.state.stopping();
    for (const undo of this.#undo.splice(0).toReversed()) {
      try {
        await undo();
      } catch (thrown) {
        this.log.error({ error: errorMessage(thrown) }, "a part could not be stopped in order");
      }
    }
    this.events.flush();
    this.links.close();
    this.counters.close();
    this.#kernel.close();
  }

  /** A start that failed: guests of an earlier life keep what they have; where there are none, nothing is left behind. */
  async #fall(): Promise<void> {
    if (this.ports.list().length === 0) {
      await this.#upkeep
        .cleanup()
        .then(() => this.#kernel.sysctl.putBack(this.#otherRouters()))
        .catch((thrown: unknown) => this.log.debug({ error: errorMessage(thrown) }, "clean-up after a failed start"));
    }
    await this.stop();
  }

  #ownAddresses(): IpAddress[][] {
    const byLink = new Map<number, IpAddress[]>();
    for (const { ifindex, address } of this.#kernel.kernel.dumpAddresses())
      byLink.set(ifindex, [...(byLink.get(ifindex) ?? []), address]);
    return [...byLink.values()];
  }

  /** Links of others, once ours are gone, for which this host may have to forward: Docker's, libvirt's, a VPN's. */
  #otherRouters(): string[] {
    const links = this.#kernel.kernel.dumpLinks();
    return links.filter(({ kind, up }) => up && ["bridge", "tun", "wireguard"].includes(kind)).map(({ name }) => name);
  }

  async #rise(): Promise<void> {
    const { log, clock } = this;
    makeDirectory(this.configuration.runDirectory, 0o755);
    makeDirectory(this.configuration.stateDirectory, 0o700);
    this.#undo.push(() => this.#uplinks.close());
    this.#uplinks.configure(this.#written);
    const configuration = this.#assume();
    await this.#openLeases();
    configureDns(this.dns, configuration, this.networks);
    await this.dns.start();
    this.#undo.push(() => this.dns.stop());
    const { dhcp4, dhcp6, probe } = this.leases;
    const { advertiser, learner } = this.ipv6;
    const dns = this.dns.frames(this.frames.sender);
    const probes = ({ guest, network }: Link) => guest === undefined && this.roster.network(network)?.dhcp?.probe === true;
    this.frames.open(frameBindings({ dhcp4, dhcp6, advertiser, learner, arp: probe, probes, dns, dnsBudget: this.#dnsBudget }));
    this.#undo.push(() => this.frames.close());
    this.ipv6.configure(configuration, this.networks);
    this.#undo.push(() => this.ipv6.close());
    this.portForwards.load(configuration);
    this.portForwards.configure();
    this.#undo.push(() => this.#relay?.close());
    this.traffic.configure(configuration, this.dns);
    await this.#takeOver();
    this.#kernel.shaper.removeOthers(new Set(this.ports.list().map(({ ifindex }) => ifindex)));
    this.#undo.push(() => this.#upkeep.stop());
    for (const { error } of await this.#upkeep.start(this.networks))
      log.error({ error: error.message }, "part of the plan could not be applied");
    this.traffic.open();
    // Not before guests are known that are attached: ports that lead to them are to stay.
    this.#relay?.open();
    this.#undo.push(() => this.passage.close());
    await this.passage.start();
    this.#undo.push(() => this.sockets.close());
    await this.sockets.recall();
    this.#serveLinks();
    this.#undo.push(() => this.#sharedLinks.close());
    this.#undo.push(() => this.#dnsSockets.close());
    this.#undo.push(() => this.#hostLookups.close());
    await this.#hostLookups.settled();
    // After the last program is run: each is a fork, after which every page is copied again when it is first written.
    const rehearsal = await Rehearsal.begin({ kernel: this.#kernel, store: this.leases.store, frames: this.frames, clock });
    this.#rehearsal = rehearsal;
    this.#undo.push(() => this.#rehearsal?.close());
    await this.#openSockets();
    this.state.ready(this.networks.length);
    void rehearsal.goOn().finally(() => {
      this.#rehearsal = undefined;
    });
    const startMs = Math.round(clock.nowMs() - this.startedAtMs);
    log.info({ networks: this.networks.map(({ name }) => name), guests: this.ports.list().length, startMs }, "serving");
  }

  async #openLeases(): Promise<void> {
    const { configuration, networks, clock, log, events } = this;
    const binder = new LeaseBinder({
      ports: () => this.ports,
      names: this.#names,
      clients: this.clients,
      clientPrefixes: this.#clientPrefixes,
      roster: () => this.roster,
      events,
      log,
      withdraw: (network, address) => this.ipv6.learner.withdraw(network, address),
      attaching: (guest, network) => this.guests.attaching(guest, network),
      takeBack: (lease) => this.#takeBack(lease),
    });
    this.#leases = await Leases.open({ configuration, networks, events: binder, sender: this.frames.sender, clock, log });
    this.#undo.push(() => this.leases.close());
    this.clients.recall();
    this.#clientPrefixes.recall();
    this.dns.lateNames = this.clients;
  }

  #takeBack(record: LeaseRecord | undefined): void {
    if (record === undefined) return;
    // Not in the middle of the commit that has brought it.
    setImmediate(() => {
      for (const book of this.leases.booksOf(record.network)) {
        const lease = book.kind === record.kind && book.family === record.family ? book.at(record.address) : undefined;
        if (lease?.record?.identity === record.identity) book.release(lease);
      }
      void this.leases.commit.commit();
    });
  }

  /** What an earlier life of this process has attached. */
  async #takeOver(): Promise<void> {
    const { kernel, firewall } = this.#kernel;
    this.#addresses.recall(
      kernel.dumpNeighbours(),
      [BRIDGED_IPV6, BRIDGED_MACS].flatMap((set) => firewall.stations(set)),
    );
    const strangers = await this.ports.adopt(this.networks);
    this.#addresses.recall([], []);
    for (const { name, alias } of strangers) {
      this.log.warn({ ifname: name, alias }, "an interface is marked for a network that is not configured any more: left alone");
    }
    this.guests.adopted(this.clock.nowMs());
  }

  async #openSockets(): Promise<void> {
    const { configuration, log } = this;
    const { runDirectory } = configuration;
    const accounts = hostAccounts();
    const hooks = new HookServer({
      listener: new HookSocket(hookSocket(runDirectory)),
      api: new DaemonHooks(this),
      access: () => new AccessList(this.configuration.access, accounts),
      bridgeConf: () => this.configuration.bridgeConf,
      uid: process.getuid?.() ?? 0,
      log,
    });
    this.#undo.push(() => hooks.close());
    const control = await ControlServer.listen({
      api: new DaemonApi(this),
      runDirectory,
      socketPath: controlSocket(runDirectory),
      gid: accounts.groupId(configuration.controlGroup),
      log,
    });
    this.#undo.push(() => control.close());
  }

  #serveLinks(): void {
    this.#sharedLinks.configure(this.configuration.networks, (name) => this.networks.find((network) => network.name === name));
    const withDns = this.networks.filter(({ name }) => this.roster.network(name)?.dns !== undefined);
    const servers = withDns
      .flatMap(({ gatewayIpv4, gatewayIpv6 }) => [gatewayIpv4, gatewayIpv6])
      .filter((address) => address !== undefined);
    this.#dnsSockets.serve(servers);
    this.#hostLookups.serve({ servers: this.configuration.dns.tellResolved ? servers : [], domains: this.dns.zones() });
  }

  #makeUplinks(): UplinkPrefixes {
    const { clock, log } = this;
    const { stateDirectory } = this.#written;
    return new UplinkPrefixes({
      kernel: this.#kernel.kernel,
      clock,
      log,
      memory: new UplinkMemory(stateDirectory, clock, log),
      duid: () => loadIdentity(stateDirectory).duid,
      onChange: (what) => void this.#inTurn(() => this.#uplinkChanged(what)).catch((thrown: unknown) => this.#blame(thrown)),
    });
  }

  /** An uplink has another prefix for us, or the same for longer. */
  async #uplinkChanged(what: "prefixes" | "lifetimes"): Promise<void> {
    if (what === "prefixes") {
      await this.#apply();
      return;
    }
    const configuration = this.#assume();
    this.leases.configure(configuration, this.networks);
    this.ipv6.configure(configuration, this.networks);
  }

  #blame(thrown: unknown): void {
    this.log.error({ error: errorMessage(thrown) }, "what an uplink has for us could not be put into effect");
  }

  /** Guests hear that there is no router here any more (RFC 4861 §6.2.5). */
  async #bidFarewell(): Promise<void> {
    this.frames.open({ datagrams: [] });
    this.ipv6.bidFarewell(this.configuration, this.networks, portLinks(this.#kernel.kernel, this.networks));
    await this.frames.close();
  }

  /** Whose an IPv6 address is by lease or configuration; `""` for the gateway's and what clients of shared links have. */
  #ownerOf(network: string, address: Ipv6Address): string | undefined {
    if (this.networks.some(({ gatewayIpv6 }) => gatewayIpv6 === address)) return "";
    const lease = this.leases.dhcp6.book(network, "address")?.at(address);
    if (lease?.state === "bound") return guestOf(lease) ?? "";
    return this.roster.guestWithIpv6(address)?.name;
  }

  #makeSocketGuests(): SocketGuests {
    const { guests, plane, log, configuration } = this;
    const { runDirectory, stateDirectory, controlGroup } = configuration;
    const gid = hostAccounts().groupId(controlGroup);
    return new SocketGuests({ guests, plane, roster: () => this.roster, runDirectory, stateDirectory, gid, log });
  }

  /** A guest with limits or lists is the kernel's, which keeps them. */
  #isRoutedHere(guest: string, name: string): boolean {
    const network = this.roster.network(name);
    if (network?.dataplane !== "user") return false;
    const { limit, egress, ingress } = this.roster.guest(guest, name) ?? network;
    return limit === undefined && egress === undefined && ingress === undefined;
  }

  #makePortForwards(): PortForwards {
    return new PortForwards({
      forwards: this.traffic.forwards,
      configuration: () => this.configuration,
      networkOf: (name) =>
        this.roster.guest(name)?.network ?? this.ports.list().find(({ guest }) => guest === name)?.network.name,
      restoreRules: () => this.#upkeep.restoreRules(),
      ownAddresses: () => this.#ownAddresses(),
      relay: this.#relay,
      log: this.log,
    });
  }

  #makePorts(): Ports {
    const interfaces = () => this.#upkeep.interfaces;
    return new Ports({
      ...this.#kernel,
      addresses: this.#addresses,
      frames: this.#portFrames,
      names: this.#names,
      log: this.log,
      get interfaces() {
        return interfaces();
      },
      onGuardRefused: () => this.#upkeep.suspectRules(),
      onGone: (port) => this.guests.gone(port),
    });
  }
}

function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (thrown) {
    throw new TapnetError("DIRECTORY", `the directory ${path} cannot be made: ${fileReason(thrown)}`, { cause: thrown });
  }
}
