import { TapnetError } from "../../base/errors.js";
import type { Ipv4Address } from "../../base/ipv4-address.js";
import { type Ipv6Address, writeIpv6 } from "../../base/ipv6-address.js";
import { isGroupMac, MAC_ZERO, type Mac } from "../../base/mac.js";
import { ADDRESS_BYTES, isSameAddress, isUnspecified } from "../ipv6-bytes.js";
import { PORT_LINK_LOCAL } from "../link-table.js";

/**
 * What is behind a port:
 *   guest    one station: each source address is bound to this port and a MAC address, or the frame is dropped
 *   network  stations and routers; sources have to come from where their route leads (RFC 3704), MAC addresses are not looked at
 *   host     the host itself: as `network`, but the host and we are one router: what comes from there or goes there is not
 *            counted down here, because the host does it, and what is for our own addresses and not for us goes there
 *   relay    the host's link of one guest, its `peer`: what comes from there is the guest's, and goes to it as it is
 */
export type PortKind = "guest" | "network" | "host" | "relay";

export interface ForwardPort {
  /** The caller's number for the port, as its links know it; small, since tables are as long as the largest. */
  readonly slot: number;
  readonly name: string;
  readonly kind: PortKind;
  /** Our own addresses on this port; those that are left out we do not have there. */
  readonly mac: Mac;
  readonly ipv4?: Ipv4Address | undefined;
  readonly ipv6?: Ipv6Address | undefined;
  /** `fe80::1` when left out. */
  readonly linkLocalIpv6?: Ipv6Address | undefined;
  /**
   * The port at the other end of a `relay`. Of a guest's port: the relay to which everything goes as it is that is not for
   * another guest, ARP and services included; the host on the other side is its router then.
   */
  readonly peer?: number | undefined;
  /** The station at the other end of a port of kind `host`, which has to have it. */
  readonly peerMac?: Mac | undefined;
  /** The largest packet that its link takes; 1,500 when left out. */
  readonly mtu?: number | undefined;
}

const ETHERNET_MTU = 1500;
const LEAST_MTU = 68;
const MOST_MTU = 65_535;
const MOST_SLOT = 0xffff;

const FLAG = { open: 1, guarded: 2, host: 4, relay: 8 } as const;
const FLAG_OF = { guest: FLAG.guarded, network: 0, host: FLAG.host, relay: FLAG.relay } as const;

/** All ports, by slot and in columns. */
export class ForwardPorts {
  readonly #ports: (ForwardPort | undefined)[] = [];
  /** Slot of the port of kind `host`, -1 where there is none, and the station behind it. */
  host = -1;
  hostMacHigh = 0;
  hostMacLow = 0;
  flags = new Uint8Array(0);
  /** -1 where there is none. */
  peer = new Int32Array(0);
  mtu = new Int32Array(0);
  macHigh = new Uint16Array(0);
  macLow = new Int32Array(0);
  ipv4 = new Int32Array(0);
  #ipv6 = new DataView(new ArrayBuffer(0));
  #linkLocal = new DataView(new ArrayBuffer(0));

  at(slot: number): ForwardPort | undefined {
    return this.#ports[slot];
  }

  list(): readonly ForwardPort[] {
    return this.#ports.filter((port) => port !== undefined);
  }

