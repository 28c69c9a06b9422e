/**
 * Theory of operation
 *
 * One IPv4 packet: header checked as RFC 1812 §5.2.2 says, then the destination is looked up. Ours: a service, an echo, or
 * the host. Everybody's: DHCP, or nothing. Otherwise the source is looked up, which is guard and reverse path check in one:
 * it has to lead back to the port (and on a guest's port to the MAC) that the frame came from. Then TTL, size, options, new
 * Ethernet header: rewritten where it lies, with the checksum brought up to date (RFC 1624). Words of the header are signed
 * numbers throughout, since an unsigned one above 31 bits would be an object on the heap.
 */
import * as checksum from "../../wire/checksum.js";
import * as ethernet from "../../wire/ethernet.js";
import { TYPE, UNREACHABLE } from "../../wire/icmpv4.js";
import { FIELD, HEADER_BYTES, PROTOCOL } from "../../wire/ipv4.js";
import type { Answers } from "./answers.js";
import { FORWARD_FLAG } from "./batch.js";
import { addFragments } from "./fragments.js";
import { HOP } from "./hops.js";
import type { IcmpErrors } from "./icmp-errors.js";
import { Ipv4Options, OPTIONS } from "./ipv4-options.js";
import { COUNT } from "./reasons.js";
import type { ForwardState } from "./state.js";

const BROADCAST = -1;
const DONT_FRAGMENT = 0x4000;
const FRAGMENT_BITS = 0x3fff;
const ETHER = ethernet.HEADER_BYTES;

export class Ipv4Path {
  readonly #state: ForwardState;
  readonly #answers: Answers;
  readonly #errors: IcmpErrors;
  readonly #options = new Ipv4Options();

  constructor(state: ForwardState, answers: Answers, errors: IcmpErrors) {
    this.#state = state;
    this.#answers = answers;
    this.#errors = errors;
  }

  /** The frame is for our MAC, or a group. */
  handle(port: number, view: DataView, frame: number, length: number, flags: number): number {
    const state = this.#state;
    const at = frame + ETHER;
    if (length < ETHER + HEADER_BYTES) return COUNT["ipv4-header"];
    const first = view.getInt32(at);
    const header = (first >>> 22) & 0x3c;
    const total = first & 0xffff;
    if (first >>> 28 !== 4 || header < HEADER_BYTES || total < header || total > length - ETHER) return COUNT["ipv4-header"];
    const source = view.getInt32(at + FIELD.source);
    const destination = view.getInt32(at + FIELD.destination);
    if (!isIntact(view, at, header, first, source, destination)) return COUNT["ipv4-checksum"];
    const top = destination >>> 24;
    if ((top & 0xf0) === 224 || destination === BROADCAST) return this.#toMany(port, view, frame, length, flags, destination);
    if ((view.getUint8(frame) & 1) !== 0) return COUNT["not-ours"];
    const hop = state.routes4.find(destination);
    const isLocal = hop >= 0 && state.hops.kind[hop] === HOP.local;
    if (isLocal && this.#isControl(view, at, header)) return this.#control(port, frame, length, flags);
    if (top === 0 || top === 127 || !mayBeSource(source)) return COUNT.martian;
    if (!this.#mayUse(port, view, frame, source)) return COUNT.spoofed;
    if (header > HEADER_BYTES) {
      const refused = this.#refuseOptions(port, view, frame, at, header);
      if (refused >= 0) return refused;
    }
    if (isLocal) return this.#local(port, view, frame, total);
    return this.#forward(port, view, frame, first, hop, flags);
  }

  /** Whether the source leads back to where the frame came from. */
  #mayUse(port: number, view: DataView, frame: number, source: number): boolean {
    const state = this.#state;
    const hop = state.routes4.find(source);
    if (hop < 0 || state.hops.port[hop] !== port) return false;
    return !state.ports.isGuarded(port) || state.isFrom(view, frame, hop);
  }

  #forward(port: number, view: DataView, frame: number, first: number, hop: number, flags: number): number {
    const state = this.#state;
    const { ports, hops } = state;
    const at = frame + ETHER;
    const total = first & 0xffff;
    const to = hop < 0 || hops.kind[hop] !== HOP.station ? -1 : hops.port[hop];
    if (to < 0) {
      this.#errors.send4(port, view, frame, TYPE.unreachable, hop < 0 ? UNREACHABLE.network : UNREACHABLE.host);
      return COUNT.unreachable;
    }
    // The host has sent it to us: back to it would be a circle.
    if (to === port && ports.isHost(port)) return COUNT.unreachable;
    const counts = !(ports.isHost(port) || ports.isHost(to));
    const life = view.getInt32(at + FIELD.ttl);
    if (counts && life >>> 24 <= 1) {
      this.#errors.send4(port, view, frame, TYPE.timeExceeded, 0);
      return COUNT["hops-exceeded"];
    }
    const tooBig = total > ports.mtu[to];
    if (tooBig && (view.getUint16(at + FIELD.flagsAndOffset) & DONT_FRAGMENT) !== 0) {
      this.#errors.send4(port, view, frame, TYPE.unreachable, UNREACHABLE.fragmentationNeeded, ports.mtu[to]);
      return COUNT["too-big"];
    }
    if (state.isolateGuests && ports.areGuests(port, to)) {
      this.#errors.send4(port, view, frame, TYPE.unreachable, UNREACHABLE.prohibited);
      return COUNT.prohibited;
    }
    if ((flags & FORWARD_FLAG.checksumPartial) !== 0) completeChecksum4(view, at);
    if (counts) {
      const sum = checksum.update16(life & 0xffff, life >>> 16, (life >>> 16) - 0x100);
      view.setInt32(at + FIELD.ttl, (((life >>> 16) - 0x100) << 16) | sum);
    }
    if (first >>> 24 !== 0x45) this.#fillOptions(view, at, (first >>> 22) & 0x3c, to);
    state.address(view, frame, hop, to);
    if (!tooBig) return state.leave(port, to, frame, ETHER + total);
    addFragments(state, view, frame, port, to);
    return COUNT.fragmented;
  }

