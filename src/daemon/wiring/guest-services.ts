/** What attaching a guest needs of the services: which addresses are its own, its frames, its names. */
import { type Ipv6Address, isLinkLocalIpv6 } from "../../base/ipv6-address.js";
import type { IpAddress, Neighbour } from "../../base/kernel-objects.js";
import type { Mac } from "../../base/mac.js";
import { ipv6InPrefix } from "../../base/prefix.js";
import type { FramePath } from "../../frame/frame-path.js";
import { type Link, makeLink } from "../../frame/link.js";
import type { Addresses, Frames, Names } from "../../guest/services.js";
import type { LeaseBook } from "../../lease/book.js";
import type { Lease } from "../../lease/lease-entry.js";
import { parsePortAlias } from "../../network/alias.js";
import type { Kernel } from "../../network/kernel.js";
import { type Binding, type Network, type Port, PROTOCOL } from "../../network/model.js";
import { delegatedPrefix, isDelegatedNextHop, linkLocalOf, mayBeBound, type Station } from "../../network/state.js";
import { guestIdentity } from "../../services/dhcp4/identity.js";
import { SLOTS_PER_GUEST } from "../../services/dhcp6/identity.js";
import type { DnsService } from "../../services/dns/service.js";
import type { Roster } from "./roster.js";

export interface GuestAddressesParts {
  readonly roster: () => Roster;
  readonly books: (network: string) => readonly LeaseBook[];
  /** Whose an address is by lease or configuration; undefined: whoever takes it. */
  readonly owner: (network: string, address: Ipv6Address) => string | undefined;
}

/**
 * The addresses that are a guest's before it asks: those of its configuration, where its MAC address is known, its leases, and
 * after a restart those that it had made for itself, of which the kernel's neighbours are the record.
 */
export class GuestAddresses implements Addresses {
  readonly #parts: GuestAddressesParts;
  readonly #earlier = new Map<number, Pick<Neighbour, "address" | "mac">[]>();
  readonly #earlierStations = new Map<number, Mac>();

  constructor(parts: GuestAddressesParts) {
    this.#parts = parts;
  }

  /**
   * What an earlier life of this process has left, for the ports that are claimed for from now on; nothing ends that. On bridges
   * the guard's elements (`stations`) are the record, since there are no neighbours.
   */
  recall(neighbours: readonly Neighbour[], stations: readonly Station[]): void {
    this.#earlier.clear();
    this.#earlierStations.clear();
    const note = (ifindex: number, earlier: Pick<Neighbour, "address" | "mac">): void => {
      const ofLink = this.#earlier.get(ifindex);
      if (ofLink === undefined) this.#earlier.set(ifindex, [earlier]);
      else ofLink.push(earlier);
    };
    for (const neighbour of neighbours)
      if (neighbour.protocol === PROTOCOL && neighbour.permanent) note(neighbour.ifindex, neighbour);
    for (const { ifindex, mac, address } of stations) {
      if (address === undefined) this.#earlierStations.set(ifindex, mac);
      else note(ifindex, { address, mac });
    }
  }

