/**
 * Theory of operation
 *
 * Goal: the kernel holds the plan, whoever changes what. `start` looks once and puts everything right; then the kernel's
 * notifications tell what others do. A notification is only a hint: what it says may be overtaken, and our own changes
 * are notified too. So a hint that concerns us makes a look due, a moment later (a firewall reload or a restart of networkd
 * comes as a storm), and at most five times a second, should another program undo our work each time.
 *
 * Links, addresses, routes and neighbours are looked at and put right in one go without waiting in between, so no attach or lease
 * can come in between. A ruleset is loaded by another process, and elements that come meanwhile would be lost with the old
 * table: after each load the sets are compared with the plan.
 */
import type { Clock, Timer } from "../base/clock.js";
import { errorMessage } from "../base/errors.js";
import type { InterfaceAddress, LinkState, Route } from "../base/kernel-objects.js";
import type { Logger } from "../base/log.js";
import { formatPrefix } from "../base/prefix.js";
import { parsePortAlias } from "./alias.js";
import { apply, type OperationFailure } from "./apply.js";
import { bridgeLinks, usableBridgeLinks } from "./bridge.js";
import type { Firewall, Kernel, Subscription, Sysctl } from "./kernel.js";
import { type ClientPrefix, type Network, type Port, PROTOCOL, type Vlan } from "./model.js";
import type { Operation } from "./operation.js";
import { hostSysctls, type KernelState, plan, wantedPort } from "./plan.js";
import { type KernelDump, linkOperations, reconcile } from "./reconcile.js";
import { Rules } from "./rules.js";
import { EMPTY_RULESET } from "./ruleset.js";
import { gatewayAddresses, LOOPBACK_IFINDEX, poolRoutes } from "./state.js";
import type { Traffic } from "./traffic.js";
import { missingUplinks } from "./uplink.js";
import { vlanComplaints } from "./vlan.js";

/** Who knows what is attached. */
export interface PortSource {
  list(): readonly Port[];
  /** The port with this link. */
  get(ifindex: number): Port | undefined;
  linkGone(ifindex: number): void;
  linkRenamed(ifindex: number, name: string): void;
}

export interface UpkeepOptions {
  readonly kernel: Kernel;
  readonly firewall: Firewall;
  readonly sysctl: Sysctl;
  readonly clock: Clock;
  readonly log: Logger;
  readonly networks: readonly Network[];
  /** What goes beyond networks and ports; asked each time. */
  readonly traffic?: (() => Traffic) | undefined;
  /** Asked each time. */
  readonly clientPrefixes?: (() => readonly ClientPrefix[]) | undefined;
  /** This process as the kernel's notifications name it. */
  readonly processId: number;
}

/** A storm is over when nothing has come for so long. */
const SETTLE_MS = 50;
const AT_MOST_EVERY_MS = 200;
/** Objects named in a log line. */
const NAMED_IN_LOG = 5;
const NOTHING_REFUSED: ReadonlyMap<string, Error> = new Map();

/** Keeps the kernel as the plan says. */
export class Upkeep {
  /** Indices of the networks' uplinks, VLANs and their interfaces, bridges and bridges' ports that exist, by name. */
  readonly interfaces = new Map<string, number>();
  readonly #options: UpkeepOptions;
  readonly #ports: PortSource;
  readonly #rules: Rules;
  #networks: readonly Network[];
  #subscriptions: Subscription[] = [];
  #timer: Timer | undefined;
  #repairedAtMs = Number.NEGATIVE_INFINITY;
  #rulesSuspect = false;
  /** What was said of bridges, VLANs and uplinks last: it is said once. */
  #complaints: readonly string[] = [];
  #absent: readonly string[] = [];
  /** VLANs that the kernel did not make, by name. */
  #refusedVlans: ReadonlyMap<string, Error> = new Map();

  constructor(options: UpkeepOptions, ports: PortSource) {
    this.#options = options;
    this.#ports = ports;
    this.#networks = options.networks;
    this.#rules = new Rules(options.firewall, options.log);
  }

