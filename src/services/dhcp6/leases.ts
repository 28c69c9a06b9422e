import { hasReservedIdentifier, type Ipv6Address } from "../../base/ipv6-address.js";
import type { LeaseBook, LeaseFacts } from "../../lease/book.js";
import type { Lease } from "../../lease/lease-entry.js";
import { MESSAGE, type STATUS } from "../../wire/dhcp6/codes.js";
import * as option from "../../wire/dhcp6/option.js";
import type { Exchange } from "./exchange.js";
import { ADDRESSES, type IaKind } from "./ia-kind.js";
import { identityOf } from "./identity.js";
import { stableAddress } from "./stable-address.js";
import { writeStatus } from "./status.js";

/** Conflicts after which a guest's stable address is given up for any that is free (RFC 7217 §6). */
const STABLE_TRIES = 3;

/** What happens to one IA and what the reply says about it: the same rules for addresses and for prefixes. */
export class IaLeases {
  readonly #kind: IaKind;
  readonly #secret: Uint8Array;

  constructor(kind: IaKind, secret: Uint8Array) {
    this.#kind = kind;
    this.#secret = secret;
  }

  /** Solicit: what would be given (RFC 8415 §18.3.9). Nothing is stored. */
  advertise(exchange: Exchange, book: LeaseBook, index: number): void {
    const lease = this.#choose(exchange, book, index);
    if (lease === undefined) this.#writeNoneLeft(exchange, index);
    else this.#writeLease(exchange, book, index, lease);
  }

  /** Request, and Solicit with rapid commit, whose addresses are only hopes (RFC 8415 §18.3.2, §18.3.1). */
  assign(exchange: Exchange, book: LeaseBook, index: number): void {
    const insists = this.#kind === ADDRESSES && exchange.request.type === MESSAGE.request;
    if (insists && this.#namesInappropriate(exchange, index)) {
      this.#writeStatus(exchange, index, "notOnLink");
      return;
    }
    const lease = this.#choose(exchange, book, index);
    if (lease === undefined) {
      this.#writeNoneLeft(exchange, index);
      return;
    }
    this.#bind(exchange, book, lease);
    this.#writeLease(exchange, book, index, lease);
  }

  /**
   * Renew and Rebind (RFC 8415 §18.3.4, §18.3.5). A lease whose address is no longer given is replaced in the same reply: the new
   * one with its lifetimes, the old one with zero.
   */
  extend(exchange: Exchange, book: LeaseBook, index: number, mayStaySilent: boolean): void {
    const held = this.#held(exchange, book, index);
    const lease = held === undefined ? undefined : this.#choose(exchange, book, index);
    if (lease === undefined) {
      this.#writeUnknown(exchange, index, mayStaySilent);
      return;
    }
    this.#bind(exchange, book, lease);
    this.#writeLease(exchange, book, index, lease, true);
  }

  /** Release (RFC 8415 §18.3.7). */
  release(exchange: Exchange, book: LeaseBook, index: number): void {
    const lease = this.#held(exchange, book, index);
    if (lease?.state !== "bound") {
      this.#writeStatus(exchange, index, "noBinding");
    } else if (this.#names(exchange, index, lease.address as Ipv6Address)) {
      book.release(lease);
      exchange.staged = true;
    }
  }

  /** Decline (RFC 8415 §18.3.8). */
  decline(exchange: Exchange, book: LeaseBook, index: number): void {
    const lease = this.#held(exchange, book, index);
    if (lease?.state !== "bound") {
      this.#writeStatus(exchange, index, "noBinding");
    } else if (this.#names(exchange, index, lease.address as Ipv6Address)) {
      book.decline(lease, exchange.served.config.quarantineSeconds * 1000);
      exchange.staged = true;
    }
  }

