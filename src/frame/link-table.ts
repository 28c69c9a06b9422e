import { IPV6_ANY, type Ipv6Address, writeIpv6 } from "../base/ipv6-address.js";
import { ADDRESS_BYTES, copyAddress, isSameAddress } from "./ipv6-bytes.js";
import type { Link } from "./link.js";

/** The router's link-local address on every port (DESIGN: the same on each, so that a guest may move). */
export const PORT_LINK_LOCAL: Ipv6Address = (0xfe80n << 112n) | 1n;

/**
 * Every link by its slot, with our IPv6 addresses beside it as bytes: the hot path compares and copies those, because a bigint
 * would be an allocation per frame.
 */
export class LinkTable {
  readonly #links: (Link | undefined)[] = [];
  readonly #free: number[] = [];
  #gateways = new Uint8Array(0);
  #linkLocals = new Uint8Array(0);

  /** The number of slots in use or free below the highest that was ever used: the length for per-link tables. */
  get slots(): number {
    return this.#links.length;
  }

  /** The lowest slot that no link has; it stays free until `set`. */
  freeSlot(): number {
    while (this.#free.length > 0) {
      const slot = this.#free[this.#free.length - 1];
      if (this.#links[slot] === undefined) return slot;
      this.#free.pop();
    }
    return this.#links.length;
  }

  at(slot: number): Link | undefined {
    return this.#links[slot];
  }

  /** Puts a link at its slot, or replaces the one there (a guest became known, a gateway changed). */
  set(link: Link): void {
    const { slot } = link;
    this.#reserve(slot + 1);
    while (this.#links.length < slot) {
      this.#free.push(this.#links.length);
      this.#links.push(undefined);
    }
    this.#links[slot] = link;
    writeIpv6(new DataView(this.#gateways.buffer), slot * ADDRESS_BYTES, link.gatewayIpv6);
    writeIpv6(new DataView(this.#linkLocals.buffer), slot * ADDRESS_BYTES, link.linkLocalIpv6 ?? PORT_LINK_LOCAL);
  }

  delete(slot: number): void {
    if (this.#links[slot] === undefined) return;
    this.#links[slot] = undefined;
    this.#free.push(slot);
  }

  *[Symbol.iterator](): IterableIterator<Link> {
    for (const link of this.#links) if (link !== undefined) yield link;
  }

  /** Whether 16 bytes are our gateway address on a link; never where the network has no IPv6. */
  isGatewayIpv6(slot: number, bytes: Uint8Array, offset: number): boolean {
    return this.#links[slot]?.gatewayIpv6 !== IPV6_ANY && isSameAddress(this.#gateways, slot * ADDRESS_BYTES, bytes, offset);
  }

  /** Whether 16 bytes are our link-local address on a link. */
  isLinkLocalIpv6(slot: number, bytes: Uint8Array, offset: number): boolean {
    return isSameAddress(this.#linkLocals, slot * ADDRESS_BYTES, bytes, offset);
  }

  /** Our link-local address takes its place where the network has no IPv6. */
  copyGatewayIpv6(slot: number, target: Uint8Array): void {
    const addresses = this.#links[slot]?.gatewayIpv6 === IPV6_ANY ? this.#linkLocals : this.#gateways;
    copyAddress(addresses, slot * ADDRESS_BYTES, target, 0);
  }

  copyLinkLocalIpv6(slot: number, target: Uint8Array): void {
    copyAddress(this.#linkLocals, slot * ADDRESS_BYTES, target, 0);
  }

  #reserve(slots: number): void {
    if (this.#gateways.length >= slots * ADDRESS_BYTES) return;
    const bytes = Math.max(64, slots * 2) * ADDRESS_BYTES;
    this.#gateways = grown(this.#gateways, bytes);
    this.#linkLocals = grown(this.#linkLocals, bytes);
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}
