/**
 * What the engine answers by itself: ARP for its own addresses and for what is behind other ports (proxy ARP, RFC 1027),
 * neighbour solicitations for its own addresses, and pings of them. It answers as the kernel does on a port with `proxy_arp`:
 * never for an address that is behind the port that asks, so duplicate address detection works.
 */
import * as arp from "../../wire/arp.js";
import * as checksum from "../../wire/checksum.js";
import * as ethernet from "../../wire/ethernet.js";
import * as icmpv4 from "../../wire/icmpv4.js";
import * as icmpv6 from "../../wire/icmpv6.js";
import * as ipv4 from "../../wire/ipv4.js";
import * as ipv6 from "../../wire/ipv6.js";
import { isLinkLocal, isMulticast, isUnspecified } from "../ipv6-bytes.js";
import { HOP } from "./hops.js";
import { mayPassOver } from "./ipv6-extensions.js";
import { COUNT } from "./reasons.js";
import type { ForwardState } from "./state.js";

const TTL = 64;
const ON_LINK = 255;
const FRAGMENT = 0x3fff;
const SOLICITATION_BYTES = 24;
const TARGET = 8;
/** Router, solicited, override (RFC 4861 §4.4). */
const ADVERTISEMENT_FLAGS = 0xe000_0000;
const TARGET_LINK_LAYER = 0x0201;

export class Answers {
  readonly #state: ForwardState;

  constructor(state: ForwardState) {
    this.#state = state;
  }