  /** Limited broadcast and groups: nothing of that is forwarded (RFC 1812 §5.3.4, §5.3.5). */
  #toMany(port: number, view: DataView, frame: number, length: number, flags: number, destination: number): number {
    const at = frame + ETHER;
    if (destination === BROADCAST && this.#isControl(view, at, (view.getUint8(at) & 15) * 4))
      return this.#control(port, frame, length, flags);
    return COUNT.multicast;
  }

  #local(port: number, view: DataView, frame: number, total: number): number {
    const state = this.#state;
    if (this.#answers.echo4(port, view, frame)) return COUNT["echo-answered"];
    const { host } = state.ports;
    if (host < 0 || host === port) return COUNT["own-address"];
    return state.toHost(view, frame, ETHER + total);
  }

  #isControl(view: DataView, at: number, header: number): boolean {
    if (view.getUint8(at + FIELD.protocol) !== PROTOCOL.udp || !this.#state.control.served) return false;
    if ((view.getUint16(at + FIELD.flagsAndOffset) & FRAGMENT_BITS) !== 0) return false;
    return view.getUint16(at + FIELD.totalLength) >= header + 8 && this.#state.control.wants4(view.getUint16(at + header + 2));
  }

  #control(port: number, frame: number, length: number, flags: number): number {
    this.#state.control.add(port, this.#state.output.bytes, frame, length, flags);
    return COUNT.control;
  }

  /** The reason for which a packet with such options does not go on; -1 where it does. */
  #refuseOptions(port: number, view: DataView, frame: number, at: number, header: number): number {
    const finding = this.#options.check(view, at, header);
    if (finding === OPTIONS.fine) return -1;
    if (finding === OPTIONS.sourceRouted) return COUNT["source-route"];
    this.#errors.send4(port, view, frame, TYPE.parameterProblem, 0, this.#options.pointer * 0x100_0000);
    return COUNT["ipv4-options"];
  }

  #fillOptions(view: DataView, at: number, header: number, to: number): void {
    const { ports, clock } = this.#state;
    const finding = this.#options.fill(view, at, header, ports.ipv4[to], clock.nowMs());
    if (finding !== OPTIONS.changed) return;
    view.setUint16(at + FIELD.checksum, 0);
    view.setUint16(at + FIELD.checksum, checksum.checksum(view, at, header));
  }
}

/** The header's checksum, over words that are read already. */
function isIntact(view: DataView, at: number, header: number, first: number, source: number, destination: number): boolean {
  const second = view.getInt32(at + FIELD.identification);
  const third = view.getInt32(at + FIELD.ttl);
  let sum = (first >>> 16) + (first & 0xffff) + (second >>> 16) + (second & 0xffff) + (third >>> 16) + (third & 0xffff);
  sum += (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff);
  if (header > HEADER_BYTES) sum = checksum.sum(view, at + HEADER_BYTES, header - HEADER_BYTES, sum);
  return checksum.fold(sum) === 0xffff;
}

/** Neither this network, loopback, multicast nor broadcast (RFC 1812 §5.3.7). */
function mayBeSource(source: number): boolean {
  const top = source >>> 24;
  return top !== 0 && top !== 127 && (top & 0xf0) !== 224 && source !== BROADCAST;
}

/** The sender has left the transport checksum to us: it holds the pseudo header's sum. */
function completeChecksum4(view: DataView, at: number): void {
  const protocol = view.getUint8(at + FIELD.protocol);
  const header = (view.getUint8(at) & 15) * 4;
  const length = view.getUint16(at + FIELD.totalLength) - header;
  const field = protocol === PROTOCOL.tcp ? 16 : protocol === PROTOCOL.udp ? 6 : -1;
  if (field < 0 || length < field + 2 || (view.getUint16(at + FIELD.flagsAndOffset) & FRAGMENT_BITS) !== 0) return;
  const source = view.getUint32(at + FIELD.source);
  const destination = view.getUint32(at + FIELD.destination);
  view.setUint16(at + header + field, 0);
  const pseudoHeader = checksum.pseudoHeaderIpv4(source, destination, protocol, length);
  const sum = checksum.checksum(view, at + header, length, pseudoHeader);
  view.setUint16(at + header + field, sum === 0 && protocol === PROTOCOL.udp ? 0xffff : sum);
}
