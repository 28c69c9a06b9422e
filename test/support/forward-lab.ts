import type { Mac } from "../../src/base/mac.js";
import { MAC_BROADCAST } from "../../src/base/mac.js";
import type { ReceiveBatch } from "../../src/frame/batch.js";
import { ForwardEngine, type ForwardEngineOptions } from "../../src/frame/forward/engine.js";
import { MemoryLinks, type SentFrame } from "../../src/frame/forward/memory-link.js";
import type { ForwardPort } from "../../src/frame/forward/ports.js";
import type { Reason } from "../../src/frame/forward/reasons.js";
import * as checksum from "../../src/wire/checksum.js";
import * as ethernet from "../../src/wire/ethernet.js";
import * as icmpv6 from "../../src/wire/icmpv6.js";
import * as ipv4 from "../../src/wire/ipv4.js";
import * as ipv6 from "../../src/wire/ipv6.js";
import { ManualClock } from "./manual-clock.js";
import { viewOf } from "./pieces.js";

export const GATEWAY_MAC: Mac = 0x0200_0000_0001;
export const GATEWAY_IPV4 = 0x0a4d_0001;
export const GATEWAY_IPV6 = (0xfd00_0077n << 96n) | 1n;
export const LINK_LOCAL_GATEWAY = (0xfe80n << 112n) | 1n;

/** A guest as the tests know it: its slot, station and addresses. */
export interface Station {
  readonly slot: number;
  readonly mac: Mac;
  readonly ipv4: number;
  readonly ipv6: bigint;
}

function station(slot: number): Station {
  return { slot, mac: 0x5254_0000_0010 + slot, ipv4: 0x0a4d_0010 + slot, ipv6: (0xfd00_0077n << 96n) | BigInt(0x10 + slot) };
}

/** Two guests, one behind a link of 600 bytes, and the host. */
export const A = station(0);
export const B = station(1);
export const NARROW: Station = station(2);
export const HOST = { slot: 3, mac: 0x0200_0000_0099, peerMac: 0x0200_0000_00ff } as const;
/** Somebody beyond the host. */
export const WORLD_IPV4 = 0xc633_6407;
export const WORLD_IPV6 = (0x2001_0db8n << 96n) | 7n;
/** Of the guests' pool, and nobody's. */
export const NOBODY_IPV4 = 0x0a4d_00c8;
export const NOBODY_IPV6 = (0xfd00_0077n << 96n) | 0xc8n;

export interface Outcome {
  readonly sent: readonly SentFrame[];
  /** Every reason that was counted for the frames, with how often. */
  readonly counted: Readonly<Partial<Record<Reason, number>>>;
}

/** An engine over memory with the ports above; services take DHCP, DNS and neighbour discovery unless told otherwise. */
export class ForwardLab {
  readonly clock: ManualClock;
  readonly links = new MemoryLinks();
  readonly engine: ForwardEngine;
  readonly control: { readonly slot: number; readonly bytes: Uint8Array; readonly flags: number }[] = [];