  /** What became of an ARP frame; answers are made of the questions where they lie. */
  arp(port: number, view: DataView, frame: number, length: number, flags: number): number {
    const { control, output, ports } = this.#state;
    const at = frame + ethernet.HEADER_BYTES;
    if (arp.check(view, at, length - ethernet.HEADER_BYTES) !== undefined) return COUNT["arp-ignored"];
    if (arp.operation(view, at) !== arp.OPERATION.request) {
      if (!control.served) return COUNT["arp-ignored"];
      control.add(port, output.bytes, frame, length, flags);
      return COUNT.control;
    }
    if (!this.#isAnswered(port, view, frame, at)) return COUNT["arp-ignored"];
    const target = view.getInt32(at + arp.FIELD.targetAddress);
    view.setUint16(at + arp.FIELD.operation, arp.OPERATION.reply);
    output.bytes.copyWithin(at + arp.FIELD.targetMac, at + arp.FIELD.senderMac, at + arp.FIELD.targetMac);
    this.#state.turn(view, frame, port);
    view.setUint16(at + arp.FIELD.senderMac, ports.macHigh[port]);
    view.setInt32(at + arp.FIELD.senderMac + 2, ports.macLow[port]);
    view.setInt32(at + arp.FIELD.senderAddress, target);
    output.add(port, frame, ethernet.HEADER_BYTES + arp.HEADER_BYTES);
    return COUNT["arp-answered"];
  }

  #isAnswered(port: number, view: DataView, frame: number, at: number): boolean {
    const { ports, hops, routes4 } = this.#state;
    const target = view.getInt32(at + arp.FIELD.targetAddress);
    const isOwn = target === ports.ipv4[port] && target !== 0;
    const sender = view.getInt32(at + arp.FIELD.senderAddress);
    // A probe (RFC 5227): only what is ours is defended.
    if (sender === 0) return isOwn;
    const from = routes4.find(sender);
    if (from < 0 || hops.port[from] !== port) return false;
    if (ports.isGuarded(port) && !(this.#state.isFrom(view, frame, from) && isSenderMac(view, frame, at))) return false;
    if (isOwn) return true;
    const hop = routes4.find(target);
    return hop >= 0 && hops.kind[hop] === HOP.station && hops.port[hop] !== port;
  }

  /** A ping of an own address: the packet is turned round where it lies. False where it is none. */
  echo4(port: number, view: DataView, frame: number): boolean {
    const { output } = this.#state;
    const packet = frame + ethernet.HEADER_BYTES;
    const header = ipv4.headerBytes(view, packet);
    const total = ipv4.totalBytes(view, packet);
    const message = packet + header;
    if (view.getUint8(packet + ipv4.FIELD.protocol) !== ipv4.PROTOCOL.icmp || total < header + icmpv4.HEADER_BYTES) return false;
    if ((view.getUint16(packet + ipv4.FIELD.flagsAndOffset) & FRAGMENT) !== 0) return false;
    if (view.getUint16(message) !== icmpv4.TYPE.echoRequest << 8 || !checksum.verify(view, message, total - header)) return false;
    const source = view.getInt32(packet + ipv4.FIELD.source);
    view.setInt32(packet + ipv4.FIELD.source, view.getInt32(packet + ipv4.FIELD.destination));
    view.setInt32(packet + ipv4.FIELD.destination, source);
    view.setUint8(packet + ipv4.FIELD.ttl, TTL);
    view.setUint16(packet + ipv4.FIELD.flagsAndOffset, 0);
    view.setUint16(packet + ipv4.FIELD.checksum, 0);
    view.setUint16(packet + ipv4.FIELD.checksum, checksum.checksum(view, packet, header));
    view.setUint8(message, icmpv4.TYPE.echoReply);
    icmpv4.seal(view, message, total - header);
    this.#state.turn(view, frame, port);
    output.add(port, frame, ethernet.HEADER_BYTES + total);
    return true;
  }

  /** As `echo4`; `message` is where the ICMPv6 message begins, `length` its bytes. Answered from the address that was asked. */
  echo6(port: number, view: DataView, frame: number, message: number, length: number): boolean {
    const packet = frame + ethernet.HEADER_BYTES;
    if (length < 8 || view.getUint16(message) !== icmpv6.TYPE.echoRequest << 8) return false;
    if (!icmpv6.verify(view, packet, message, length) || !mayPassOver(view, packet, message)) return false;
    return this.#turnEcho6(port, view, frame, message, length);
  }

  /** The answer has no extension headers: those of the question go, by what is in front of them moving up. */
  #turnEcho6(port: number, view: DataView, question: number, message: number, length: number): boolean {
    const { output } = this.#state;
    const { bytes } = output;
    const packet = message - ipv6.HEADER_BYTES;
    const frame = packet - ethernet.HEADER_BYTES;
    if (frame !== question) bytes.copyWithin(frame, question, question + ethernet.HEADER_BYTES + ipv6.HEADER_BYTES);
    view.setUint16(packet + ipv6.FIELD.payloadLength, length);
    view.setUint8(packet + ipv6.FIELD.nextHeader, ipv6.NEXT_HEADER.icmpv6);
    const source = packet + ipv6.FIELD.source;
    const destination = packet + ipv6.FIELD.destination;
    for (let index = 0; index < 16; index++) {
      const octet = bytes[source + index];
      bytes[source + index] = bytes[destination + index];
      bytes[destination + index] = octet;
    }
    view.setUint8(packet + ipv6.FIELD.hopLimit, TTL);
    view.setUint8(message, icmpv6.TYPE.echoReply);
    icmpv6.seal(view, packet, message, length);
    this.#state.turn(view, frame, port);
    output.add(port, frame, ethernet.HEADER_BYTES + ipv6.HEADER_BYTES + length);
    return true;
  }

  /**
   * A solicitation for one of our addresses by who has an address of its own. For our global address only where no service does
   * that; a detection of duplicates is a service's as well.
   */
  solicitation(port: number, view: DataView, frame: number, message: number, length: number): boolean {
    const { ports, control, output } = this.#state;
    const packet = frame + ethernet.HEADER_BYTES;
    const source = packet + ipv6.FIELD.source;
    const target = message + TARGET;
    if (length < SOLICITATION_BYTES || view.getUint16(message) !== icmpv6.TYPE.neighbourSolicitation << 8) return false;
    if (view.getUint8(packet + ipv6.FIELD.hopLimit) !== ON_LINK || !icmpv6.verify(view, packet, message, length)) return false;
    if (isUnspecified(view, source) || isMulticast(view, source) || !ports.isOwnIpv6(port, view, target)) return false;
    if (control.served && !isLinkLocal(view, target)) return false;
    const payload = SOLICITATION_BYTES + 8;
    const start = output.room(ethernet.HEADER_BYTES + ipv6.HEADER_BYTES + payload);
    if (start === 0) return true;
    const ip = start + ethernet.HEADER_BYTES;
    const reply = ip + ipv6.HEADER_BYTES;
    const { bytes } = output;
    bytes.copyWithin(start, frame, packet);
    this.#state.turn(view, start, port);
    view.setUint32(ip, 0x6000_0000);
    view.setUint16(ip + ipv6.FIELD.payloadLength, payload);
    view.setUint16(ip + ipv6.FIELD.nextHeader, (ipv6.NEXT_HEADER.icmpv6 << 8) | ON_LINK);
    bytes.copyWithin(ip + ipv6.FIELD.source, target, target + 16);
    bytes.copyWithin(ip + ipv6.FIELD.destination, source, source + 16);
    view.setUint16(reply, icmpv6.TYPE.neighbourAdvertisement << 8);
    view.setUint32(reply + 4, ADVERTISEMENT_FLAGS);
    bytes.copyWithin(reply + TARGET, target, target + 16);
    view.setUint16(reply + SOLICITATION_BYTES, TARGET_LINK_LAYER);
    view.setUint16(reply + SOLICITATION_BYTES + 2, ports.macHigh[port]);
    view.setInt32(reply + SOLICITATION_BYTES + 4, ports.macLow[port]);
    icmpv6.seal(view, ip, reply, payload);
    output.add(port, start, ethernet.HEADER_BYTES + ipv6.HEADER_BYTES + payload);
    return true;
  }
}

/** Whether the sender that an ARP message names is the station that sent the frame. */
function isSenderMac(view: DataView, frame: number, at: number): boolean {
  const sender = at + arp.FIELD.senderMac;
  return view.getInt32(sender + 2) === view.getInt32(frame + 8) && view.getUint16(sender) === view.getUint16(frame + 6);
}
