/**
 * One IPv6 packet on its way (RFC 8200, RFC 4443, RFC 4007 §9): as `ipv4-path.ts`, without checksum, options and fragmentation.
 * Extension headers are walked only where a packet is for us: routers have no business with them (RFC 7045 §2.1).
 */
import * as checksum from "../../wire/checksum.js";
import * as ethernet from "../../wire/ethernet.js";
import * as icmpv6 from "../../wire/icmpv6.js";
import { ExtensionWalk, FIELD, HEADER_BYTES, NEXT_HEADER } from "../../wire/ipv6.js";
import { isLinkLocal, isLoopback, isMulticast, isUnspecified } from "../ipv6-bytes.js";
import type { Answers } from "./answers.js";
import { FORWARD_FLAG } from "./batch.js";
import { HOP } from "./hops.js";
import type { IcmpErrors } from "./icmp-errors.js";
import { COUNT } from "./reasons.js";
import type { ForwardState } from "./state.js";

const ETHER = ethernet.HEADER_BYTES;
const UNREACHABLE = { noRoute: 0, prohibited: 1, beyondScope: 2 } as const;

export class Ipv6Path {
  readonly #state: ForwardState;
  readonly #answers: Answers;
  readonly #errors: IcmpErrors;
  readonly #walk = new ExtensionWalk();

  constructor(state: ForwardState, answers: Answers, errors: IcmpErrors) {
    this.#state = state;
    this.#answers = answers;
    this.#errors = errors;
  }

  /** The frame is for our MAC, or a group. */
  handle(port: number, view: DataView, frame: number, length: number, flags: number): number {
    const state = this.#state;
    const at = frame + ETHER;
    if (length < ETHER + HEADER_BYTES) return COUNT["ipv6-header"];
    const payload = view.getUint16(at + FIELD.payloadLength);
    if (view.getUint8(at) >>> 4 !== 6 || payload > length - ETHER - HEADER_BYTES) return COUNT["ipv6-header"];
    // So a jumbo begins (RFC 2675 §2), which no link of ours carries.
    if (payload === 0 && view.getUint8(at + FIELD.nextHeader) === NEXT_HEADER.hopByHop) return COUNT["ipv6-header"];
    const source = at + FIELD.source;
    const destination = at + FIELD.destination;
    if (isMulticast(view, source) || isLoopback(view, source)) return COUNT.martian;
    if (isMulticast(view, destination)) return this.#toMany(port, view, frame, length, flags);
    if ((view.getUint8(frame) & 1) !== 0) return COUNT["not-ours"];
    if (isLoopback(view, destination) || isUnspecified(view, destination)) return COUNT.martian;
    const hop = state.routes6.find(view, destination);
    const isLocal = state.ports.isOwnIpv6(port, view, destination) || (hop >= 0 && state.hops.kind[hop] === HOP.local);
    if (isLocal) return this.#local(port, view, frame, length, flags);
    if (isLinkLocal(view, destination)) return COUNT["not-ours"];
    if (isUnspecified(view, source)) return COUNT.martian;
    if (isLinkLocal(view, source) && !state.ports.isGuarded(port)) {
      this.#errors.send6(port, view, frame, icmpv6.TYPE.unreachable, UNREACHABLE.beyondScope);
      return COUNT.martian;
    }
    if (!this.#mayUse(port, view, frame, source)) return COUNT.spoofed;
    return this.#forward(port, view, frame, payload, hop, flags);
  }

  #mayUse(port: number, view: DataView, frame: number, source: number): boolean {
    const state = this.#state;
    const hop = state.routes6.find(view, source);
    if (hop < 0 || state.hops.port[hop] !== port) return false;
    return !state.ports.isGuarded(port) || state.isFrom(view, frame, hop);
  }