  constructor(options: Partial<ForwardEngineOptions> & { readonly services?: boolean; readonly host?: boolean } = {}) {
    const { services = true, host = true, clock, ...rest } = options;
    this.clock = new ManualClock();
    this.engine = new ForwardEngine({
      transmitter: this.links,
      clock: clock ?? this.clock,
      ...(services ? { onControl: (batch: ReceiveBatch) => this.#take(batch) } : {}),
      ...rest,
    });
    for (const guest of [A, B]) this.engine.addPort(guestPort(guest, 1500));
    this.engine.addPort(guestPort(NARROW, 600));
    for (const { slot, mac, ipv4: address, ipv6: address6 } of [A, B, NARROW]) {
      this.engine.bind(slot, address, mac);
      if (slot !== NARROW.slot) this.engine.bind(slot, address6, mac);
    }
    this.engine.addUnreachable({ family: 4, address: 0x0a4d_0000, prefixLength: 24 });
    this.engine.addUnreachable({ family: 6, address: 0xfd00_0077n << 96n, prefixLength: 64 });
    if (!host) return;
    this.engine.addPort({ slot: HOST.slot, name: "host", kind: "host", mac: HOST.mac, peerMac: HOST.peerMac });
    this.engine.addRoute({ family: 4, address: 0, prefixLength: 0 }, HOST.slot, HOST.peerMac);
    this.engine.addRoute({ family: 6, address: 0n, prefixLength: 0 }, HOST.slot, HOST.peerMac);
  }

  /** Frames that come in by a port, as one batch, and what becomes of them. */
  in(slot: number, ...frames: Uint8Array[]): Outcome {
    const before = this.engine.counters();
    this.links.deliver(
      this.engine,
      slot,
      frames.map((frame) => frame.slice()),
    );
    const counted: Partial<Record<Reason, number>> = {};
    for (const [reason, count] of Object.entries(this.engine.counters()) as [Reason, number][]) {
      if (count !== before[reason]) counted[reason] = count - before[reason];
    }
    return { sent: this.links.take(), counted };
  }

  #take(batch: ReceiveBatch): void {
    for (let row = 0; row < batch.count; row++) {
      const offset = batch.offset[row];
      const bytes = batch.bytes.slice(offset, offset + batch.length[row]);
      this.control.push({ slot: batch.slot[row], bytes, flags: batch.flags[row] });
    }
  }
}

function guestPort({ slot, ipv6: address }: Station, mtu: number): ForwardPort {
  const isIpv6 = mtu >= 1280 ? address : undefined;
  return {
    slot,
    name: `guest${slot}`,
    kind: "guest",
    mac: GATEWAY_MAC,
    ipv4: GATEWAY_IPV4,
    ipv6: isIpv6 === undefined ? undefined : GATEWAY_IPV6,
    mtu,
  };
}

export interface Ipv4Fields {
  readonly from?: Station;
  readonly to?: number;
  readonly source?: number;
  readonly etherSource?: Mac;
  readonly etherDestination?: Mac;
  readonly ttl?: number;
  readonly flags?: number;
  readonly fragmentOffsetBytes?: number;
  readonly protocol?: number;
  readonly options?: Uint8Array;
  readonly payload?: Uint8Array;
  readonly identification?: number;
  readonly trafficClass?: number;
}

/** An IPv4 packet from A to B unless told otherwise; `change` may spoil it, before its checksum is computed or after. */
export function ipv4Frame(fields: Ipv4Fields = {}, spoil?: (view: DataView) => void): Uint8Array {
  const from = fields.from ?? A;
  const payload = fields.payload ?? udpPayload(32);
  const options = fields.options ?? new Uint8Array(0);
  const frame = new Uint8Array(ethernet.HEADER_BYTES + ipv4.HEADER_BYTES + options.length + payload.length);
  const view = viewOf(frame);
  const destination = fields.etherDestination ?? GATEWAY_MAC;
  ethernet.emit({ destination, source: fields.etherSource ?? from.mac, tag: undefined, type: ethernet.ETHERTYPE.ipv4 }, view, 0);
  const header: ipv4.Ipv4 = {
    trafficClass: fields.trafficClass ?? 0,
    totalBytes: ipv4.HEADER_BYTES + options.length + payload.length,
    identification: fields.identification ?? 0x1234,
    flags: fields.flags ?? 0,
    fragmentOffsetBytes: fields.fragmentOffsetBytes ?? 0,
    ttl: fields.ttl ?? 64,
    protocol: fields.protocol ?? ipv4.PROTOCOL.udp,
    source: fields.source ?? from.ipv4,
    destination: fields.to ?? B.ipv4,
    options,
  };
  frame.set(payload, ethernet.HEADER_BYTES + ipv4.emit(header, view, ethernet.HEADER_BYTES));
  spoil?.(view);
  return frame;
}

export interface Ipv6Fields {
  readonly from?: Station;
  readonly to?: bigint;
  readonly source?: bigint;
  readonly etherDestination?: Mac;
  readonly hopLimit?: number;
  readonly nextHeader?: number;
  readonly payload?: Uint8Array;
}

export function ipv6Frame(fields: Ipv6Fields = {}, spoil?: (view: DataView) => void): Uint8Array {
  const from = fields.from ?? A;
  const payload = fields.payload ?? udpPayload(32);
  const frame = new Uint8Array(ethernet.HEADER_BYTES + ipv6.HEADER_BYTES + payload.length);
  const view = viewOf(frame);
  const destination = fields.etherDestination ?? GATEWAY_MAC;
  ethernet.emit({ destination, source: from.mac, tag: undefined, type: ethernet.ETHERTYPE.ipv6 }, view, 0);
  const header: ipv6.Ipv6 = {
    trafficClass: 0,
    flowLabel: 0,
    payloadBytes: payload.length,
    nextHeader: fields.nextHeader ?? ipv6.NEXT_HEADER.udp,
    hopLimit: fields.hopLimit ?? 64,
    source: fields.source ?? from.ipv6,
    destination: fields.to ?? B.ipv6,
  };
  frame.set(payload, ethernet.HEADER_BYTES + ipv6.emit(header, view, ethernet.HEADER_BYTES));
  spoil?.(view);
  return frame;
}

/** UDP from port 4000 to 5000 without a checksum, and so many bytes behind it. */
export function udpPayload(bytes: number, destination = 5000): Uint8Array {
  const payload = new Uint8Array(8 + bytes);
  const view = viewOf(payload);
  view.setUint16(0, 4000);
  view.setUint16(2, destination);
  view.setUint16(4, 8 + bytes);
  for (let index = 0; index < bytes; index++) payload[8 + index] = index;
  return payload;
}

/** An ICMP message with its checksum. */
export function icmpPayload(type: number, code = 0, body: Uint8Array = new Uint8Array(36)): Uint8Array {
  const payload = new Uint8Array(4 + body.length);
  payload[0] = type;
  payload[1] = code;
  payload.set(body, 4);
  viewOf(payload).setUint16(2, checksum.checksum(viewOf(payload), 0, payload.length));
  return payload;
}

/** Computes the checksum of the ICMPv6 message that a frame ends with. */
export function sealIcmpv6(frame: Uint8Array, at = ethernet.HEADER_BYTES + ipv6.HEADER_BYTES): Uint8Array {
  icmpv6.seal(viewOf(frame), ethernet.HEADER_BYTES, at, frame.length - at);
  return frame;
}

/** The IPv4 packet of a frame taken apart; throws where its checksum or a length is wrong. */
export function readIpv4(frame: Uint8Array): ipv4.Ipv4 & { readonly payload: Uint8Array } {
  const at = ethernet.HEADER_BYTES;
  const packet = ipv4.parse(viewOf(frame), at, frame.length - at);
  if (typeof packet === "string") throw new Error(packet);
  const header = ipv4.emittedBytes(packet);
  return { ...packet, payload: frame.slice(at + header, at + packet.totalBytes) };
}

export function readIpv6(frame: Uint8Array): ipv6.Ipv6 & { readonly payload: Uint8Array } {
  const at = ethernet.HEADER_BYTES;
  const packet = ipv6.parse(viewOf(frame), at, frame.length - at);
  if (typeof packet === "string") throw new Error(packet);
  return { ...packet, payload: frame.slice(at + ipv6.HEADER_BYTES, at + ipv6.HEADER_BYTES + packet.payloadBytes) };
}

export function stationsOf(frame: Uint8Array): { readonly from: Mac; readonly to: Mac } {
  const view = viewOf(frame);
  return { from: ethernet.source(view, 0), to: ethernet.destination(view, 0) };
}

export { MAC_BROADCAST };
