/**
 * Theory of operation
 *
 * A packet that cannot be forwarded is told to its sender, if that may be told (RFC 1812 §4.3.2.7, RFC 4443 §2.4): never
 * about another error, a later fragment, anything sent to many (by address or by frame), or from no single host. Errors of
 * each port come out of a token bucket, so that nobody uses us to send more than he sends. An error goes back the way the
 * packet came, from our address on that port; it quotes the packet as it arrived: 548 bytes of it in IPv4 (RFC 1812
 * §4.3.2.3), as much as fits 1,280 in IPv6.
 */
import * as checksum from "../../wire/checksum.js";
import * as ethernet from "../../wire/ethernet.js";
import * as icmpv4 from "../../wire/icmpv4.js";
import * as icmpv6 from "../../wire/icmpv6.js";
import * as ipv4 from "../../wire/ipv4.js";
import * as ipv6 from "../../wire/ipv6.js";
import { isMulticast, isUnspecified } from "../ipv6-bytes.js";
import { mayBeIcmpv6Error } from "./ipv6-extensions.js";
import { COUNT } from "./reasons.js";
import type { ForwardState } from "./state.js";

const QUOTE_BYTES = { ipv4: 576 - ipv4.HEADER_BYTES - icmpv4.HEADER_BYTES, ipv6: 1280 - ipv6.HEADER_BYTES - 8 } as const;
const TTL = 64;
/** Internetwork control (RFC 1812 §4.3.2.5); the sender's other bits stay. */
const PRECEDENCE = 0xc0;
const TYPE_OF_SERVICE_BITS = 0x1e;
const FRAGMENT_OFFSET = 0x1fff;
const SOURCE_QUENCH = 4;
/** An address mask reply (RFC 950): later types are rare, and not in use. */
const LAST_KNOWN_TYPE = 18;

export class IcmpErrors {
  readonly #state: ForwardState;
  #identification = 0;

  constructor(state: ForwardState) {
    this.#state = state;
  }

