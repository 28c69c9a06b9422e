/** What attaching a guest needs of the services: which addresses are its own, its frames, its names. */
import type { IpAddress } from "../../base/kernel-objects.js";
import type { FramePath } from "../../frame/frame-path.js";
import type { Link } from "../../frame/link.js";
import type { Addresses, Frames, Names } from "../../guest/services.js";
import type { LeaseBook } from "../../lease/book.js";
import type { Lease } from "../../lease/lease-entry.js";
import type { Binding, Network, Port } from "../../network/model.js";
import { guestIdentity } from "../../services/dhcp4/identity.js";
import type { DnsService } from "../../services/dns/service.js";
import type { Roster } from "./roster.js";

/**
 * The addresses that are a guest's before it asks: those of its configuration, where its MAC address is known, and its
 * leases.
 */
export class GuestAddresses implements Addresses {
  readonly #roster: () => Roster;
  readonly #books: (network: string) => readonly LeaseBook[];

  constructor(roster: () => Roster, books: (network: string) => readonly LeaseBook[]) {
    this.#roster = roster;
    this.#books = books;
  }

  claim(port: Pick<Port, "guest" | "network">): Binding[] {
    const bindings = new Map<IpAddress, Binding>();
    const configured = this.#roster().guest(port.guest);
    for (const lease of this.#leases(port)) {
      const mac = lease.record?.mac ?? 0;
      if (mac !== 0) bindings.set(lease.address, { address: lease.address, mac });
    }
    if (configured?.mac !== undefined) {
      for (const address of [configured.ipv4, configured.ipv6]) {
        if (address !== undefined) bindings.set(address, { address, mac: configured.mac });
      }
    }
    return [...bindings.values()];
  }

  /** Nothing was changed by `claim`. */
  unclaim(): void {}

  /** The guest's leases that run: of IPv4 its one, of IPv6 those of each of its associations. */
  *#leases({ guest, network }: Pick<Port, "guest" | "network">): Generator<Lease> {
    const identity = guestIdentity(guest);
    for (const book of this.#books(network.name)) {
      if (book.kind !== "address") continue;
      const lease = book.find(identity);
      if (lease?.state === "bound") yield lease;
    }
  }
}

/** A TAP whose guest only its first frame can tell. */
export interface UnknownPort {
  readonly ifindex: number;
  readonly ifname: string;
  /** Whose gateway it sees until its guest is known. */
  readonly network: Network;
  /** The only network that whoever made the TAP may use; undefined: whichever is the guest's. */
  readonly claimed: string | undefined;
}

/** Each port's place among the links that are listened to. */
export class PortFrames implements Frames {
  readonly #path: FramePath;
  readonly #slots = new Map<number, number>();

  constructor(path: FramePath) {
    this.#path = path;
  }

  /** Waits for the first frame of a port. */
  await(port: UnknownPort): void {
    const slot = this.#path.links.freeSlot();
    this.#path.addLink(linkOf({ ...port, guest: undefined }, slot), "port");
    this.#slots.set(port.ifindex, slot);
  }

  /** The guest is known now: the frame that told it, and all after it, are that guest's. */
  recognise(port: Omit<Port, "bindings">): void {
    const slot = this.#slots.get(port.ifindex);
    if (slot !== undefined) this.#path.updateLink(linkOf(port, slot));
  }

  open(port: Port): void {
    if (this.#slots.has(port.ifindex)) {
      this.recognise(port);
      return;
    }
    const slot = this.#path.links.freeSlot();
    this.#path.addLink(linkOf(port, slot), "port");
    this.#slots.set(port.ifindex, slot);
  }

  close(port: Pick<Port, "ifindex">): void {
    const slot = this.#slots.get(port.ifindex);
    if (slot === undefined) return;
    this.#slots.delete(port.ifindex);
    this.#path.removeLink(slot);
  }
}

function linkOf(port: Omit<Port, "bindings" | "guest"> & { guest: string | undefined }, slot: number): Link {
  const { ifindex, ifname, guest, network } = port;
  const { gatewayMac, gatewayIpv4 = 0, gatewayIpv6 = 0n } = network;
  return { slot, ifindex, ifname, network: network.name, guest, gatewayMac, gatewayIpv4, gatewayIpv6 };
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
      ipv6: addresses.filter((address) => typeof address === "bigint"),
      names: this.#roster().guest(guest)?.names ?? [],
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

function keyOf(guest: string, network: string): string {
  return `${network} ${guest}`;
}
