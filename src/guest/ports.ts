/**
 * Theory of operation
 *
 * The ports that are attached, and how one comes to be and ends. Attach and detach are steps with an undo each
 * (`attach-steps.ts`); they wait for the lease store and the frame socket, so two for the same link could meet: each link is
 * busy until the first is done, and the second is refused. `bind` and `unbind` do not wait for anything.
 *
 * The kernel is the record: a port is marked on its link, so after a restart `adopt` finds what is attached without a file,
 * and a link that disappeared in the meantime needs no clearing up. A link that disappears under us takes its routes and
 * neighbours along; we remove the rest.
 */
import { TapnetError } from "../base/errors.js";
import type { LinkState } from "../base/kernel-objects.js";
import type { Logger } from "../base/log.js";
import type { Mac } from "../base/mac.js";
import { parsePortAlias } from "../network/alias.js";
import type { Firewall, Kernel, Sysctl } from "../network/kernel.js";
import type { Binding, Network, Port } from "../network/model.js";
import { setsOf } from "../network/ruleset.js";
import { mayBeBound, stationState } from "../network/state.js";
import { attachSteps } from "./attach-steps.js";
import { type BindRequest, bindAll, explainForeignStation, type Outcome, type UnbindRequest, unbindAll } from "./bind.js";
import { AttachedPort, PortTable } from "./port-table.js";
import type { Addresses, Frames, Names } from "./services.js";
import { carryOut, type Step, type StepTargets, undo } from "./steps.js";

export interface PortsOptions {
  readonly kernel: Kernel;
  readonly firewall: Firewall;
  readonly sysctl: Sysctl;
  readonly addresses: Addresses;
  readonly frames: Frames;
  readonly names: Names;
  readonly log: Logger;
  /** Indices of the interfaces that networks name, of those that exist, by name; kept up to date by its owner. */
  readonly interfaces: ReadonlyMap<string, number>;
  /** The kernel refused a change, perhaps because the packet filter's tables are gone. */
  onGuardRefused(): void;
  /** A port's link has disappeared; the port is gone already. */
  onGone(port: Port): void;
}

export interface AttachRequest {
  readonly ifname: string;
  readonly guest: string;
  readonly network: Network;
  /** The guest's MAC address where it is configured; what it may send from on a bridge. */
  readonly mac?: Mac | undefined;
  /** What the kernel says of the link, by whoever has just asked. */
  readonly link?: LinkState | undefined;
}

/** Everything that is attached, and what is done to it. */
export class Ports {
  readonly #options: PortsOptions;
  readonly #table = new PortTable();
  readonly #busy = new Set<string>();
  readonly #targets: StepTargets;