  #forward(port: number, view: DataView, frame: number, payload: number, hop: number, flags: number): number {
    const state = this.#state;
    const { ports, hops } = state;
    const at = frame + ETHER;
    const to = hop < 0 || hops.kind[hop] !== HOP.station ? -1 : hops.port[hop];
    if (to < 0) {
      this.#errors.send6(port, view, frame, icmpv6.TYPE.unreachable, UNREACHABLE.noRoute);
      return COUNT.unreachable;
    }
    if (to === port && ports.isHost(port)) return COUNT.unreachable;
    const counts = !(ports.isHost(port) || ports.isHost(to));
    const hopLimit = view.getUint8(at + FIELD.hopLimit);
    if (counts && hopLimit <= 1) {
      this.#errors.send6(port, view, frame, icmpv6.TYPE.timeExceeded, 0);
      return COUNT["hops-exceeded"];
    }
    if (HEADER_BYTES + payload > ports.mtu[to]) {
      this.#errors.send6(port, view, frame, icmpv6.TYPE.packetTooBig, 0, ports.mtu[to]);
      return COUNT["too-big"];
    }
    if (state.isolateGuests && ports.areGuests(port, to)) {
      this.#errors.send6(port, view, frame, icmpv6.TYPE.unreachable, UNREACHABLE.prohibited);
      return COUNT.prohibited;
    }
    if ((flags & FORWARD_FLAG.checksumPartial) !== 0) this.#completeChecksum(view, at);
    if (counts) view.setUint8(at + FIELD.hopLimit, hopLimit - 1);
    state.address(view, frame, hop, to);
    return state.leave(port, to, frame, ETHER + HEADER_BYTES + payload);
  }

  /** Multicast is for services alone: neighbour discovery, listener reports, DHCPv6. */
  #toMany(port: number, view: DataView, frame: number, length: number, flags: number): number {
    const served = this.#walk.walk(view, frame + ETHER) === undefined ? this.#service(port, view, frame, length, flags) : -1;
    return served < 0 ? COUNT.multicast : served;
  }

  #local(port: number, view: DataView, frame: number, length: number, flags: number): number {
    const state = this.#state;
    const at = frame + ETHER;
    const walk = this.#walk;
    if (walk.walk(view, at) === undefined) {
      const served = this.#service(port, view, frame, length, flags);
      if (served >= 0) return served;
      const isEcho = walk.protocol === NEXT_HEADER.icmpv6 && this.#mayAsk(port, view, frame);
      if (isEcho && this.#answers.echo6(port, view, frame, walk.offset, walk.length)) return COUNT["echo-answered"];
    }
    const { host } = state.ports;
    if (isLinkLocal(view, at + FIELD.destination) || host < 0 || host === port) return COUNT["own-address"];
    if (!this.#mayUse(port, view, frame, at + FIELD.source)) return COUNT.spoofed;
    return state.toHost(view, frame, ETHER + HEADER_BYTES + view.getUint16(at + FIELD.payloadLength));
  }

  /** An echo goes back to the station that asked; its address is its own, or means something on its link only. */
  #mayAsk(port: number, view: DataView, frame: number): boolean {
    const source = frame + ETHER + FIELD.source;
    if (isUnspecified(view, source)) return false;
    return isLinkLocal(view, source) || this.#mayUse(port, view, frame, source);
  }

  /** What became of what `#walk` has found, if it is a service's or our own; -1 where it is not. */
  #service(port: number, view: DataView, frame: number, length: number, flags: number): number {
    const { control, output } = this.#state;
    const { protocol, offset, length: left } = this.#walk;
    if (protocol === NEXT_HEADER.icmpv6) {
      if (left < icmpv6.HEADER_BYTES) return -1;
      const type = icmpv6.type(view, offset);
      if (!icmpv6.isNeighbourDiscovery(type) && !icmpv6.isListenerDiscovery(type)) return -1;
      const answered = this.#answers.solicitation(port, view, frame, offset, left);
      if (!control.served) return answered ? COUNT["neighbour-answered"] : -1;
    } else if (protocol !== NEXT_HEADER.udp || left < 8 || !control.wants6(view.getUint16(offset + 2))) {
      return -1;
    }
    control.add(port, output.bytes, frame, length, flags);
    return COUNT.control;
  }

  /** The sender has left the transport checksum to us: it holds the pseudo header's sum. */
  #completeChecksum(view: DataView, at: number): void {
    const walk = this.#walk;
    if (walk.walk(view, at) !== undefined) return;
    const { protocol, offset, length } = walk;
    const field = fieldOf(protocol);
    if (field < 0 || length < field + 2) return;
    view.setUint16(offset + field, 0);
    const sum = checksum.checksum(view, offset, length, checksum.pseudoHeaderIpv6(view, at + FIELD.source, protocol, length));
    view.setUint16(offset + field, sum === 0 && protocol === NEXT_HEADER.udp ? 0xffff : sum);
  }
}

/** Where a transport has its checksum. */
function fieldOf(protocol: number): number {
  switch (protocol) {
    case NEXT_HEADER.tcp:
      return 16;
    case NEXT_HEADER.udp:
      return 6;
    case NEXT_HEADER.icmpv6:
      return 2;
    default:
      return -1;
  }
}
