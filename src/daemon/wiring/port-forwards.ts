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
  explainUnasked,
  formatForward,
  type PortForward,
  parseForward,
} from "../../config/index.js";
import type { ForwardRequest, ForwardView } from "../../control/index.js";
import type { Forwards } from "../../network/forwards.js";
import { type ListeningSocket, listeningSockets } from "../../os/listening-sockets.js";
import { type AddedForward, ForwardFile } from "./forward-files.js";
import type { Relay } from "./relay.js";

export interface PortForwardsParts {
  readonly forwards: Forwards;
  readonly configuration: () => Configuration;
  /** The network of a guest that is attached or configured; undefined where nobody knows the guest. */
  readonly networkOf: (guest: string) => string | undefined;
  /** Loads the packet filter's rules again, now that there are forwards. */
  readonly restoreRules: () => Promise<void>;
  /** Carries forwards where the ports are those of a namespace that nobody outside reaches. */
  readonly relay: Relay | undefined;
  readonly log: Logger;
}

type Source = ForwardView["source"];

interface Entry extends AddedForward {
  readonly source: Source;
}

export class PortForwards {
  readonly #parts: PortForwardsParts;
  readonly #added: Record<"live" | "permanent", AddedForward[]> = { live: [], permanent: [] };
  #files: Readonly<Record<"live" | "permanent", ForwardFile>> | undefined;
  #warnings: string[] = [];

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
    const { inForce, overruled } = this.#entries();
    const byGuest = new Map<string, PortForward[]>();
    for (const { guest, forward } of inForce) {
      const list = byGuest.get(guest);
      if (list === undefined) byGuest.set(guest, [forward]);
      else list.push(forward);
    }
    for (const { name, publics } of this.#parts.configuration().guests)
      if (publics.length > 0 && !byGuest.has(name)) byGuest.set(name, []);
    forwards.setAll(byGuest);
    this.#warnings = [...overruled.map(describeOverruled), ...this.#servedWarnings(inForce)];
    for (const warning of this.#warnings) log.warn({}, warning);
  }

  list(guest: string | undefined): ForwardView[] {
    return this.#entries()
      .inForce.filter((entry) => guest === undefined || entry.guest === guest)
      .map((entry) => this.#view(entry));
  }

  async add({ guest, forward: text, permanent }: ForwardRequest): Promise<ForwardView> {
    const forward = readForward(text);
    this.#mustLeadIn(guest);
    this.#mustBeReachable(guest, forward);
    this.#refuseTaken(forward);
    const kind = permanent === true ? "permanent" : "live";
    const before = this.#added[kind];
    this.#keep(kind, [...before, { guest, forward }]);
    const { forwards } = this.#parts;
    const wasUsed = forwards.traffic.forwards;
    this.#carry(guest);
    if (!wasUsed) await this.#parts.restoreRules();
    const refusal = await this.#relayRefusal(guest, forward);
    if (refusal !== undefined) {
      this.#keep(kind, before);
      this.#carry(guest);
      throw new TapnetError("CONFLICT", `${formatForward(forward)} of guest ${guest}: ${refusal}`);
    }
    return this.#view({ guest, forward, source: kind });
  }

  async #relayRefusal(guest: string, forward: PortForward): Promise<string | undefined> {
    const { relay } = this.#parts;
    if (relay === undefined) return undefined;
    if (!(await relay.settled())) return "tapnet-relay, which carries forwards, does not answer; the log of tapnetd says why";
    return relay.explain(guest, forward);
  }

  remove(guest: string, text: string): ForwardView {
    const wanted = readForward(text);
    const entry = this.#entries().inForce.find((each) => each.guest === guest && isSame(each.forward, wanted));
    if (entry === undefined) {
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
    this.#carry(guest);
    return view;
  }

  #carry(guest: string): void {
    const ofGuest = this.#entries().inForce.filter((entry) => entry.guest === guest);
    this.#parts.forwards.set(
      guest,
      ofGuest.map(({ forward }) => forward),
    );
  }

  /** Those of the configuration, then those that were added and that nothing before them overrules. */
  #entries(): { inForce: Entry[]; overruled: Entry[] } {
    const inForce: Entry[] = this.#parts
      .configuration()
      .guests.flatMap(({ name, forwards }) =>
        forwards.map((forward) => ({ guest: name, forward, source: "configuration" as const })),
      );
    const overruled: Entry[] = [];
    const taken = new TakenPorts();
    for (const { forward } of inForce) taken.take(forward);
    for (const source of ["permanent", "live"] as const) {
      for (const added of this.#added[source]) {
        const entry = { ...added, source };
        if (taken.isFree(added.forward)) {
          taken.take(added.forward);
          inForce.push(entry);
        } else overruled.push(entry);
      }
    }
    return { inForce, overruled };
  }

  #keep(kind: "live" | "permanent", forwards: AddedForward[]): void {
    if (this.#files === undefined) throw new TapnetError("UNAVAILABLE", "the daemon is just starting: try again");
    this.#files[kind].save(forwards);
    this.#added[kind] = forwards;
  }

  #mustLeadIn(guest: string): void {
    const name = this.#parts.networkOf(guest);
    if (name === undefined) throw new TapnetError("NOT_FOUND", `there is no guest ${guest}; see: tapnet guest list`);
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
    const other = this.#entries().inForce.find((each) => overlaps(each.forward, forward, this.#parts.relay !== undefined));
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
    const server = this.#servers().find((socket) => isServedBy(forward, socket));
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
  #servers(): ListeningSocket[] {
    const gateways = new Set(this.#parts.configuration().networks.map(({ gatewayIpv4 }) => gatewayIpv4));
    return listeningSockets().filter(
      ({ address }) => !isLoopback(address) && !(typeof address === "number" && gateways.has(address)),
    );
  }

  #servedWarnings(entries: readonly Entry[]): string[] {
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

  #view({ guest, forward, source }: Entry): ForwardView {
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

/** Ports of the host that lead somewhere, one by one: with ten thousand forwards each is looked up once. */
class TakenPorts {
  readonly #ports = new Set<string>();

  isFree(forward: PortForward): boolean {
    return portsOf(forward).every((port) => !this.#ports.has(port));
  }

  take(forward: PortForward): void {
    for (const port of portsOf(forward)) this.#ports.add(port);
  }
}

function portsOf({ protocol, address, firstPort, lastPort }: PortForward): string[] {
  return Array.from({ length: lastPort - firstPort + 1 }, (_, index) => `${protocol} ${address ?? ""} ${firstPort + index}`);
}

function readForward(text: string): PortForward {
  const forward = parseForward(text.trim());
  if ("message" in forward) throw new TapnetError("BAD_REQUEST", forward.message);
  return forward;
}

function isSame(one: PortForward, other: PortForward): boolean {
  return formatForward(one) === formatForward(other);
}

/** One from a certain address of the host goes before one from all of them, so these two do not meet; sockets of those two do. */
function overlaps(one: PortForward, other: PortForward, bySockets: boolean): boolean {
  const hasAll = bySockets && (one.address === undefined || other.address === undefined);
  return (
    one.protocol === other.protocol &&
    (hasAll || one.address === other.address) &&
    one.firstPort <= other.lastPort &&
    other.firstPort <= one.lastPort
  );
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

function describeOverruled({ guest, forward, source }: Entry): string {
  const kept = `the ${source} forward ${formatForward(forward)} of guest ${guest} does nothing`;
  return `${kept}: the configuration has the port for another; remove it with: tapnet forward remove ${guest} ${formatForward(forward)}`;
}