  get networks(): readonly Network[] {
    return this.#networks;
  }

  /**
   * Makes the kernel hold the plan and watches it from now on; `networks` are what was found out since this was made. Throws what
   * makes that impossible: no right, no nftables.
   */
  async start(networks: readonly Network[] = this.#networks): Promise<OperationFailure[]> {
    this.#networks = networks;
    this.#watch();
    try {
      const failures = this.reconcile();
      await this.restoreRules();
      return failures;
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Other networks from now on. Ports of networks that are gone must have been detached. */
  async setNetworks(networks: readonly Network[]): Promise<OperationFailure[]> {
    this.#networks = networks;
    const failures = this.reconcile();
    await this.restoreRules();
    return failures;
  }

  /** What people should know of interfaces that networks name, in sentences. */
  get warnings(): readonly string[] {
    return [...this.#complaints, ...this.#absent];
  }

  /** Puts right what differs from the plan, but for the packet filter's rules. Returns what could not be. */
  reconcile(): OperationFailure[] {
    return this.#repair().failures;
  }

  /** Loads the packet filter's rules anew, whatever is there. */
  async restoreRules(): Promise<void> {
    await this.#rules.load(() => this.#plan());
  }

  /** The packet filter is not as it was left: look soon. */
  suspectRules(): void {
    this.#rulesSuspect = true;
    this.#lookSoon();
  }

  /** Stops watching; the kernel stays as it is. May be called again. */
  stop(): void {
    if (this.#timer !== undefined) this.#options.clock.cancel(this.#timer);
    this.#timer = undefined;
    for (const subscription of this.#subscriptions.splice(0)) subscription.close();
  }

  /** Removes every trace of ours; links stay, down and unmarked. Settings of the whole host are whoever's who knows what they were. */
  async cleanup(): Promise<void> {
    this.stop();
    const { kernel, sysctl, firewall } = this.#options;
    const nothing = plan({ networks: [], ports: [], interfaces: this.interfaces });
    const dump = this.#dump();
    apply(reconcile(nothing, dump), kernel, sysctl);
    const batch = kernel.batch();
    for (const { ifindex, alias } of dump.links) {
      if (parsePortAlias(alias) !== undefined) batch.releaseLink(ifindex, { alias: "", group: 0, up: false, master: 0 });
    }
    // Kernels before 5.18 do not keep who made an address.
    for (const address of this.#networks.flatMap((network) => gatewayAddresses(network, this.interfaces)))
      batch.deleteAddress(address);
    const failures = batch.send();
    await firewall.load(EMPTY_RULESET);
    await this.#rules.removeBridgeTable();
    if (failures.length > 0) throw failures[0].error;
  }

  #repair(): { readonly operations: readonly Operation[]; readonly failures: OperationFailure[] } {
    const first = this.#repairOnce();
    const isNew = (operation: Operation): boolean =>
      operation.do === "addBridge" || (operation.do === "addVlan" && !this.#refusedVlans.has(operation.vlan.settings.name));
    if (!first.operations.some(isNew)) return first;
    // Now that it has an index, its ports and addresses can be told.
    const second = this.#repairOnce();
    return { operations: [...first.operations, ...second.operations], failures: [...first.failures, ...second.failures] };
  }

  #repairOnce(): { readonly operations: readonly Operation[]; readonly failures: OperationFailure[] } {
    const { kernel, sysctl, log } = this.#options;
    const dump = this.#dump();
    const present = new Set(dump.links.map(({ ifindex }) => ifindex));
    for (const { ifindex } of this.#ports.list()) if (!present.has(ifindex)) this.#ports.linkGone(ifindex);
    const operations = reconcile(this.#plan(), dump);
    const failures = operations.length === 0 ? [] : apply(operations, kernel, sysctl);
    // Of VLANs it is told what to do.
    const [vlans, others] = apart(failures);
    this.#refusedVlans = vlans;
    this.#tellAbsent(dump.links);
    for (const { error } of others) log.error({ error: error.message }, "the kernel refused a change");
    return { operations, failures: others };
  }

  #tellAbsent(links: readonly LinkState[]): void {
    const vlans = vlanComplaints(this.#networks, links, this.#refusedVlans);
    const absent = [...vlans.values(), ...missingUplinks(this.#networks, this.interfaces)];
    for (const sentence of absent) if (!this.#absent.includes(sentence)) this.#options.log.warn({}, sentence);
    this.#absent = absent;
  }

  #plan(): KernelState {
    const traffic = this.#options.traffic?.();
    const clientPrefixes = this.#options.clientPrefixes?.();
    return plan({ networks: this.#networks, ports: this.#ports.list(), interfaces: this.interfaces, clientPrefixes, traffic });
  }

  #dump(): KernelDump {
    const { kernel, sysctl } = this.#options;
    const [links, addresses] = [kernel.dumpLinks(), kernel.dumpAddresses()];
    this.interfaces.clear();
    for (const link of links) if (this.#isUsed(link)) this.interfaces.set(link.name, link.ifindex);
    for (const name of vlanComplaints(this.#networks, links, NOTHING_REFUSED).keys()) this.interfaces.delete(name);
    const hasBridges = this.#networks.some(({ bridge }) => bridge !== undefined);
    if (hasBridges) this.#findBridges(links, addresses);
    const sysctls = new Map<string, string>();
    for (const { path } of hostSysctls(this.#networks)) {
      const value = sysctl.read(path);
      if (value !== undefined) sysctls.set(path, value);
    }
    const routes = kernel.dumpRoutes(PROTOCOL);
    const bridgeStations = hasBridges ? kernel.dumpBridgeStations() : [];
    return { links, addresses, routes, neighbours: kernel.dumpNeighbours(), bridgeStations, sysctls };
  }

  #findBridges(links: readonly LinkState[], addresses: readonly InterfaceAddress[]): void {
    const { usable, complaints } = usableBridgeLinks(this.#networks, links, addresses);
    for (const [name, ifindex] of usable) this.interfaces.set(name, ifindex);
    for (const complaint of complaints) if (!this.#complaints.includes(complaint)) this.#options.log.warn({}, complaint);
    this.#complaints = complaints;
  }

  #watch(): void {
    const { kernel, firewall, processId } = this.#options;
    this.#subscriptions.push(
      kernel.watch({
        onLink: (link, deleted) => this.#onLink(link, deleted),
        onAddress: (address, deleted) => deleted && this.#onAddressDeleted(address),
        onRoute: (route, deleted) => deleted && this.#onRouteDeleted(route),
        onOverrun: () => this.#lookSoon(),
      }),
      firewall.watch({
        onChange: (tables, changedBy) => {
          if (changedBy !== processId && tables.some(({ name }) => name === "tapnet")) this.suspectRules();
        },
        onOverrun: () => this.suspectRules(),
      }),
    );
  }

  #onLink(link: LinkState, deleted: boolean): void {
    const known = this.interfaces.get(link.name);
    const isNamed = this.#networks.some(
      ({ uplink, serve, vlans }) => uplink === link.name || serve.includes(link.name) || isOfVlan(link.name, vlans),
    );
    if (isNamed && known !== (!deleted && this.#isUsed(link) ? link.ifindex : undefined)) this.#lookSoon();
    if (this.#isOfBridge(link.name) && (deleted || known !== link.ifindex || this.#differsFromBridge(link))) this.#lookSoon();
    const port = this.#ports.get(link.ifindex);
    if (port === undefined) return;
    if (deleted) {
      this.#ports.linkGone(link.ifindex);
      return;
    }
    if (link.name !== port.ifname) this.#ports.linkRenamed(link.ifindex, link.name);
    if (this.#differs(port, link) && this.#differs(port, this.#options.kernel.link(link.ifindex))) this.#lookSoon();
  }

  /** Uplinks, and interfaces that are served as long as they are up: a link that is down takes no routes. */
  #isUsed({ name, up }: LinkState): boolean {
    return this.#networks.some(
      ({ uplink, serve, vlans }) => uplink === name || (up && serve.includes(name)) || isOfVlan(name, vlans),
    );
  }

  #isOfBridge(name: string): boolean {
    return this.#networks.some(({ bridge }) => bridge !== undefined && (bridge.name === name || bridge.ports.includes(name)));
  }

  /** What a notification says is looked at again: it may be older than what we did since. */
  #differsFromBridge(link: LinkState): boolean {
    const wanted = bridgeLinks(this.#networks, this.interfaces).find(({ ifindex }) => ifindex === link.ifindex);
    if (wanted === undefined || linkOperations(wanted, link).length === 0) return false;
    return linkOperations(wanted, this.#options.kernel.link(link.ifindex)).length > 0;
  }

  #differs(port: Port, link: LinkState | undefined): boolean {
    return linkOperations(wantedPort(port, this.interfaces), link).length > 0;
  }

  #onAddressDeleted({ ifindex, address }: InterfaceAddress): void {
    const isGateway = this.#networks.some(({ gatewayIpv4, gatewayIpv6 }) => gatewayIpv4 === address || gatewayIpv6 === address);
    const isOurs = ifindex === LOOPBACK_IFINDEX || [...this.interfaces.values()].includes(ifindex);
    if ((isGateway && isOurs) || this.#ports.get(ifindex) !== undefined) this.#lookSoon();
  }

  #onRouteDeleted(route: Route): void {
    if (route.protocol !== PROTOCOL) return;
    const port = this.#ports.get(route.ifindex);
    const poolsOf = (network: Network): readonly Route[] => poolRoutes(network, this.interfaces);
    const wanted =
      port === undefined
        ? this.#isOfClient(route) ||
          this.#networks.flatMap(poolsOf).some(({ prefix }) => formatPrefix(prefix) === formatPrefix(route.prefix))
        : port.bindings.some(({ address }) => address === route.prefix.address) ||
          port.network.publics.get(port.guest)?.includes(route.prefix.address) === true;
    if (wanted) this.#lookSoon();
  }

  #isOfClient(route: Route): boolean {
    return this.#options.clientPrefixes?.().some(({ address }) => address === route.prefix.address) === true;
  }

  #lookSoon(): void {
    const { clock } = this.#options;
    if (this.#timer !== undefined) clock.cancel(this.#timer);
    const rest = this.#repairedAtMs + AT_MOST_EVERY_MS - clock.monotonicMs();
    this.#timer = clock.after(Math.max(SETTLE_MS, rest), () => {
      this.#timer = undefined;
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#options;
    this.#repairedAtMs = clock.monotonicMs();
    try {
      const { operations } = this.#repair();
      if (operations.length > 0) {
        const first = operations.slice(0, NAMED_IN_LOG).map((operation) => operation.do);
        log.warn({ operations: operations.length, first }, "something changed our kernel state: put back");
      }
      if (this.#rulesSuspect) {
        this.#rulesSuspect = false;
        await this.#rules.check(() => this.#plan());
      }
    } catch (error) {
      log.error({ error: errorMessage(error) }, "kernel state could not be put back");
    }
  }
}

/** Whether a link is a VLAN of ours, or has one. */
function isOfVlan(ifname: string, vlans: readonly Vlan[]): boolean {
  return vlans.some(({ name, link }) => name === ifname || link === ifname);
}

/** VLANs that were not made, by name, each with the first that was refused about it; and all other failures. */
function apart(failures: readonly OperationFailure[]): readonly [Map<string, Error>, OperationFailure[]] {
  const vlans = new Map<string, Error>();
  const others: OperationFailure[] = [];
  for (const failure of failures) {
    const { operation, error } = failure;
    if (operation.do !== "addVlan") others.push(failure);
    else if (!vlans.has(operation.vlan.settings.name)) vlans.set(operation.vlan.settings.name, error);
  }
  return [vlans, others];
}