  /** About the IPv4 packet of a frame, whose header is sound. `rest` is what follows the checksum: an MTU, a pointer. */
  send4(port: number, view: DataView, frame: number, type: number, code: number, rest = 0): void {
    const { ports, output, counters } = this.#state;
    const packet = frame + ethernet.HEADER_BYTES;
    if (!mayAnswer4(view, frame) || ports.ipv4[port] === 0) counters.count(COUNT["error-unfit"]);
    else if (!this.#mayPass(port)) counters.count(COUNT["error-limited"]);
    else {
      const quoted = Math.min(view.getUint16(packet + ipv4.FIELD.totalLength), QUOTE_BYTES.ipv4);
      const total = ipv4.HEADER_BYTES + icmpv4.HEADER_BYTES + quoted;
      const start = output.room(ethernet.HEADER_BYTES + total);
      if (start === 0) return;
      const ip = start + ethernet.HEADER_BYTES;
      const message = ip + ipv4.HEADER_BYTES;
      output.bytes.copyWithin(message + icmpv4.HEADER_BYTES, packet, packet + quoted);
      this.#begin(port, view, frame, start);
      view.setUint8(ip, 0x45);
      view.setUint8(ip + ipv4.FIELD.trafficClass, (view.getUint8(packet + 1) & TYPE_OF_SERVICE_BITS) | PRECEDENCE);
      view.setUint16(ip + ipv4.FIELD.totalLength, total);
      view.setUint16(ip + ipv4.FIELD.identification, this.#identification++);
      view.setUint16(ip + ipv4.FIELD.flagsAndOffset, 0);
      view.setUint16(ip + ipv4.FIELD.ttl, (TTL << 8) | ipv4.PROTOCOL.icmp);
      view.setUint16(ip + ipv4.FIELD.checksum, 0);
      view.setInt32(ip + ipv4.FIELD.source, ports.ipv4[port]);
      view.setInt32(ip + ipv4.FIELD.destination, view.getInt32(packet + ipv4.FIELD.source));
      view.setUint16(ip + ipv4.FIELD.checksum, checksum.checksum(view, ip, ipv4.HEADER_BYTES));
      view.setUint16(message, (type << 8) | code);
      view.setUint32(message + icmpv4.FIELD.rest, rest);
      icmpv4.seal(view, message, icmpv4.HEADER_BYTES + quoted);
      output.add(port, start, ethernet.HEADER_BYTES + total);
      counters.count(COUNT["error-sent"]);
    }
  }

  /** About the IPv6 packet of a frame, whose header is sound. */
  send6(port: number, view: DataView, frame: number, type: number, code: number, rest = 0): void {
    const { ports, output, counters } = this.#state;
    const packet = frame + ethernet.HEADER_BYTES;
    if (!mayAnswer6(view, frame, type)) counters.count(COUNT["error-unfit"]);
    else if (!this.#mayPass(port)) counters.count(COUNT["error-limited"]);
    else {
      const quoted = Math.min(ipv6.HEADER_BYTES + ipv6.payloadBytes(view, packet), QUOTE_BYTES.ipv6);
      const payload = 8 + quoted;
      const start = output.room(ethernet.HEADER_BYTES + ipv6.HEADER_BYTES + payload);
      if (start === 0) return;
      const ip = start + ethernet.HEADER_BYTES;
      const message = ip + ipv6.HEADER_BYTES;
      const { bytes } = output;
      bytes.copyWithin(message + 8, packet, packet + quoted);
      this.#begin(port, view, frame, start);
      view.setUint32(ip, 0x6000_0000);
      view.setUint16(ip + ipv6.FIELD.payloadLength, payload);
      view.setUint16(ip + ipv6.FIELD.nextHeader, (ipv6.NEXT_HEADER.icmpv6 << 8) | TTL);
      ports.copyOwnIpv6(port, bytes, ip + ipv6.FIELD.source);
      bytes.copyWithin(ip + ipv6.FIELD.destination, packet + ipv6.FIELD.source, packet + ipv6.FIELD.destination);
      view.setUint16(message, (type << 8) | code);
      view.setUint32(message + 4, rest);
      icmpv6.seal(view, ip, message, payload);
      output.add(port, start, ethernet.HEADER_BYTES + ipv6.HEADER_BYTES + payload);
      counters.count(COUNT["error-sent"]);
    }
  }

  /** The Ethernet header of an answer, in front of a packet of our own. */
  #begin(port: number, view: DataView, frame: number, start: number): void {
    this.#state.output.bytes.copyWithin(start, frame, frame + ethernet.HEADER_BYTES);
    this.#state.turn(view, start, port);
  }

  /** What comes from the host is the host's own, or has passed its limits. */
  #mayPass(port: number): boolean {
    return this.#state.errors.take(port, this.#state.nowMs);
  }
}

function mayAnswer4(view: DataView, frame: number): boolean {
  const packet = frame + ethernet.HEADER_BYTES;
  if ((view.getUint8(frame) & 1) !== 0) return false;
  if ((view.getUint16(packet + ipv4.FIELD.flagsAndOffset) & FRAGMENT_OFFSET) !== 0) return false;
  if (!isUnicast4(view.getUint8(packet + ipv4.FIELD.source)) || isForMany4(view, packet + ipv4.FIELD.destination)) return false;
  if (view.getUint8(packet + ipv4.FIELD.protocol) !== ipv4.PROTOCOL.icmp) return true;
  const header = ipv4.headerBytes(view, packet);
  return header < ipv4.totalBytes(view, packet) && !isErrorType4(view.getUint8(packet + header));
}

/** By the first octet: neither this network, loopback, multicast nor reserved. */
function isUnicast4(octet: number): boolean {
  return octet !== 0 && octet !== 127 && octet < 240 && (octet & 0xf0) !== 224;
}

function isForMany4(view: DataView, offset: number): boolean {
  return (view.getUint8(offset) & 0xf0) === 224 || view.getInt32(offset) === -1;
}

/** Errors; and types that nobody knows may be errors too. */
function isErrorType4(type: number): boolean {
  switch (type) {
    case icmpv4.TYPE.unreachable:
    case SOURCE_QUENCH:
    case icmpv4.TYPE.redirect:
    case icmpv4.TYPE.timeExceeded:
    case icmpv4.TYPE.parameterProblem:
      return true;
    default:
      return type > LAST_KNOWN_TYPE;
  }
}

/** Packets to many may still be told to be too big (RFC 4443 §2.4 e.3). */
function mayAnswer6(view: DataView, frame: number, type: number): boolean {
  const packet = frame + ethernet.HEADER_BYTES;
  const source = packet + ipv6.FIELD.source;
  if (isMulticast(view, source) || isUnspecified(view, source)) return false;
  const toMany = (view.getUint8(frame) & 1) !== 0 || isMulticast(view, packet + ipv6.FIELD.destination);
  if (toMany && type !== icmpv6.TYPE.packetTooBig) return false;
  return !mayBeIcmpv6Error(view, packet);
}