  constructor(options: PortsOptions) {
    this.#options = options;
    const { kernel, firewall, log } = options;
    this.#targets = {
      kernel,
      firewall,
      onUndoFailure: (step, error) => log.error({ step: step.describe, error: String(error) }, "a step could not be undone"),
    };
  }

  list(): readonly Port[] {
    return this.#table.list();
  }

  get(ifindex: number): Port | undefined {
    return this.#table.get(ifindex);
  }

  ofGuest(guest: string, network: string): Port | undefined {
    return this.#table.ofGuest(guest, network);
  }

  /**
   * Attaches a guest's link to a network; when it resolves, everything is in place. Attaching again what is attached so already
   * does nothing. What fails leaves nothing behind: TapnetError `NO_LINK`, `LINK_TAKEN`, `GUEST_ATTACHED` or `LINK_BUSY`, or
   * what the kernel or a service said.
   */
  async attach(request: AttachRequest): Promise<Port> {
    const { ifname, guest, network, mac } = request;
    return this.#alone([ifname, guestKey(guest, network)], async () => {
      const link = request.link ?? this.#options.kernel.link(ifname);
      if (link === undefined)
        throw new TapnetError("NO_LINK", `there is no interface ${ifname}: create the TAP before attaching it`);
      const present = this.#table.get(link.ifindex);
      if (present !== undefined && present.guest === guest && present.network.name === network.name) return present;
      this.#refuseTaken(request, present);
      this.#refuseBridge(network);
      const station = network.bridge === undefined ? undefined : mac;
      return this.#attachNew(new AttachedPort({ ifindex: link.ifindex, ifname: link.name, guest, network, station }), link);
    });
  }

  /** Takes a guest off its network and its link out of service. Leases stay. What cannot be undone is logged. */
  async detach(ifindex: number): Promise<void> {
    const port = this.#table.get(ifindex);
    if (port === undefined) throw new TapnetError("NO_PORT", `link ${ifindex} is no port of a guest: nothing to detach`);
    await this.#alone([port.ifname, guestKey(port.guest, port.network)], async () => {
      const steps = this.#steps(port, undefined);
      this.#table.remove(port);
      await undo(steps, this.#targets);
    });
  }

  /**
   * Takes over what is attached already, as the links say, at the start: nothing is changed in the kernel but what differs
   * from the plan, and that is `Upkeep.start`'s. Links that are marked but belong to no network of ours are returned.
   */
  async adopt(networks: readonly Network[]): Promise<readonly LinkState[]> {
    const { kernel, addresses, frames, names, log } = this.#options;
    const byName = new Map(networks.map((network) => [network.name, network]));
    const strangers: LinkState[] = [];
    for (const link of kernel.dumpLinks()) {
      const alias = parsePortAlias(link.alias);
      if (alias === undefined) continue;
      const network = byName.get(alias.network);
      if (network === undefined || this.#table.ofGuest(alias.guest, alias.network) !== undefined) {
        strangers.push(link);
        continue;
      }
      const port = new AttachedPort({ ifindex: link.ifindex, ifname: link.name, guest: alias.guest, network });
      if (network.bridge !== undefined) port.station = addresses.stationOf?.(port);
      this.#table.add(port);
      try {
        for (const { address, mac } of this.#permitted(port, await addresses.claim(port))) this.#table.bind(port, address, mac);
        await frames.open(port);
        await names.add(port);
      } catch (error) {
        log.error(
          { guest: port.guest, ifname: port.ifname, error: String(error) },
          "a guest's port could not be taken over whole",
        );
      }
    }
    return strangers;
  }

  /** Makes addresses a guest's in the kernel, for many at once; one outcome for each, undefined where it was done. */
  bind(requests: readonly BindRequest[]): readonly Outcome[] {
    return this.#watched(bindAll(requests, this.#table, this.#options));
  }

  /** Takes addresses away from guests, for many at once. */
  unbind(requests: readonly UnbindRequest[]): readonly Outcome[] {
    return this.#watched(unbindAll(requests, this.#table, this.#options));
  }

  /**
   * The same ports on networks that have changed; `Upkeep.setNetworks` brings it to the kernel. Addresses that are not of their
   * networks any more are taken away. Ports of other networks are returned.
   */
  setNetworks(networks: readonly Network[]): readonly Port[] {
    const byName = new Map(networks.map((network) => [network.name, network]));
    const [left, staying] = [[] as Port[], [] as [AttachedPort, Network][]];
    for (const port of this.#table.list()) {
      const network = byName.get(port.network.name);
      if (network === undefined) left.push(port);
      else staying.push([port, network]);
    }
    const strangers = staying.flatMap(([{ ifindex, bindings }, network]) =>
      bindings.filter(({ address }) => !mayBeBound(network, address)).map(({ address }) => ({ ifindex, address })),
    );
    // As the old network has them: what an address puts into the kernel depends on it.
    this.unbind(strangers);
    for (const [port, network] of staying) port.network = network;
    return left;
  }

  /** The link does not exist any more. */
  linkGone(ifindex: number): void {
    const port = this.#table.get(ifindex);
    if (port === undefined) return;
    const steps = this.#steps(port, undefined);
    this.#table.remove(port);
    this.#options.onGone(port);
    void undo(steps, this.#targets);
  }

  linkRenamed(ifindex: number, name: string): void {
    const port = this.#table.get(ifindex);
    if (port !== undefined) port.ifname = name;
  }

  async #attachNew(port: AttachedPort, link: LinkState): Promise<Port> {
    const { addresses } = this.#options;
    try {
      for (const { address, mac } of this.#permitted(port, await addresses.claim(port))) port.set(address, mac);
      await carryOut(this.#steps(port, link), this.#targets);
    } catch (error) {
      this.#options.onGuardRefused();
      await this.#unclaim(port);
      throw error;
    }
    this.#table.add(port);
    for (const { address, mac } of port.bindings) this.#table.bind(port, address, mac);
    return port;
  }

  /** A guest's MAC address on a bridge, told by its first frame. What is refused is that it is somebody else's. */
  setStation(ifindex: number, mac: Mac): Outcome {
    const port = this.#table.get(ifindex);
    if (port === undefined) return new TapnetError("NO_PORT", `link ${ifindex} is no port of a guest`);
    if (port.network.bridge === undefined || port.uses(mac)) return undefined;
    const foreign = explainForeignStation(port, mac, this.#table);
    if (foreign !== undefined) return foreign;
    const { station, bridgeStation } = stationState(ifindex, mac);
    const batch = this.#options.kernel.batch();
    batch.addBridgeStation(bridgeStation, false);
    const [refused] = batch.send();
    if (refused !== undefined) return refused.error;
    port.station = mac;
    this.#table.noteStation(port, mac);
    const stations = this.#options.firewall.batch();
    for (const set of setsOf(station)) stations.add(set, station);
    return this.#watched([stations.send()])[0];
  }

  /** Without what would take another guest's MAC address on the same bridge. */
  #permitted(port: AttachedPort, bindings: readonly Binding[]): readonly Binding[] {
    return bindings.filter(({ mac }) => explainForeignStation(port, mac, this.#table) === undefined);
  }

  async #unclaim(port: Port): Promise<void> {
    try {
      await this.#options.addresses.unclaim(port);
    } catch (error) {
      this.#options.log.error({ guest: port.guest, error: String(error) }, "a guest's addresses could not be given back");
    }
  }

  /** The steps of a port as it is now; see `attachSteps` for `before`. */
  #steps(port: Port, before: LinkState | undefined): Step[] {
    const { ifindex, ifname, guest, network, bindings, station } = port;
    return attachSteps({ ifindex, ifname, guest, network, bindings, station }, before, this.#options.interfaces, this.#options);
  }

  #refuseTaken({ ifname, guest, network }: AttachRequest, present: Port | undefined): void {
    if (present !== undefined) {
      const owner = guestKey(present.guest, present.network);
      throw new TapnetError("LINK_TAKEN", `${ifname} belongs to ${owner}: detach that first, or use another interface`);
    }
    const other = this.#table.ofGuest(guest, network.name);
    if (other === undefined) return;
    if (this.#options.kernel.link(other.ifindex) === undefined) this.linkGone(other.ifindex);
    else
      throw new TapnetError(
        "GUEST_ATTACHED",
        `${guestKey(guest, network)} is attached through ${other.ifname}: detach that first`,
      );
  }

  #refuseBridge({ name, bridge }: Network): void {
    if (bridge === undefined || this.#options.interfaces.has(bridge.name)) return;
    throw new TapnetError(
      "NO_BRIDGE",
      `network ${name} has no bridge to join: ${bridge.name} is not there, or is not the one that it should be; the log says more`,
    );
  }

  /** Keeps a link and a guest to one attach or detach at a time. */
  async #alone<Result>(keys: readonly string[], work: () => Promise<Result>): Promise<Result> {
    const taken = keys.find((key) => this.#busy.has(key));
    if (taken !== undefined) throw new TapnetError("LINK_BUSY", `${taken} is just being attached or detached: try again`);
    for (const key of keys) this.#busy.add(key);
    try {
      return await work();
    } finally {
      for (const key of keys) this.#busy.delete(key);
    }
  }

  #watched(outcomes: readonly Outcome[]): readonly Outcome[] {
    if (outcomes.some((outcome) => outcome !== undefined)) this.#options.onGuardRefused();
    return outcomes;
  }
}

function guestKey(guest: string, network: Network): string {
  return `guest ${guest} on network ${network.name}`;
}
