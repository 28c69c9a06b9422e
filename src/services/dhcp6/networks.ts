import type { Clock } from "../../base/clock.js";
import { IPV6_ANY, type Ipv6Address, isLinkLocalIpv6 } from "../../base/ipv6-address.js";
import type { Link } from "../../frame/link.js";
import { LeaseBook } from "../../lease/book.js";
import type { GroupCommit } from "../../lease/group-commit.js";
import type { LeaseKind, LeaseRecord } from "../../lease/lease.js";
import type { AddressPool } from "../../lease/pool.js";
import * as relay from "../../wire/dhcp6/relay.js";
import type { RelayPath } from "../../wire/dhcp6/relay-path.js";
import type { Dhcp6Network } from "./network.js";
import { type NetworkState, ServedNetwork } from "./served-network.js";

/** The networks that are served, each with its books. */
export class Networks {
  readonly #states = new Map<string, NetworkState>();
  readonly #commit: GroupCommit;
  readonly #clock: Clock;

  constructor(commit: GroupCommit, clock: Clock) {
    this.#commit = commit;
    this.#clock = clock;
  }

  get(name: string): NetworkState | undefined {
    return this.#states.get(name);
  }

  /** A new network, or another configuration of one whose leases stay. */
  set(config: Dhcp6Network): void {
    const served = new ServedNetwork(config);
    const before = this.#states.get(config.name);
    this.#states.set(config.name, {
      served,
      addresses: this.#book(before?.addresses, config.name, "address", 128, served.addressPool),
      prefixes: this.#book(before?.prefixes, config.name, "prefix", config.delegation?.length ?? 0, served.prefixPool),
      fullSinceMs: Number.NEGATIVE_INFINITY,
    });
  }

  load(records: readonly LeaseRecord[]): void {
    for (const { addresses, prefixes } of this.#states.values()) {
      addresses?.load(records);
      prefixes?.load(records.filter((record) => record.prefixLength === prefixes.prefixLength));
    }
  }

  delete(name: string): void {
    const state = this.#states.get(name);
    state?.addresses?.close();
    state?.prefixes?.close();
    this.#states.delete(name);
  }

  /**
   * The network that a client is on: a port's own; on a shared link, the one that the relay next to the client names by an
   * address (RFC 8415 §13.1), or else the link's. Anybody there can call himself a relay: so another network than the link's
   * only where that is to be had so.
   */
  of(link: Link, path: RelayPath, view: DataView): NetworkState | undefined {
    if (link.guest === undefined) {
      for (let level = path.depth - 1; level >= 0; level--) {
        const linkAddress = relay.linkAddress(view, path.header(level));
        if (linkAddress === IPV6_ANY || isLinkLocalIpv6(linkAddress)) continue;
        const named = this.#holding(linkAddress);
        return named?.served.config.name === link.network || named?.served.config.relayed === true ? named : undefined;
      }
    }
    return this.#states.get(link.network);
  }

  #holding(address: Ipv6Address): NetworkState | undefined {
    for (const state of this.#states.values()) if (state.served.isOnLink(address)) return state;
    return undefined;
  }

  /** The book that goes on, with its new pool; a new one where there was none, or where prefixes get another length. */
  #book(
    before: LeaseBook | undefined,
    network: string,
    kind: LeaseKind,
    prefixLength: number,
    pool: AddressPool | undefined,
  ): LeaseBook | undefined {
    if (before !== undefined && (pool === undefined || before.prefixLength !== prefixLength)) {
      for (const lease of [...before.leases()]) before.remove(lease);
      before.close();
    }
    if (pool === undefined) return undefined;
    if (before?.prefixLength === prefixLength) {
      before.replacePools([pool]);
      return before;
    }
    return new LeaseBook({ network, family: 6, kind, prefixLength, pools: [pool], commit: this.#commit, clock: this.#clock });
  }
}