  /** On a bridge where others give out addresses, a guest that is not configured has the MAC address that it came with. */
  stationOf({ guest, network, ifindex }: Pick<Port, "guest" | "network" | "ifindex">): Mac | undefined {
    const configured = this.#parts.roster().guest(guest, network.name)?.mac;
    return configured ?? (hasAddresses(network) ? undefined : this.#earlierStations.get(ifindex));
  }

  claim(port: Pick<Port, "guest" | "network" | "ifindex">): Binding[] {
    const bindings = new Map<IpAddress, Binding>();
    for (const binding of this.#taken(port)) bindings.set(binding.address, binding);
    const configured = this.#parts.roster().guest(port.guest, port.network.name);
    for (const lease of this.#leases(port)) {
      const mac = lease.record?.mac ?? 0;
      if (mac === 0 || !mayBeBound(port.network, lease.address)) continue;
      bindings.set(lease.address, { address: lease.address, mac });
      if (typeof lease.address !== "number") continue;
      for (const address of configured?.furtherIpv4 ?? []) bindings.set(address, { address, mac });
    }
    if (configured?.mac !== undefined) {
      for (const address of [configured.ipv4, ...configured.furtherIpv4, configured.ipv6]) {
        if (address !== undefined) bindings.set(address, { address, mac: configured.mac });
      }
    }
    return [...bindings.values()];
  }

  /** Nothing was changed by `claim`. */
  unclaim(): void {}

  /** The guest's leases that run: of IPv4 its one, of IPv6 those of each of its associations, prefixes too. */
  *#leases({ guest, network }: Pick<Port, "guest" | "network">): Generator<Lease> {
    const identity = guestIdentity(guest);
    for (const book of this.#parts.books(network.name)) {
      const slots = book.family === 4 ? 1 : SLOTS_PER_GUEST;
      for (let slot = 0; slot < slots; slot++) {
        const lease = book.find(slot === 0 ? identity : `${identity}/${slot}`);
        if (lease?.state === "bound") yield lease;
      }
    }
  }

  /** What the guest had made for itself, where that is still allowed. */
  *#taken({ ifindex, network }: Pick<Port, "network" | "ifindex">): Generator<Binding> {
    const { ipv6, name } = network;
    if (ipv6 === undefined) return;
    for (const { address, mac } of this.#earlier.get(ifindex) ?? []) {
      if (typeof address !== "bigint" || mac === undefined) continue;
      const mayBeTaken = ipv6InPrefix(address, ipv6) && this.#parts.owner(name, address) === undefined;
      const isOwnLinkLocal = isLinkLocalIpv6(address) && !isDelegatedNextHop(network, address);
      if (isOwnLinkLocal || mayBeTaken) yield { address, mac };
    }
  }
}

/** Whether the network's guests have addresses that we know. */
function hasAddresses({ ipv4, ipv6 }: Network): boolean {
  return ipv4 !== undefined || ipv6 !== undefined;
}

/** A TAP whose guest only its first frame can tell. */
export interface UnknownPort {
  readonly ifindex: number;
  readonly ifname: string;
  /** Whose gateway it sees until its guest is known. */
  readonly network: Network;
  /** The only network that whoever made the TAP may use; undefined: whichever is the guest's. */
  readonly claimed: string | undefined;
  /** Whether whoever made it is one of these users. */
  readonly mayBe: (users: readonly string[]) => boolean;
}

/** Who is told of the links of ports whose guests are known. */
export interface LinkFollower {
  /** Listened to from now on; the guest has these addresses already. */
  opened(link: Link, bindings: readonly Binding[]): void;
  /** Its guest was told by its first frame, or its network has changed. */
  changed(link: Link): void;
  closed(slot: number): void;
}

/** Each port's place among the links that are listened to. */
export class PortFrames implements Frames {
  readonly #path: FramePath;
  readonly #follower: LinkFollower;
  readonly #kernel: Pick<Kernel, "link">;
  readonly #roster: () => Roster;
  readonly #slots = new Map<number, number>();

  constructor(path: FramePath, follower: LinkFollower, kernel: Pick<Kernel, "link">, roster: () => Roster) {
    this.#roster = roster;
    this.#path = path;
    this.#follower = follower;
    this.#kernel = kernel;
  }

  /** Waits for the first frame of a port. */
  await(port: UnknownPort): void {
    const slot = this.#path.links.freeSlot();
    this.#path.addLink(linkOf(this.#kernel, { ...port, guest: undefined }, slot), "port");
    this.#slots.set(port.ifindex, slot);
  }

