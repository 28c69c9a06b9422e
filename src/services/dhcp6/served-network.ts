import { IPV6_ANY, type Ipv6Address } from "../../base/ipv6-address.js";
import { ipv6InPrefix } from "../../base/prefix.js";
import type { LeaseBook } from "../../lease/book.js";
import type { AddressPool } from "../../lease/pool.js";
import { SparsePool } from "../../lease/sparse-pool.js";
import { INFINITE_SECONDS } from "../../wire/dhcp6/codes.js";
import type { Dhcp6Network, Dhcp6Reserved } from "./network.js";
import { type ReadyOptions, readyOptions } from "./options.js";

/** A network's configuration, compiled for the hot path. A change of configuration makes a new one. */
export class ServedNetwork {
  readonly config: Dhcp6Network;
  readonly options: ReadyOptions;
  readonly addressPool: AddressPool | undefined;
  readonly prefixPool: AddressPool | undefined;
  readonly #lifetimes: Lifetimes;
  readonly #byGuest: ReadonlyMap<string, Dhcp6Reserved>;
  readonly #byDuid: ReadonlyMap<string, Dhcp6Reserved>;

  constructor(config: Dhcp6Network) {
    this.config = config;
    this.options = readyOptions(config.options);
    this.#byGuest = new Map(config.guests.map((guest) => [guest.name, guest]));
    this.#byDuid = new Map(config.reservations.map((reservation) => [reservation.duid, reservation]));
    const kept: readonly Dhcp6Reserved[] = [...config.guests, ...config.reservations];
    const { addressPool, delegation } = config;
    const addresses = [config.gateway, ...kept.map(({ address }) => address ?? IPV6_ANY)];
    this.addressPool = addressPool === undefined ? undefined : new SparsePool(addressPool, 128, addresses);
    const prefixes = kept.map(({ prefix }) => prefix ?? IPV6_ANY);
    this.prefixPool = delegation === undefined ? undefined : new SparsePool(delegation.pool, delegation.length, prefixes);
    const validSeconds = wireSeconds(config.leaseSeconds);
    this.#lifetimes = lifetimes(validSeconds, Math.min(wireSeconds(config.preferredSeconds), validSeconds));
  }

  /** How long what is given now lasts. */
  lifetimesAt(nowMs: number): Lifetimes {
    const { ends } = this.config;
    if (ends === undefined) return this.#lifetimes;
    const { validSeconds, preferredSeconds } = this.#lifetimes;
    const left = (atMs: number): number => Math.max(0, Math.floor((atMs - nowMs) / 1000));
    return lifetimes(Math.min(validSeconds, left(ends.validMs)), Math.min(preferredSeconds, left(ends.preferredMs)));
  }

  /** What is kept for the guest behind a port, or else for the client that calls itself by this DUID. */
  reserved(guest: string | undefined, duid: string): Dhcp6Reserved | undefined {
    const byGuest = guest === undefined ? undefined : this.#byGuest.get(guest);
    return byGuest ?? this.#byDuid.get(duid);
  }

  /** Whether an address belongs to the network's links (RFC 8415 §18.3.2, §18.3.3). */
  isOnLink(address: Ipv6Address): boolean {
    return this.config.prefixes.some((prefix) => ipv6InPrefix(address, prefix));
  }

  /** Whether a prefix is one that this network delegates. */
  delegates(prefix: Ipv6Address): boolean {
    return this.config.delegation !== undefined && ipv6InPrefix(prefix, this.config.delegation.pool);
  }
}

/** Seconds as they go onto the wire. */
export interface Lifetimes {
  readonly validSeconds: number;
  readonly preferredSeconds: number;
  /** Half and four fifths of the preferred lifetime (RFC 8415 §21.4), the same for every lease of a reply (§18.3.2). */
  readonly t1Seconds: number;
  readonly t2Seconds: number;
  /** How long a binding lasts, in milliseconds; `Infinity` for ever. */
  readonly leaseMs: number;
}

function lifetimes(validSeconds: number, preferredSeconds: number): Lifetimes {
  const endless = preferredSeconds === INFINITE_SECONDS;
  return {
    validSeconds,
    preferredSeconds,
    t1Seconds: endless ? INFINITE_SECONDS : Math.floor(preferredSeconds * 0.5),
    t2Seconds: endless ? INFINITE_SECONDS : Math.floor(preferredSeconds * 0.8),
    leaseMs: validSeconds === INFINITE_SECONDS ? Number.POSITIVE_INFINITY : validSeconds * 1000,
  };
}

function wireSeconds(seconds: number): number {
  return seconds >= INFINITE_SECONDS ? INFINITE_SECONDS : Math.floor(seconds);
}

/** A network and its leases: the leases outlive the configuration. Undefined where it gives none of that kind. */
export interface NetworkState {
  served: ServedNetwork;
  addresses: LeaseBook | undefined;
  prefixes: LeaseBook | undefined;
  /** When it was last said that nothing is left; so that it is said once per while. */
  fullSinceMs: number;
}
