/**
 * Theory of operation
 *
 * A prefix that is delegated to a client of a shared link leads to that client's station, or nobody could reach what is behind
 * it (RFC 8415 §6.3 leaves that to the delegating router). The next hop is made of the prefix, as on ports, so the route outlives
 * every change of the client's own addresses. Behind a relay it is the relay that routes; we do nothing.
 *
 * A lease does not say on which interface its client was heard, and whether a relay stood between. After a restart the kernel
 * says both by the routes that it still has; where it has lost them, the client's next renewal brings them back.
 */
import type { Logger } from "../../base/log.js";
import type { LeaseBook } from "../../lease/book.js";
import type { LeaseBound, LeaseUnbound } from "../../lease/events.js";
import type { LeaseRecord } from "../../lease/lease.js";
import { formatLeaseAddress } from "../../lease/lease.js";
import type { Kernel } from "../../network/kernel.js";
import { type ClientPrefix, type Network, PROTOCOL } from "../../network/model.js";
import { type BindingState, clientPrefixState, delegatedBy } from "../../network/state.js";
import { guestOf } from "./lease-owner.js";

export interface ClientPrefixesParts {
  readonly kernel: Kernel;
  readonly log: Logger;
  readonly networks: () => readonly Network[];
  /** The network's leases of prefixes; undefined where it delegates none. */
  readonly book: (network: string) => LeaseBook | undefined;
}

export class ClientPrefixes {
  readonly #parts: ClientPrefixesParts;
  readonly #known = new Map<string, ClientPrefix>();

  constructor(parts: ClientPrefixesParts) {
    this.#parts = parts;
  }

  list(): readonly ClientPrefix[] {
    return [...this.#known.values()];
  }

  /** What an earlier life has left in the kernel, of those that are leased still. After the leases were loaded. */
  recall(): void {
    const { kernel, networks, book } = this.#parts;
    const leases = networks().flatMap(({ name }) => [...(book(name)?.leases() ?? [])].flatMap(({ record }) => record ?? []));
    const leased = new Map(leases.filter(isClients).map((lease) => [lease.address, lease]));
    if (leased.size === 0) return;
    const names = new Map(kernel.dumpLinks().map(({ ifindex, name }) => [ifindex, name]));
    for (const route of kernel.dumpRoutes(PROTOCOL)) {
      const prefix = delegatedBy(route);
      const lease = prefix && leased.get(prefix.address);
      const ifname = names.get(route.ifindex);
      if (lease !== undefined && ifname !== undefined) this.#keep(lease, ifname);
    }
  }

  bound(events: readonly LeaseBound[]): void {
    const { kernel, log } = this.#parts;
    const batch = kernel.batch();
    for (const { lease, ifindex } of events) {
      if (!isClients(lease)) continue;
      const ifname = ifindex === 0 ? undefined : kernel.link(ifindex)?.name;
      const kept = this.#forget(lease);
      if (ifname === undefined) {
        remove(batch, kept && this.#stateOf(kept));
        continue;
      }
      const state = this.#stateOf(this.#keep(lease, ifname));
      if (kept !== undefined && kept.ifname !== ifname) remove(batch, this.#stateOf(kept));
      if (state?.route !== undefined) batch.addRoute(state.route);
      if (state?.neighbour !== undefined) batch.setNeighbour(state.neighbour);
    }
    for (const { error } of batch.count === 0 ? [] : batch.send())
      log.error({ error: error.message }, "a delegated prefix could not be routed: its client has a lease that does not work");
  }

  unbound(events: readonly LeaseUnbound[]): void {
    const batch = this.#parts.kernel.batch();
    for (const { lease } of events) {
      const kept = isClients(lease) ? this.#forget(lease) : undefined;
      remove(batch, kept && this.#stateOf(kept));
    }
    // What is gone already is as it should be.
    if (batch.count > 0) batch.send();
  }

  #keep({ network, address, mac, ...lease }: LeaseRecord, ifname: string): ClientPrefix {
    const kept = { network, ifname, address: address as bigint, mac };
    this.#known.set(formatLeaseAddress({ ...lease, address }), kept);
    return kept;
  }

  #forget(lease: LeaseRecord): ClientPrefix | undefined {
    const key = formatLeaseAddress(lease);
    const kept = this.#known.get(key);
    this.#known.delete(key);
    return kept;
  }

  #stateOf(kept: ClientPrefix): BindingState | undefined {
    const ifindex = this.#parts.kernel.link(kept.ifname)?.ifindex;
    return ifindex === undefined ? undefined : clientPrefixState(kept, this.#parts.networks(), new Map([[kept.ifname, ifindex]]));
  }
}

function isClients(lease: LeaseRecord): boolean {
  return lease.kind === "prefix" && lease.state === "bound" && lease.mac !== 0 && guestOf(lease) === undefined;
}

function remove(batch: ReturnType<Kernel["batch"]>, state: BindingState | undefined): void {
  if (state?.route !== undefined) batch.deleteRoute(state.route);
  if (state?.neighbour !== undefined) batch.deleteNeighbour(state.neighbour);
}
