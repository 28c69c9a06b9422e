/**
 * Theory of operation
 *
 * Clients of shared links are called after their address (`host-10-0-0-5`), and as they call themselves while nobody else is called
 * so. There may be tens of thousands of them, and hardly any is ever asked about; so their names are put into the DNS when a
 * question for one comes, and otherwise follow from the leases, which are in memory anyway. What is kept for each is only who
 * came first with which host name, and who waits for it; nobody can call itself after another's address. After a restart the
 * names are there as soon as the leases are.
 *
 * A name that was asked about stays in the DNS until its lease ends; the oldest goes when there are too many.
 */
import { parseIpv4 } from "../../base/ipv4-address.js";
import { parseIpv6 } from "../../base/ipv6-address.js";
import { WaitingLists } from "../../base/waiting-lists.js";
import type { LeaseBook } from "../../lease/book.js";
import { formatLeaseAddress, type LeaseAddress, type LeaseRecord } from "../../lease/lease.js";
import type { GuestNames } from "../../services/dns/guest-names.js";
import { reverseAddress } from "../../services/dns/zones.js";
import { guestOf } from "./lease-owner.js";

/** Clients whose names are in the DNS because somebody asked. */
const MOST_PLACED = 4096;

export interface ClientNamesParts {
  readonly names: GuestNames;
  /** The networks whose clients have names, with their domains. */
  readonly networks: () => Iterable<{ readonly name: string; readonly domain: string }>;
  readonly books: (network: string) => readonly LeaseBook[];
}

export class ClientNames {
  readonly #parts: ClientNamesParts;
  /** By network, then by host name: who came first. */
  readonly #hostnames = new Map<string, Map<string, LeaseAddress>>();
  /** Who came later with a host name, by network and name. */
  readonly #waiting = new WaitingLists<LeaseAddress>();
  /** Whose names are in the DNS, the oldest first. */
  readonly #placed = new Set<string>();
  #hasClients = false;

  constructor(parts: ClientNamesParts) {
    this.#parts = parts;
  }

  /** Whether there ever was a client: without, there is nothing to look for. */
  get hasAny(): boolean {
    return this.#hasClients;
  }

  /** All that the books hold, after a start. */
  recall(): void {
    for (const { name } of this.#parts.networks()) {
      for (const book of this.#parts.books(name)) {
        for (const { state, record } of book.leases())
          if (state === "bound" && record !== undefined) this.bound(record, undefined);
      }
    }
  }

  bound(lease: LeaseRecord, previous: LeaseRecord | undefined): void {
    if (!isClient(lease)) return;
    this.#hasClients = true;
    if (previous !== undefined && previous.hostname !== lease.hostname) this.#forgetHostname(previous);
    if (lease.hostname !== "" && addressIn(lease.hostname) === undefined) {
      const hostnames = this.#hostnamesOf(lease.network);
      const first = hostnames.get(lease.hostname);
      if (first === undefined) hostnames.set(lease.hostname, lease.address);
      else if (first !== lease.address) this.#waiting.add(awaitedKey(lease), lease.address);
    }
    this.#displace(lease);
  }

  unbound(lease: LeaseRecord): void {
    if (!isClient(lease)) return;
    this.#forgetHostname(lease);
    this.#displace(lease);
  }

  /**
   * Puts the client with this name, or with the address that this name stands for, into the DNS; false where there is none. A
   * single label is looked for in every network.
   */
  place(name: string): boolean {
    const address = reverseAddress(name);
    let isFound = false;
    for (const { name: network, domain } of this.#parts.networks()) {
      const label = address === undefined ? labelIn(name, domain) : undefined;
      const lease = address === undefined ? this.#find(network, label) : this.#leaseAt(network, address);
      if (lease === undefined) continue;
      this.#put(lease);
      isFound = true;
    }
    return isFound;
  }