  /** The lease that this IA has: bound, or expired and remembered for it. */
  #held(exchange: Exchange, book: LeaseBook, index: number): Lease | undefined {
    const identity = identityOf(exchange, index);
    const lease = identity === undefined ? undefined : book.find(identity);
    return lease?.state === "bound" || lease?.state === "expired" ? lease : undefined;
  }

  /** Finds and holds what this IA gets: its reservation, else what it has or had, else what it hopes for, else what is free. */
  #choose(exchange: Exchange, book: LeaseBook, index: number): Lease | undefined {
    const identity = identityOf(exchange, index);
    if (identity === undefined) return undefined;
    const holdMs = exchange.served.config.offerSeconds * 1000;
    const reserved = exchange.slot[index] > 0 ? undefined : this.#reserved(exchange);
    if (reserved !== undefined) {
      const lease = book.claim(identity, reserved, holdMs);
      if (lease !== undefined) return lease;
    }
    const known = book.find(identity) ?? book.findOffer(identity);
    const wanted =
      known === undefined ? (this.#hint(exchange, book, index) ?? this.#stable(exchange, book, identity)) : undefined;
    // The lease's own string is found again without comparing its letters.
    return book.offer(known?.identity ?? identity, wanted, holdMs);
  }

  #reserved(exchange: Exchange): Ipv6Address | undefined {
    const reserved = exchange.served.reserved(exchange.link.guest, exchange.duid);
    return reserved === undefined ? undefined : this.#kind.reserved(reserved);
  }

  /** An address in the IA that nobody has. */
  #hint(exchange: Exchange, book: LeaseBook, index: number): Ipv6Address | undefined {
    const { request } = exchange;
    for (let at = request.firstInIa(index, this.#kind.leafCode); at >= 0; at = request.nextInIa(index, at)) {
      const address = this.#kind.address(request.view, at + option.HEADER_BYTES);
      if (this.#kind === ADDRESSES && hasReservedIdentifier(address)) continue;
      if (book.pool.contains(address) && book.at(address) === undefined) return address;
    }
    return undefined;
  }

  #stable(exchange: Exchange, book: LeaseBook, identity: string): Ipv6Address | undefined {
    const { name, addressPool } = exchange.served.config;
    if (this.#kind !== ADDRESSES || exchange.link.guest === undefined || addressPool === undefined) return undefined;
    for (let counter = 0; counter < STABLE_TRIES; counter++) {
      const address = stableAddress(addressPool, identity, name, counter, this.#secret);
      if (book.pool.contains(address) && book.at(address) === undefined) return address;
    }
    return undefined;
  }

  #bind(exchange: Exchange, book: LeaseBook, lease: Lease): void {
    const facts: LeaseFacts = {
      mac: exchange.mac,
      clientId: exchange.duid,
      hostname: exchange.hostname,
      ifindex: exchange.ifindex,
    };
    book.bind(lease, facts, exchange.lifetimes.leaseMs);
    exchange.staged = true;
  }

  #names(exchange: Exchange, index: number, address: Ipv6Address): boolean {
    const { request } = exchange;
    for (let at = request.firstInIa(index, this.#kind.leafCode); at >= 0; at = request.nextInIa(index, at)) {
      if (this.#kind.address(request.view, at + option.HEADER_BYTES) === address) return true;
    }
    return false;
  }

  #namesInappropriate(exchange: Exchange, index: number): boolean {
    const { request, served } = exchange;
    for (let at = request.firstInIa(index, this.#kind.leafCode); at >= 0; at = request.nextInIa(index, at)) {
      const address = this.#kind.address(request.view, at + option.HEADER_BYTES);
      if (address !== 0n && !this.#kind.isAppropriate(served, address)) return true;
    }
    return false;
  }

  #writeLease(exchange: Exchange, book: LeaseBook, index: number, lease: Lease, refuseOthers = false): void {
    const { writer, lifetimes, request } = exchange;
    const address = lease.address as Ipv6Address;
    const mark = writer.openIa(this.#kind.code, request.iaid(index), lifetimes.t1Seconds, lifetimes.t2Seconds);
    this.#kind.writeLeaf(writer, address, book.prefixLength, lifetimes.preferredSeconds, lifetimes.validSeconds);
    if (refuseOthers) this.#writeRefused(exchange, index, (other, length) => other !== address || length !== book.prefixLength);
    writer.close(mark);
    exchange.answeredIas++;
  }

  /** Everything in the IA that the client may not use (any longer), with lifetimes of zero. */
  #writeRefused(exchange: Exchange, index: number, isRefused: (address: Ipv6Address, length: number) => boolean): void {
    const { request, writer } = exchange;
    for (let at = request.firstInIa(index, this.#kind.leafCode); at >= 0; at = request.nextInIa(index, at)) {
      const leaf = at + option.HEADER_BYTES;
      const refused = isRefused(this.#kind.address(request.view, leaf), this.#kind.lengthOf(request.view, leaf));
      if (refused) this.#kind.writeRefused(writer, request.view, leaf);
    }
  }

  /** No such lease here: what is not of this network is taken back, the rest has no binding. */
  #writeUnknown(exchange: Exchange, index: number, mayStaySilent: boolean): void {
    const { writer, request, served } = exchange;
    const strange = this.#namesInappropriate(exchange, index);
    if (!strange && mayStaySilent) return;
    const mark = writer.openIa(this.#kind.code, request.iaid(index), 0, 0);
    if (strange) this.#writeRefused(exchange, index, (address) => !this.#kind.isAppropriate(served, address));
    else writeStatus(writer, "noBinding");
    writer.close(mark);
    exchange.answeredIas++;
  }

  #writeNoneLeft(exchange: Exchange, index: number): void {
    exchange.refusedIas++;
    this.#writeStatus(exchange, index, this.#kind.noneLeft);
  }

  #writeStatus(exchange: Exchange, index: number, status: keyof typeof STATUS): void {
    const { writer, request } = exchange;
    const mark = writer.openIa(this.#kind.code, request.iaid(index), 0, 0);
    writeStatus(writer, status);
    writer.close(mark);
    exchange.answeredIas++;
  }
}
