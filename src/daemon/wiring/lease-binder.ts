/**
 * Theory of operation
 *
 * Leases that are on disk become kernel state and names here, before their ACKs leave: one call for all leases of a commit, so a
 * hundred guests that boot at once cost one system call. On a port the address is bound to the guest (route, neighbour, guard);
 * on a shared link the client gets its name, and its prefix a route.
 *
 * A port is found by its guest and not by its interface: after a restart a lease does not know the latter. A guest that was
 * recognised by the very frame that asks for the lease is still being attached; then the whole call waits for that, which takes
 * a millisecond.
 *
 * One address that the kernel refuses is logged and does not hold back the others' ACKs. On a bridge a lease for somebody else's MAC
 * address is taken back, or it would be the guest's at the next start.
 */
import { TapnetError } from "../../base/errors.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import { formatAddress, type IpAddress } from "../../base/kernel-objects.js";
import type { Logger } from "../../base/log.js";
import { formatMac } from "../../base/mac.js";
import type { Ports } from "../../guest/ports.js";
import type { LeaseBound, LeaseEvent, LeaseEvents, LeaseUnbound } from "../../lease/events.js";
import type { LeaseRecord } from "../../lease/lease.js";
import { formatLeaseAddress } from "../../lease/lease.js";
import type { Port } from "../../network/model.js";
import type { ClientNames } from "./client-names.js";
import type { ClientPrefixes } from "./client-prefixes.js";
import type { EventLog } from "./event-log.js";
import type { AddressFollowers } from "./followers.js";
import { guestOf } from "./lease-owner.js";
import type { Roster } from "./roster.js";

export interface LeaseBinderParts {
  readonly ports: () => Ports;
  readonly names: AddressFollowers;
  readonly clients: ClientNames;
  readonly clientPrefixes: ClientPrefixes;
  readonly roster: () => Roster;
  readonly events: EventLog;
  readonly log: Logger;
  /** Whoever has merely taken the address loses it to the lease. */
  readonly withdraw: (network: string, address: Ipv6Address) => void;
  /** Nobody may have the lease: it was asked for from a MAC address that is another's. */
  readonly takeBack: (lease: LeaseRecord | undefined) => void;
  /** The attach that a first frame has begun, by guest; undefined where none is under way. */
  readonly attaching: (guest: string, network: string) => Promise<unknown> | undefined;
}

export class LeaseBinder implements LeaseEvents {
  readonly #parts: LeaseBinderParts;

  constructor(parts: LeaseBinderParts) {
    this.#parts = parts;
  }

  apply(events: readonly LeaseEvent[]): Promise<void> | undefined {
    const pending: Promise<unknown>[] = [];
    for (const { lease } of events) {
      const guest = guestOf(lease);
      const attaching = guest === undefined ? undefined : this.#parts.attaching(guest, lease.network);
      if (attaching !== undefined) pending.push(attaching);
    }
    if (pending.length > 0) return Promise.allSettled(pending).then(() => this.#apply(events));
    this.#apply(events);
    return undefined;
  }

  #apply(events: readonly LeaseEvent[]): void {
    const bound = events.filter((event) => event.kind === "bound");
    const unbound = events.filter((event) => event.kind === "unbound");
    if (unbound.length > 0) this.#unbind(unbound);
    if (bound.length > 0) this.#bind(bound);
    for (const event of events) this.#tell(event);
  }

  #bind(events: readonly LeaseBound[]): void {
    const ports = this.#parts.ports();
    for (const { lease } of events) {
      if (typeof lease.address === "bigint" && lease.kind === "address") this.#parts.withdraw(lease.network, lease.address);
    }
    const onPort = events.flatMap((event) => this.#withPort(event));
    const requests = onPort.flatMap(({ event: { lease }, port }) =>
      (lease.mac === 0 ? [] : [lease.address, ...this.#along(port, lease)]).map((address) => ({
        ifindex: port.ifindex,
        address,
        mac: lease.mac,
      })),
    );
    for (const [row, outcome] of ports.bind(requests).entries()) {
      if (outcome === undefined) continue;
      const { address, mac } = requests[row];
      if (outcome instanceof TapnetError && outcome.code === "STATION_TAKEN") {
        this.#parts.log.warn({ address: formatAddress(address), error: outcome.message }, "a lease is taken back");
        this.#parts.takeBack(onPort.find(({ event }) => event.lease.address === address)?.event.lease);
        continue;
      }
      this.#parts.log.error(
        { address: formatAddress(address), mac: formatMac(mac), error: outcome.message },
        "an address could not be bound: the guest has a lease that does not work",
      );
    }
    for (const { event, port } of onPort) {
      this.#parts.names.setHostname(port.guest, port.network.name, event.lease.hostname);
      this.#parts.names.add(port);
    }
    for (const { lease, previous } of events) this.#parts.clients.bound(lease, previous);
    this.#parts.clientPrefixes.bound(events);
  }

  #unbind(events: readonly LeaseUnbound[]): void {
    const onPort = events
      .flatMap((event) => this.#withPort(event))
      .filter(({ event, port }) => !this.#isOwn(port, event.lease.address));
    this.#parts
      .ports()
      .unbind(
        onPort.flatMap(({ event: { lease }, port: { ifindex }, port }) =>
          [lease.address, ...this.#along(port, lease)].map((address) => ({ ifindex, address })),
        ),
      );
    for (const { port } of onPort) this.#parts.names.add(port);
    for (const { lease } of events) this.#parts.clients.unbound(lease);
    this.#parts.clientPrefixes.unbound(events);
  }

  /** An address that the configuration gives to the guest is its own, lease or not. */
  #isOwn({ guest, network }: Port, address: IpAddress): boolean {
    const configured = this.#parts.roster().guest(guest, network.name);
    return configured?.mac !== undefined && (configured.ipv4 === address || configured.ipv6 === address);
  }

  /** The guest's further addresses, of which the lease has told who may use them: where no MAC address is configured. */
  #along({ guest, network }: Port, { family }: LeaseRecord): readonly IpAddress[] {
    const configured = this.#parts.roster().guest(guest, network.name);
    return family === 4 && configured?.mac === undefined ? (configured?.furtherIpv4 ?? []) : [];
  }

  #withPort<Event extends LeaseEvent>(event: Event): { event: Event; port: Port }[] {
    const guest = guestOf(event.lease);
    const port = guest === undefined ? undefined : this.#parts.ports().ofGuest(guest, event.lease.network);
    return port === undefined ? [] : [{ event, port }];
  }

  #tell(event: LeaseEvent): void {
    const { lease } = event;
    const address = formatLeaseAddress(lease);
    const guest = guestOf(lease);
    const who = guest ?? lease.identity;
    const message =
      event.kind === "bound"
        ? `${who} has ${address}`
        : `${who} has ${address} no more: ${event.reason === "unsaved" ? "it could not be saved" : event.reason}`;
    const kind = event.kind === "bound" ? "lease.bound" : "lease.ended";
    this.#parts.events.tell({ kind, network: lease.network, guest, message, routine: guest === undefined });
  }
}
