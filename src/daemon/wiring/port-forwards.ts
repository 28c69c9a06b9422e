/**
 * Theory of operation
 *
 * Forwards come from the configuration, and from people while the daemon runs (`tapnet forward add`). The latter are kept in a
 * file: in the run directory, where they outlive the daemon, or with `--permanent` in the state directory, where they outlive
 * the host's restart. Each change is on disk before it is in force, and undone where it cannot be put there.
 *
 * A port of the host leads to one place. Whoever asks for one that another forward or a server of this host has is refused; where
 * the configuration does that to a server, which may have come later, the forward stands and a warning says so. A configuration
 * that takes what had been added wins: the other is kept in its file and does nothing.
 *
 * A rootless daemon has the ports of its namespace, which no other machine reaches: there it refuses what people ask for, and of
 * what the configuration has it warns. Guests reach each other by them all the same.
 */
import { TapnetError } from "../../base/errors.js";
import { formatAddress, type IpAddress, isLoopback } from "../../base/kernel-objects.js";
import type { Logger } from "../../base/log.js";
import {
  type Configuration,
  explainLoopback,
  explainNoForwards,
  explainOwnPublics,
  explainUnasked,
  formatForward,
  type PortForward,
  parseForward,
} from "../../config/index.js";
import type { ForwardRequest, ForwardView } from "../../control/index.js";
import type { Forwards } from "../../network/forwards.js";
import { type ListeningSocket, listeningSockets } from "../../os/listening-sockets.js";
import { type AddedForward, ForwardFile } from "./forward-files.js";
import { type ForwardEntry, ForwardIndex } from "./forward-index.js";
import type { Relay } from "./relay.js";

export interface PortForwardsParts {
  readonly forwards: Forwards;
  readonly configuration: () => Configuration;
  /** The network of a guest that is attached or configured; undefined where nobody knows the guest. */
  readonly networkOf: (guest: string) => string | undefined;
  /** Loads the packet filter's rules again, now that there are forwards. */
  readonly restoreRules: () => Promise<void>;
  /** The host's own addresses, interface by interface. */
  readonly ownAddresses: () => readonly (readonly IpAddress[])[];
  /** Carries forwards where the ports are those of a namespace that nobody outside reaches. */
  readonly relay: Relay | undefined;
  readonly log: Logger;
}

export class PortForwards {
  readonly #parts: PortForwardsParts;
  readonly #added: Record<"live" | "permanent", AddedForward[]> = { live: [], permanent: [] };
  #files: Readonly<Record<"live" | "permanent", ForwardFile>> | undefined;
  #warnings: string[] = [];
  #index = new ForwardIndex([]);

  constructor(parts: PortForwardsParts) {
    this.#parts = parts;
  }