  /** The names of a network's clients that nobody has asked for, each with its address; for lists. */
  *unplaced(network: string): Generator<{ readonly names: readonly string[]; readonly address: LeaseAddress }> {
    for (const book of this.#parts.books(network)) {
      for (const { state, record } of book.leases()) {
        if (state !== "bound" || record === undefined || !isClient(record)) continue;
        const name = clientName(record);
        if (this.#placed.has(`${network}/${name}`)) continue;
        yield { names: this.#isFirst(record) ? [name, record.hostname] : [name], address: record.address };
      }
    }
  }

  /** Whether the client is the one that is called as it calls itself. */
  #isFirst({ network, hostname, address }: LeaseRecord): boolean {
    return this.#hostnames.get(network)?.get(hostname) === address;
  }

  #find(network: string, label: string | undefined): LeaseRecord | undefined {
    if (label === undefined) return undefined;
    const address = this.#hostnames.get(network)?.get(label) ?? addressIn(label);
    return address === undefined ? undefined : this.#leaseAt(network, address);
  }

  #leaseAt(network: string, address: LeaseAddress): LeaseRecord | undefined {
    for (const book of this.#parts.books(network)) {
      const lease = book.kind === "address" ? book.at(address) : undefined;
      if (lease?.state === "bound" && lease.record !== undefined && isClient(lease.record)) return lease.record;
    }
    return undefined;
  }

  #put(lease: LeaseRecord): void {
    const name = clientName(lease);
    const addresses = typeof lease.address === "number" ? { ipv4: [lease.address] } : { ipv6: [lease.address] };
    const hostname = this.#isFirst(lease) ? lease.hostname : undefined;
    this.#parts.names.set(lease.network, name, { ...addresses, hostname });
    const key = `${lease.network}/${name}`;
    this.#placed.delete(key);
    this.#placed.add(key);
    if (this.#placed.size <= MOST_PLACED) return;
    const [oldest] = this.#placed;
    this.#placed.delete(oldest);
    const [network, client] = oldest.split("/");
    this.#parts.names.remove(network, client);
  }

  /** What the DNS has of it is not true any more; the next question brings what is. */
  #displace(lease: Pick<LeaseRecord, "network" | "kind" | "address" | "prefixLength">): void {
    if (this.#placed.size === 0 || !this.#placed.delete(`${lease.network}/${clientName(lease)}`)) return;
    this.#parts.names.remove(lease.network, clientName(lease));
  }

  /** The client is not called so any more; who has waited longest for the name is. */
  #forgetHostname(lease: LeaseRecord): void {
    const { network, hostname, address } = lease;
    const hostnames = this.#hostnames.get(network);
    const awaited = awaitedKey(lease);
    this.#waiting.remove(awaited, address);
    if (hostnames?.get(hostname) !== address) return;
    const next = this.#waiting.first(awaited);
    if (next === undefined) {
      hostnames.delete(hostname);
      return;
    }
    this.#waiting.remove(awaited, next);
    hostnames.set(hostname, next);
    this.#displace({ ...lease, address: next });
  }

  #hostnamesOf(network: string): Map<string, LeaseAddress> {
    let hostnames = this.#hostnames.get(network);
    if (hostnames === undefined) {
      hostnames = new Map();
      this.#hostnames.set(network, hostnames);
    }
    return hostnames;
  }
}

function isClient(lease: LeaseRecord): boolean {
  return lease.kind === "address" && guestOf(lease) === undefined;
}

function awaitedKey({ network, hostname }: LeaseRecord): string {
  return `${network} ${hostname}`;
}

/** `host-10-0-0-5`, `host-2001-db8--5`. */
function clientName(lease: Pick<LeaseRecord, "kind" | "address" | "prefixLength">): string {
  return `host-${formatLeaseAddress(lease).replaceAll(/[.:]/g, "-")}`;
}

/** The address in `host-10-0-0-5`. */
function addressIn(label: string): LeaseAddress | undefined {
  if (!label.startsWith("host-")) return undefined;
  const rest = label.slice("host-".length);
  return parseIpv4(rest.replaceAll("-", ".")) ?? parseIpv6(rest.replaceAll("-", ":"));
}

/** The one label below the domain, or the whole name where it has only one. */
function labelIn(name: string, domain: string): string | undefined {
  const label = name.endsWith(`.${domain}`) ? name.slice(0, -domain.length - 1) : name;
  return label === "" || label.includes(".") ? undefined : label;
}