  /** The guest is known now: the frame that told it, and all after it, are that guest's. */
  recognise(port: Omit<Port, "bindings">): void {
    const slot = this.#slots.get(port.ifindex);
    if (slot === undefined) return;
    const link = linkOf(this.#kernel, port, slot, this.#roster());
    this.#path.updateLink(link);
    this.#follower.changed(link);
  }

  open(port: Port): void {
    if (this.#slots.has(port.ifindex)) {
      this.recognise(port);
      return;
    }
    const slot = this.#path.links.freeSlot();
    const link = linkOf(this.#kernel, port, slot, this.#roster());
    const isStranger = port.network.bridge !== undefined && port.station === undefined && !hasAddresses(port.network);
    this.#path.addLink(link, "port", isStranger);
    this.#slots.set(port.ifindex, slot);
    this.#follower.opened(link, port.bindings);
  }

  close(port: Pick<Port, "ifindex">): void {
    const slot = this.#slots.get(port.ifindex);
    if (slot === undefined) return;
    this.#slots.delete(port.ifindex);
    this.#follower.closed(slot);
    this.#path.removeLink(slot);
  }
}

function linkOf(
  kernel: Pick<Kernel, "link">,
  port: Omit<Port, "bindings" | "guest"> & { guest: string | undefined },
  slot: number,
  roster?: Roster,
): Link {
  const { ifindex, ifname, guest, network } = port;
  const { gatewayIpv4 = 0, gatewayIpv6 = 0n } = network;
  const elsewhere = guest !== undefined && roster?.guest(guest, network.name)?.defaultRoute === false;
  const defaultRoute = elsewhere ? false : undefined;
  const named = { slot, ifindex, ifname, network: network.name, guest, defaultRoute };
  return makeLink({ ...named, gatewayIpv4, gatewayIpv6, ...stationOn(kernel, network) });
}

/** On a bridge we are what the bridge itself is. */
function stationOn(
  kernel: Pick<Kernel, "link">,
  { bridge, gatewayMac: own }: Network,
): Pick<Link, "gatewayMac" | "bridged" | "linkLocalIpv6"> {
  if (bridge === undefined) return { gatewayMac: own };
  const gatewayMac = bridge.existing ? (kernel.link(bridge.name)?.mac ?? own) : own;
  return { gatewayMac, bridged: true, linkLocalIpv6: linkLocalOf(gatewayMac) };
}

/** The ports that an earlier life of this process has marked, for whoever only wants to speak there. */
export function portLinks(kernel: Kernel, networks: readonly Network[]): Link[] {
  return kernel.dumpLinks().flatMap(({ ifindex, name: ifname, alias }, slot) => {
    const marked = parsePortAlias(alias);
    const network = networks.find(({ name }) => name === marked?.network);
    return marked === undefined || network === undefined
      ? []
      : [linkOf(kernel, { ifindex, ifname, guest: marked.guest, network }, slot)];
  });
}

/** A guest's names, kept as its addresses come and go. */
export class PortNames implements Names {
  readonly #dns: DnsService;
  readonly #roster: () => Roster;
  readonly #hostnames = new Map<string, string>();

  constructor(dns: DnsService, roster: () => Roster) {
    this.#dns = dns;
    this.#roster = roster;
  }

  add({ guest, network, bindings }: Pick<Port, "guest" | "network" | "bindings">): void {
    if (this.#roster().network(network.name)?.dns === undefined) return;
    const addresses = bindings.map(({ address }) => address);
    this.#dns.names.set(network.name, guest, {
      ipv4: addresses.filter((address) => typeof address === "number"),
      ipv6: addresses.filter((address) => isGlobalIpv6(address, network)),
      names: this.#roster().guest(guest, network.name)?.names ?? [],
      hostname: this.#hostnames.get(keyOf(guest, network.name)),
    });
  }

  remove({ guest, network }: Pick<Port, "guest" | "network">): void {
    this.#dns.names.remove(network.name, guest);
  }

  /** What the guest calls itself; takes effect with the next `add`. */
  setHostname(guest: string, network: string, hostname: string): void {
    if (hostname === "") this.#hostnames.delete(keyOf(guest, network));
    else this.#hostnames.set(keyOf(guest, network), hostname);
  }
}

/** An IPv6 address of the guest itself that means something beyond its link. */
export function isGlobalIpv6(address: IpAddress, network: Network): address is Ipv6Address {
  return typeof address === "bigint" && !isLinkLocalIpv6(address) && delegatedPrefix(network, address) === undefined;
}

function keyOf(guest: string, network: string): string {
  return `${network} ${guest}`;
}
