import { type Ipv6Address, writeIpv6 } from "../base/ipv6-address.js";
import { ADDRESS_BYTES, isSameAddress, isUnspecified } from "./ipv6-bytes.js";
import type { Link } from "./link.js";

/** The router's link-local address on every port (DESIGN: the same on each, so that a guest may move). */
export const PORT_LINK_LOCAL: Ipv6Address = (0xfe80n << 112n) | 1n;

/**
 * Every link by its slot, with our MAC and IPv6 addresses beside it in columns: the hot path compares and copies those, because a
 * number of 48 bits or a bigint may be an allocation per frame.
 */
export class LinkTable {
  readonly #links: (Link | undefined)[] = [];
  readonly #free: number[] = [];
  #macHigh = new Uint16Array(0);
  #macLow = new Uint32Array(0);
  #gateways = new DataView(new ArrayBuffer(0));
  #linkLocals = new DataView(new ArrayBuffer(0));

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
    this.#macHigh[slot] = Math.floor(link.gatewayMac / 0x1_0000_0000);
    this.#macLow[slot] = link.gatewayMac >>> 0;
    writeIpv6(this.#gateways, slot * ADDRESS_BYTES, link.gatewayIpv6);
    writeIpv6(this.#linkLocals, slot * ADDRESS_BYTES, link.linkLocalIpv6 ?? PORT_LINK_LOCAL);
  }

  delete(slot: number): void {
    if (this.#links[slot] === undefined) return;
    this.#links[slot] = undefined;
    this.#free.push(slot);
  }

  *[Symbol.iterator](): IterableIterator<Link> {
    for (const link of this.#links) if (link !== undefined) yield link;
  }

  /** Whether six bytes are our MAC on a link. */
  isGatewayMac(slot: number, view: DataView, offset: number): boolean {
    return view.getUint32(offset + 2) === this.#macLow[slot] && view.getUint16(offset) === this.#macHigh[slot];
  }

  /** Whether 16 bytes are our gateway address on a link; never where the network has no IPv6. */
  isGatewayIpv6(slot: number, view: DataView, offset: number): boolean {
    return isSameAddress(this.#gateways, slot * ADDRESS_BYTES, view, offset) && !isUnspecified(view, offset);
  }

  /** Whether 16 bytes are our link-local address on a link. */
  isLinkLocalIpv6(slot: number, view: DataView, offset: number): boolean {
    return isSameAddress(this.#linkLocals, slot * ADDRESS_BYTES, view, offset);
  }

  /** Our link-local address takes its place where the network has no IPv6. */
  copyGatewayIpv6(slot: number, target: Uint8Array): void {
    const isMissing = isUnspecified(this.#gateways, slot * ADDRESS_BYTES);
    copyOut(isMissing ? this.#linkLocals : this.#gateways, slot, target);
  }

  copyLinkLocalIpv6(slot: number, target: Uint8Array): void {
    copyOut(this.#linkLocals, slot, target);
  }

  #reserve(slots: number): void {
    if (this.#macHigh.length >= slots) return;
    const room = Math.max(64, slots * 2);
    this.#macHigh = grown(this.#macHigh, new Uint16Array(room));
    this.#macLow = grown(this.#macLow, new Uint32Array(room));
    this.#gateways = grownAddresses(this.#gateways, room);
    this.#linkLocals = grownAddresses(this.#linkLocals, room);
  }
}

function copyOut(addresses: DataView, slot: number, target: Uint8Array): void {
  for (let index = 0; index < ADDRESS_BYTES; index++) target[index] = addresses.getUint8(slot * ADDRESS_BYTES + index);
}

function grown<Column extends Uint16Array | Uint32Array>(column: Column, larger: Column): Column {
  larger.set(column);
  return larger;
}

function grownAddresses(addresses: DataView, slots: number): DataView<ArrayBuffer> {
  const larger = new Uint8Array(slots * ADDRESS_BYTES);
  larger.set(new Uint8Array(addresses.buffer));
  return new DataView(larger.buffer);
}
