/**
 * Theory of operation
 *
 * Which ports and addresses of the host lead to which guest, and where that guest is now. A forward is a guest's, not an address's: it is told
 * each time a port's addresses change (`add`, `remove`, as DNS is for names) and carries only the difference to the kernel, so
 * a guest without forwards costs one look-up, and one with forwards as much as it has of them, whatever the others have.
 *
 * Until `open` nothing is carried: the first ruleset is loaded with everything in it. What the kernel refuses later is logged,
 * and the rules are looked at as after any stranger's change.
 */
import { isLinkLocalIpv6 } from "../base/ipv6-address.js";
import type { IpAddress } from "../base/kernel-objects.js";
import type { Logger } from "../base/log.js";
import { type ForwardTarget, forwardElements } from "./forward-elements.js";
import type { Firewall } from "./kernel.js";
import type { Network, Port, PortForward } from "./model.js";
import { delegatedPrefix } from "./state.js";
import { elementText, type PlacedElement, type Traffic } from "./traffic.js";

export interface ForwardsOptions {
  readonly firewall: Firewall;
  readonly log: Logger;
  /** Addresses that a guest has by configuration: they go before others. */
  readonly configured: (guest: string) => readonly IpAddress[];
  /** Addresses of the host's side that are the guest's as a whole. */
  readonly publics: (guest: string) => readonly IpAddress[];
  /** The network of the interface that its default route leads to, which forwards lead to first. */
  readonly home: (guest: string) => string | undefined;
  /** The packet filter refused a change. */
  onRefused(): void;
  /** Told where a guest's forwards lead whenever that changes: for who carries them besides the packet filter. */
  follow?(guest: string, forwards: readonly PortForward[], target: ForwardTarget): void;
}

/** What leads to a guest and what of it is in the kernel. */
interface Guest {
  readonly name: string;
  forwards: readonly PortForward[];
  /** Addresses by network, in the order in which the ports came. */
  readonly targets: Map<string, ForwardTarget>;
  carried: ReadonlyMap<string, PlacedElement>;
}

/** Guests named in a log line. */
const NAMED_IN_LOG = 5;
const NOWHERE: ForwardTarget = { ipv4: undefined, ipv6: undefined };

export class Forwards {
  readonly #options: ForwardsOptions;
  readonly #guests = new Map<string, Guest>();
  #open = false;
  #used = false;

  constructor(options: ForwardsOptions) {
    this.#options = options;
  }

  /** For the plan. Whether there are forwards stays true once it was: taking the rules away again would gain little. */
  get traffic(): Pick<Traffic, "forwards" | "elements"> {
    const guests = [...this.#guests.values()];
    return { forwards: this.#used, elements: guests.flatMap(({ carried }) => [...carried.values()]) };
  }

  /** Whether there are forwards, or were. */
  get used(): boolean {
    return this.#used;
  }

  /** Where a guest's forwards lead to. */
  targetOf(guest: string): ForwardTarget {
    const known = this.#guests.get(guest)?.targets ?? new Map<string, ForwardTarget>();
    const atHome = known.get(this.#options.home(guest) ?? "");
    const targets = atHome === undefined ? [...known.values()] : [atHome, ...known.values()];
    return {
      ipv4: targets.find(({ ipv4 }) => ipv4 !== undefined)?.ipv4,
      ipv6: targets.find(({ ipv6 }) => ipv6 !== undefined)?.ipv6,
    };
  }

  /** The packet filter has our maps: from now on changes are carried there. */
  open(): void {
    this.#open = true;
  }

  /** All forwards of a guest from now on. */
  set(name: string, forwards: readonly PortForward[]): void {
    this.#carry([this.#give(name, forwards)]);
  }

  /** All forwards of all guests from now on; guests with public addresses are among them. */
  setAll(byGuest: ReadonlyMap<string, readonly PortForward[]>): void {
    const names = new Set([...this.#guests.keys(), ...byGuest.keys()]);
    this.#carry([...names].map((name) => this.#give(name, byGuest.get(name) ?? [])));
  }

  /** A port is there, with other addresses than before. */
  add({ guest: name, network, bindings }: Pick<Port, "guest" | "network" | "bindings">): void {
    const target = leadsIn(network) ? this.#targetAmong(name, network, bindings) : NOWHERE;
    const guest = this.#guest(name);
    const before = guest.targets.get(network.name);
    if (before?.ipv4 === target.ipv4 && before?.ipv6 === target.ipv6) return;
    guest.targets.set(network.name, target);
    this.#carry([guest]);
  }

  remove({ guest: name, network }: Pick<Port, "guest" | "network">): void {
    const guest = this.#guests.get(name);
    if (guest === undefined || !guest.targets.delete(network.name)) return;
    this.#carry([guest]);
  }

  #give(name: string, forwards: readonly PortForward[]): Guest {
    const guest = this.#guest(name);
    guest.forwards = forwards;
    if (forwards.length > 0 || this.#options.publics(name).length > 0) this.#used = true;
    return guest;
  }

  #targetAmong(name: string, network: Network, bindings: Port["bindings"]): ForwardTarget {
    const bound = bindings.map(({ address }) => address).filter((address) => isOwn(network, address));
    const preferred = this.#options.configured(name).filter((address) => bound.includes(address));
    const candidates = [...preferred, ...bound];
    return {
      ipv4: candidates.find((address) => typeof address === "number"),
      ipv6: candidates.find((address) => typeof address === "bigint"),
    };
  }

  #guest(name: string): Guest {
    const known = this.#guests.get(name);
    if (known !== undefined) return known;
    const guest: Guest = { name, forwards: [], targets: new Map(), carried: new Map() };
    this.#guests.set(name, guest);
    return guest;
  }

  /** Brings to the kernel what has changed for these guests. What goes comes first: a port may go from one to another. */
  #carry(guests: readonly Guest[]): void {
    const surplus: PlacedElement[] = [];
    const missing: PlacedElement[] = [];
    for (const guest of guests) {
      const before = guest.carried;
      const target = this.targetOf(guest.name);
      const wanted = forwardElements(guest.forwards, this.#options.publics(guest.name), target);
      this.#options.follow?.(guest.name, guest.forwards, target);
      guest.carried = new Map(wanted.map((placed) => [elementText(placed), placed]));
      for (const [text, placed] of before) if (!guest.carried.has(text)) surplus.push(placed);
      for (const [text, placed] of guest.carried) if (!before.has(text)) missing.push(placed);
      if (guest.forwards.length === 0 && guest.targets.size === 0) this.#guests.delete(guest.name);
    }
    if (!this.#open || (surplus.length === 0 && missing.length === 0)) return;
    const batch = this.#options.firewall.batch();
    for (const { set, element } of surplus) batch.remove(set, element);
    for (const { set, element } of missing) batch.put(set, element);
    const refused = batch.send();
    if (refused === undefined) return;
    const names = guests.slice(0, NAMED_IN_LOG).map(({ name }) => name);
    this.#options.log.error({ guests: names, error: refused.message }, "port forwards could not be changed in the kernel");
    this.#options.onRefused();
  }
}

/** Whether anything from outside may begin something with this network's guests. */
export function leadsIn({ wayOut }: Pick<Network, "wayOut">): boolean {
  return wayOut !== "none";
}

/** An address of the guest itself that means something beyond its link. */
function isOwn(network: Network, address: IpAddress): boolean {
  if (typeof address === "number") return true;
  return !isLinkLocalIpv6(address) && delegatedPrefix(network, address) === undefined;
}