  /** What the daemon wants people to know of forwards, in sentences. */
  get warnings(): readonly string[] {
    return [...this.#warnings, ...(this.#parts.relay?.warnings ?? [])];
  }

  /** Reads what was added in an earlier life. */
  load({ runDirectory, stateDirectory }: Configuration): void {
    this.#files = { live: new ForwardFile(runDirectory), permanent: new ForwardFile(stateDirectory) };
    for (const kind of ["live", "permanent"] as const) this.#added[kind] = this.#files[kind].load(this.#parts.log);
  }

  /** Everything in force as the present configuration and what was added say. */
  configure(): void {
    const { forwards, log } = this.#parts;
    this.#index = new ForwardIndex(this.#wanted());
    const inForce = this.#index.all();
    const byGuest = new Map<string, PortForward[]>();
    for (const [guest, entries] of this.#index.guests)
      byGuest.set(
        guest,
        entries.map(({ forward }) => forward),
      );
    for (const { name, publics } of this.#parts.configuration().guests)
      if (publics.length > 0 && !byGuest.has(name)) byGuest.set(name, []);
    forwards.setAll(byGuest);
    this.#warnings = [
      ...explainOwnPublics(this.#parts.configuration().guests, this.#ownAddresses()),
      ...this.#index.overruled.map(describeOverruled),
      ...this.#servedWarnings(inForce),
    ];
    for (const warning of this.#warnings) log.warn({}, warning);
  }

  #ownAddresses(): string[][] {
    return this.#parts.ownAddresses().map((addresses) => addresses.map(formatAddress));
  }

  list(guest: string | undefined): ForwardView[] {
    const entries = guest === undefined ? this.#index.all() : this.#index.of(guest);
    if (guest !== undefined && entries.length === 0) this.#mustKnow(guest);
    return entries.map((entry) => this.#view(entry));
  }

  async add({ guest, forward: text, permanent }: ForwardRequest): Promise<ForwardView> {
    const forward = readForward(text);
    this.#mustLeadIn(guest);
    this.#mustBeReachable(guest, forward);
    const same = this.#index.of(guest).find((each) => isSame(each.forward, forward));
    if (same !== undefined) return this.#addAgain(same, permanent === true);
    this.#refuseTaken(forward);
    const kind = permanent === true ? "permanent" : "live";
    const before = this.#added[kind];
    this.#keep(kind, [...before, { guest, forward }]);
    const entry = { guest, forward, source: kind } as const;
    this.#index.add(entry);
    const wasUsed = this.#parts.forwards.used;
    this.#carry(guest);
    if (!wasUsed) await this.#parts.restoreRules();
    const refusal = await this.#relayRefusal(guest, forward);
    if (refusal !== undefined) {
      this.#keep(
        kind,
        this.#added[kind].filter((each) => each.forward !== forward),
      );
      this.#index.remove(entry);
      this.#carry(guest);
      throw new TapnetError("CONFLICT", `${formatForward(forward)} of guest ${guest}: ${refusal}`);
    }
    return this.#view(entry);
  }

  /** One that is there already can be made permanent. */
  #addAgain(entry: ForwardEntry, permanent: boolean): ForwardView {
    const { guest, forward, source } = entry;
    if (source !== "live" || !permanent) {
      const where = { configuration: "in the configuration", permanent: "as a permanent one", live: "until the host restarts" };
      throw new TapnetError("CONFLICT", `guest ${guest} has ${formatForward(forward)} already, ${where[source]}`);
    }
    this.#keep("permanent", [...this.#added.permanent, { guest, forward }]);
    this.#keep(
      "live",
      this.#added.live.filter((each) => each.forward !== forward),
    );
    const kept = { guest, forward, source: "permanent" } as const;
    this.#index.remove(entry);
    this.#index.add(kept);
    return this.#view(kept);
  }

  async #relayRefusal(guest: string, forward: PortForward): Promise<string | undefined> {
    const { relay } = this.#parts;
    if (relay === undefined) return undefined;
    if (!(await relay.settled())) return "tapnet-relay, which carries forwards, does not answer; the log of tapnetd says why";
    return relay.explain(guest, forward);
  }