  add(port: ForwardPort): void {
    checkPort(port);
    const { slot, kind, mac, mtu = ETHERNET_MTU } = port;
    if (this.#ports[slot] !== undefined)
      throw new TapnetError("INVALID_STATE", `port ${slot} is ${this.#ports[slot].name} already`);
    if (kind === "host" && this.host >= 0) throw new TapnetError("INVALID_STATE", "there is a port of kind host already");
    this.#reserve(slot + 1);
    this.#ports[slot] = port;
    this.flags[slot] = FLAG.open | FLAG_OF[kind];
    this.peer[slot] = port.peer ?? -1;
    this.mtu[slot] = mtu;
    this.macHigh[slot] = Math.floor(mac / 0x1_0000_0000);
    this.macLow[slot] = mac | 0;
    this.ipv4[slot] = (port.ipv4 ?? 0) | 0;
    writeIpv6(this.#ipv6, slot * ADDRESS_BYTES, port.ipv6 ?? 0n);
    writeIpv6(this.#linkLocal, slot * ADDRESS_BYTES, port.linkLocalIpv6 ?? PORT_LINK_LOCAL);
    if (kind === "host" && port.peerMac !== undefined) {
      this.host = slot;
      this.hostMacHigh = Math.floor(port.peerMac / 0x1_0000_0000);
      this.hostMacLow = port.peerMac | 0;
    }
  }

  remove(slot: number): ForwardPort | undefined {
    const port = this.#ports[slot];
    if (port === undefined) return undefined;
    this.#ports[slot] = undefined;
    this.flags[slot] = 0;
    if (this.host === slot) this.host = -1;
    return port;
  }

  isOpen(slot: number): boolean {
    return slot < this.flags.length && this.flags[slot] !== 0;
  }

  isGuarded(slot: number): boolean {
    return (this.flags[slot] & FLAG.guarded) !== 0;
  }

  isHost(slot: number): boolean {
    return (this.flags[slot] & FLAG.host) !== 0;
  }

  isRelay(slot: number): boolean {
    return (this.flags[slot] & FLAG.relay) !== 0;
  }

  /** Whether both are guests' ports. */
  areGuests(one: number, other: number): boolean {
    return (this.flags[one] & this.flags[other] & FLAG.guarded) !== 0;
  }

  /** Whether the 6 bytes at `offset` are our MAC on a port. */
  isOwnMac(slot: number, view: DataView, offset: number): boolean {
    return view.getInt32(offset + 2) === this.macLow[slot] && view.getUint16(offset) === this.macHigh[slot];
  }

  /** Whether the 16 bytes at `offset` are our global or link-local address on a port. */
  isOwnIpv6(slot: number, view: DataView, offset: number): boolean {
    if (isSameAddress(this.#linkLocal, slot * ADDRESS_BYTES, view, offset)) return true;
    return isSameAddress(this.#ipv6, slot * ADDRESS_BYTES, view, offset) && !isUnspecified(view, offset);
  }

  /** Our address on a port, for what we say there ourselves: the global one where there is one, unless asked for the other. */
  copyOwnIpv6(slot: number, target: Uint8Array, offset: number, linkLocal = false): void {
    const start = slot * ADDRESS_BYTES;
    const from = linkLocal || isUnspecified(this.#ipv6, start) ? this.#linkLocal : this.#ipv6;
    for (let index = 0; index < ADDRESS_BYTES; index++) target[offset + index] = from.getUint8(start + index);
  }

  #reserve(slots: number): void {
    if (this.flags.length >= slots) return;
    const room = Math.max(64, slots * 2);
    this.flags = grown(this.flags, new Uint8Array(room));
    this.peer = grown(this.peer, new Int32Array(room));
    this.mtu = grown(this.mtu, new Int32Array(room));
    this.macHigh = grown(this.macHigh, new Uint16Array(room));
    this.macLow = grown(this.macLow, new Int32Array(room));
    this.ipv4 = grown(this.ipv4, new Int32Array(room));
    this.#ipv6 = viewOf(grown(bytesOf(this.#ipv6), new Uint8Array(room * ADDRESS_BYTES)));
    this.#linkLocal = viewOf(grown(bytesOf(this.#linkLocal), new Uint8Array(room * ADDRESS_BYTES)));
  }
}

function checkPort({ slot, name, kind, mac, peer, peerMac, mtu = ETHERNET_MTU }: ForwardPort): void {
  if (!Number.isInteger(slot) || slot < 0 || slot > MOST_SLOT)
    throw new TapnetError("INVALID_ARGUMENT", `port ${name}: slot ${slot} is not between 0 and ${MOST_SLOT}`);
  if (mac === MAC_ZERO || isGroupMac(mac))
    throw new TapnetError("INVALID_ARGUMENT", `port ${name}: its MAC address is no station's`);
  if (kind === "relay" && peer === undefined)
    throw new TapnetError("INVALID_ARGUMENT", `port ${name}: a relay needs peer, the port of its guest`);
  if (kind === "host" && (peerMac === undefined || isGroupMac(peerMac)))
    throw new TapnetError(
      "INVALID_ARGUMENT",
      `port ${name}: a port of kind host needs peerMac, the host's own MAC address there`,
    );
  if (!Number.isInteger(mtu) || mtu < LEAST_MTU || mtu > MOST_MTU)
    throw new TapnetError("INVALID_ARGUMENT", `port ${name}: an MTU is between ${LEAST_MTU} and ${MOST_MTU} bytes, not ${mtu}`);
}

function grown<Column extends Uint8Array | Uint16Array | Int32Array>(column: Column, larger: Column): Column {
  larger.set(column);
  return larger;
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer);
}

function viewOf(bytes: Uint8Array): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer as ArrayBuffer);
}