  remove(guest: string, text: string): ForwardView {
    const wanted = readForward(text);
    const entry = this.#index.of(guest).find((each) => isSame(each.forward, wanted));
    if (entry === undefined) {
      if (this.#index.of(guest).length === 0) this.#mustKnow(guest);
      throw new TapnetError("NOT_FOUND", `guest ${guest} has no forward ${formatForward(wanted)}; see: tapnet forward list`);
    }
    const { source } = entry;
    if (source === "configuration") {
      throw new TapnetError(
        "CONFLICT",
        `${formatForward(wanted)} of guest ${guest} stands in the configuration: remove it there, then reload`,
      );
    }
    const view = this.#view(entry);
    this.#keep(
      source,
      this.#added[source].filter((each) => each.guest !== guest || !isSame(each.forward, wanted)),
    );
    // What the configuration once overruled, and another took the port from since, may have its turn now.
    if (this.#index.overruled.length > 0) this.configure();
    else {
      this.#index.remove(entry);
      this.#carry(guest);
    }
    return view;
  }

  #carry(guest: string): void {
    this.#parts.forwards.set(
      guest,
      this.#index.of(guest).map(({ forward }) => forward),
    );
  }

  /** Those of the configuration, then those that were added: in this order they have what they ask for. */
  *#wanted(): Generator<ForwardEntry> {
    for (const { name, forwards } of this.#parts.configuration().guests)
      for (const forward of forwards) yield { guest: name, forward, source: "configuration" };
    for (const source of ["permanent", "live"] as const) for (const added of this.#added[source]) yield { ...added, source };
  }

  #keep(kind: "live" | "permanent", forwards: AddedForward[]): void {
    if (this.#files === undefined) throw new TapnetError("UNAVAILABLE", "the daemon is just starting: try again");
    this.#files[kind].save(forwards);
    this.#added[kind] = forwards;
  }

  /** The guest's network. */
  #mustKnow(guest: string): string {
    const name = this.#parts.networkOf(guest);
    if (name === undefined) throw new TapnetError("NOT_FOUND", `there is no guest ${guest}; see: tapnet guest list`);
    return name;
  }

  #mustLeadIn(guest: string): void {
    const name = this.#mustKnow(guest);
    const network = this.#parts.configuration().networks.find((each) => each.name === name);
    const refusal = network === undefined ? undefined : explainNoForwards(network);
    if (refusal !== undefined) throw new TapnetError("NOT_ALLOWED", `forwards of guest ${guest} would ${refusal}`);
  }

  /** What the configuration is refused for, when it is read. */
  #mustBeReachable(guest: string, { address }: PortForward): void {
    const { relay, configuration, networkOf } = this.#parts;
    const { guests, networks } = configuration();
    const settings = guests.find(({ name }) => name === guest) ?? networks.find(({ name }) => name === networkOf(guest));
    const refusal = relay === undefined ? explainLoopback(address) : settings && explainUnasked(settings);
    if (refusal !== undefined) throw new TapnetError("NOT_ALLOWED", `forwards of guest ${guest}: ${refusal}`);
  }

  #refuseTaken(forward: PortForward): void {
    const other = this.#index.overlapping(forward, this.#parts.relay !== undefined);
    if (other !== undefined) {
      throw new TapnetError(
        "CONFLICT",
        `${formatForward(forward)} would take what ${formatForward(other.forward)} of guest ${other.guest} has: ` +
          "remove that first, or take another port",
      );
    }
    const { address } = forward;
    const owner = address === undefined ? undefined : this.#ownerOf(address);
    if (address !== undefined && owner !== undefined) {
      throw new TapnetError(
        "CONFLICT",
        `${formatAddress(address)} leads to guest ${owner} as a whole (public: in the configuration): ` +
          "take another address, or remove it there",
      );
    }
    if (this.#parts.relay !== undefined) return;
    const [server] = this.#servers((socket) => isServedBy(forward, socket));
    if (server !== undefined) {
      throw new TapnetError(
        "CONFLICT",
        `a program on this host listens on ${describeSocket(server)}, and would not be reached any more: ` +
          "end it, or take another port",
      );
    }
  }

  /** The guest that has an address of the host's side as a whole. */
  #ownerOf(address: IpAddress): string | undefined {
    return this.#parts.configuration().guests.find(({ publics }) => publics.includes(address))?.name;
  }

  /** Sockets that a forward would take the clients of. */
  #servers(isAsked: (socket: ListeningSocket) => boolean = () => true): ListeningSocket[] {
    const gateways = new Set(this.#parts.configuration().networks.map(({ gatewayIpv4 }) => gatewayIpv4));
    return listeningSockets(
      (socket) =>
        !isLoopback(socket.address) && !(typeof socket.address === "number" && gateways.has(socket.address)) && isAsked(socket),
    );
  }

  #servedWarnings(entries: readonly ForwardEntry[]): string[] {
    if (entries.length === 0 || this.#parts.relay !== undefined) return [];
    const servers = this.#servers();
    return entries.flatMap(({ guest, forward }) => {
      const server = servers.find((socket) => isServedBy(forward, socket));
      if (server === undefined) return [];
      const where = describeSocket(server);
      return [
        `${formatForward(forward)} leads to guest ${guest}, so the program that listens on ${where} is reached on this host only by the loopback`,
      ];
    });
  }

  #view({ guest, forward, source }: ForwardEntry): ForwardView {
    const { ipv4, ipv6 } = this.#parts.forwards.targetOf(guest);
    const { protocol, address, firstPort, lastPort, guestPort } = forward;
    const serves = (family: "number" | "bigint"): boolean => address === undefined || typeof address === family;
    return {
      guest,
      forward: formatForward(forward),
      protocol,
      address: address === undefined ? null : formatAddress(address),
      firstPort,
      lastPort,
      guestPort,
      source,
      ipv4: ipv4 === undefined || !serves("number") ? null : formatAddress(ipv4),
      ipv6: ipv6 === undefined || !serves("bigint") ? null : formatAddress(ipv6),
    };
  }
}

function readForward(text: string): PortForward {
  const forward = parseForward(text.trim());
  if ("message" in forward) throw new TapnetError("BAD_REQUEST", forward.message);
  return forward;
}

function isSame(one: PortForward, other: PortForward): boolean {
  return formatForward(one) === formatForward(other);
}

function isServedBy({ protocol, address, firstPort, lastPort }: PortForward, socket: ListeningSocket): boolean {
  if (socket.protocol !== protocol || socket.port < firstPort || socket.port > lastPort) return false;
  const onAll = socket.address === 0 || socket.address === 0n;
  // What listens on `::` takes IPv4 as well, unless it says otherwise, which no table shows.
  return address === undefined || onAll || socket.address === address;
}

function describeSocket({ protocol, address, port }: ListeningSocket): string {
  const onAll = address === 0 || address === 0n;
  const where = typeof address === "number" ? formatAddress(address) : `[${formatAddress(address)}]`;
  return `${onAll ? "port " : `${where}:`}${port}/${protocol}`;
}

function describeOverruled({ guest, forward, source }: ForwardEntry): string {
  const kept = `the ${source} forward ${formatForward(forward)} of guest ${guest} does nothing`;
  return `${kept}: the configuration has the port for another; remove it with: tapnet forward remove ${guest} ${formatForward(forward)}`;
}
