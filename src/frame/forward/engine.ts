/**
 * Theory of operation
 *
 * A router in the process: frames come in batches from many ports, each is checked, guarded and routed at layer 3, and leaves
 * rewritten where it lies; one call takes the whole batch out again. The engine does no I/O: whoever has links (sockets,
 * TAPs, memory) fills a `ForwardBatch`, calls `process`, and takes what leaves as `FrameTransmitter`.
 *
 *     batch ─▶ Ethernet: ours? ─┬▶ ARP, ND for our addresses ─▶ answered
 *                               ├▶ DHCP, DNS, ND ─▶ control handler (services)
 *                               └▶ guard ─▶ route ─▶ TTL, size ─▶ rewritten ─▶ hooks ─▶ out
 *
 * Neighbours are what `bind` and `addRoute` say: nothing is learnt from frames, so nobody can make himself another's
 * neighbour. What a frame cost was decided by system calls in every measurement; the rule here is only that a forwarded frame
 * makes no object.
 */
import { type Clock, systemClock } from "../../base/clock.js";
import { TapnetError } from "../../base/errors.js";
import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import type { Mac } from "../../base/mac.js";
import type { Prefix } from "../../base/prefix.js";
import * as ethernet from "../../wire/ethernet.js";
import * as ipv4 from "../../wire/ipv4.js";
import * as ipv6 from "../../wire/ipv6.js";
import type { Budget } from "../budget.js";
import { Answers } from "./answers.js";
import { FORWARD_FLAG, type ForwardBatch } from "./batch.js";
import { ControlFrames, type ControlHandler, type ControlPorts } from "./control-frames.js";
import { type ForwardHook, HookChain, type HookErrorHandler } from "./hooks.js";
import { HOP } from "./hops.js";
import { IcmpErrors } from "./icmp-errors.js";
import { Ipv4Path } from "./ipv4-path.js";
import { Ipv6Path } from "./ipv6-path.js";
import type { FrameTransmitter, OutgoingFrames } from "./output.js";
import type { ForwardPort } from "./ports.js";
import { COUNT, type Reason } from "./reasons.js";
import { ForwardState } from "./state.js";

export interface ForwardEngineOptions {
  readonly transmitter: FrameTransmitter;
  readonly clock?: Clock;
  /** Takes frames for services; without it they are dropped. */
  readonly onControl?: ControlHandler;
  /** UDP ports that services listen on; DHCP and DNS when left out. */
  readonly controlPorts?: ControlPorts;
  /** ICMP errors of each port: 64 at once and 256 a second when left out. */
  readonly errors?: Budget;
  /** Frames that hooks may hold back at once; 16,384 when left out. */
  readonly heldMost?: number;
  /** Told of the first error of each hook; a warning of the process when left out. */
  readonly onHookError?: HookErrorHandler;
}

const DEFAULTS = {
  controlPorts: { ipv4: [67, 53], ipv6: [547, 53] },
  errors: { burst: 64, perSecond: 256 },
  heldMost: 16_384,
} as const;

const ETHERTYPE = ethernet.ETHERTYPE;
const IPV4_LEAST = ethernet.HEADER_BYTES + ipv4.HEADER_BYTES;
const IPV4_DESTINATION = ethernet.HEADER_BYTES + ipv4.FIELD.destination;
const IPV6_LEAST = ethernet.HEADER_BYTES + ipv6.HEADER_BYTES;
const IPV6_DESTINATION = ethernet.HEADER_BYTES + ipv6.FIELD.destination;

export class ForwardEngine {
  readonly #state: ForwardState;
  readonly #ipv4: Ipv4Path;
  readonly #ipv6: Ipv6Path;
  readonly #answers: Answers;
  /** How many ports have each of our own global addresses. */
  readonly #locals = new Map<Ipv4Address | Ipv6Address, number>();

  constructor(options: ForwardEngineOptions) {
    const { transmitter, clock = systemClock, errors = DEFAULTS.errors, heldMost = DEFAULTS.heldMost } = options;
    this.#state = new ForwardState({
      transmitter,
      clock,
      errors,
      hooks: new HookChain(
        clock,
        { transmit: (frames) => this.#transmitHeld(transmitter, frames) },
        heldMost,
        options.onHookError,
      ),
      control: new ControlFrames(options.onControl, options.controlPorts ?? DEFAULTS.controlPorts),
    });
    this.#answers = new Answers(this.#state);
    const icmp = new IcmpErrors(this.#state);
    this.#ipv4 = new Ipv4Path(this.#state, this.#answers, icmp);
    this.#ipv6 = new Ipv6Path(this.#state, this.#answers, icmp);
  }

  /** Adds a port. TapnetError `INVALID_STATE` where its slot is taken, `INVALID_ARGUMENT` for what cannot be. */
  addPort(port: ForwardPort): void {
    this.#state.ports.add(port);
    for (const address of ownAddresses(port)) this.#addLocal(address);
    this.#state.errors.reset(port.slot);
  }

  /**
   * Removes a port; what leads to it is unreachable from now on. Frames that wait for it are lost. False where there is none.
   */
  removePort(slot: number): boolean {
    const port = this.#state.ports.remove(slot);
    if (port === undefined) return false;
    for (const address of ownAddresses(port)) this.#removeLocal(address);
    this.#state.hooks.forget(slot);
    this.#state.hops.forget(slot);
    return true;
  }

  ports(): readonly ForwardPort[] {
    return this.#state.ports.list();
  }

  /**
   * An address is behind a port, at this station: what is for it goes there, and from there it may be a source. On a guest's
   * port from this MAC only. An address that was elsewhere moves.
   */
  bind(slot: number, address: Ipv4Address | Ipv6Address, mac: Mac): void {
    this.addRoute(hostPrefix(address), slot, mac);
  }

  unbind(address: Ipv4Address | Ipv6Address): boolean {
    return this.removeRoute(hostPrefix(address));
  }

  /** What is for a prefix goes to this station behind a port. A route of the same prefix is replaced. */
  addRoute(prefix: Prefix, slot: number, mac: Mac): void {
    if (!this.#state.ports.isOpen(slot)) throw new TapnetError("INVALID_STATE", `there is no port ${slot} for a route`);
    this.#setRoute(prefix, this.#state.hops.add(HOP.station, slot, mac));
  }

  /** What is for a prefix, and has no longer one that leads somewhere, is unreachable, and senders are told. */
  addUnreachable(prefix: Prefix): void {
    this.#setRoute(prefix, this.#state.hops.add(HOP.unreachable, -1, 0));
  }

  /** False where there is no such route. */
  removeRoute(prefix: Prefix): boolean {
    const { routes4, routes6, hops } = this.#state;
    const hop = prefix.family === 4 ? routes4.get(prefix) : routes6.get(prefix);
    if (hop < 0 || hops.kind[hop] === HOP.local) return false;
    if (prefix.family === 4) routes4.delete(prefix);
    else routes6.delete(prefix);
    hops.remove(hop);
    return true;
  }

  /** Keeps guests apart from each other, or not. */
  isolateGuests(isolate: boolean): void {
    this.#state.isolateGuests = isolate;
  }

  /** Adds a hook; call what is returned to take it out. */
  use(hook: ForwardHook): () => void {
    return this.#state.hooks.use(hook);
  }

  /** Handles every frame of a batch and transmits what leaves. The batch may be filled anew when this returns. */
  process(batch: ForwardBatch): void {
    const state = this.#state;
    const { view, port, offset, length, flags } = batch;
    const counts = state.counters.values;
    state.begin(batch);
    for (let row = 0; row < batch.count; row++) {
      counts[this.#frame(port[row], view, offset[row], length[row], flags[row])]++;
    }
    state.output.end();
    state.control.flush();
  }

  counters(): Readonly<Record<Reason, number>> {
    return this.#state.counters.toJSON();
  }

  /** Frames that hooks hold back now. */
  get held(): number {
    return this.#state.hooks.held;
  }

  /** Forgets frames that hooks hold back. May be called again. */
  close(): void {
    this.#state.hooks.close();
  }

  /** Frames that were held back leave when their time comes, and not with a batch. */
  #transmitHeld(transmitter: FrameTransmitter, frames: OutgoingFrames): number {
    const taken = transmitter.transmit(frames);
    if (taken < frames.count) this.#state.counters.count(COUNT.unsent, frames.count - taken);
    return taken;
  }

  #frame(port: number, view: DataView, frame: number, length: number, flags: number): number {
    const { ports } = this.#state;
    if (!ports.isOpen(port)) return COUNT["port-gone"];
    if (length < ethernet.HEADER_BYTES) return COUNT.runt;
    if ((flags & FORWARD_FLAG.truncated) !== 0) return this.#tooLong(flags);
    const peer = ports.peer[port];
    if (peer >= 0 && (ports.isRelay(port) || !this.#isForGuest(port, view, frame, length))) {
      if (!ports.isOpen(peer)) return COUNT["port-gone"];
      this.#state.output.add(peer, frame, length);
      return COUNT.relayed;
    }
    const isGroup = (view.getUint8(frame) & 1) !== 0;
    if (!isGroup && !ports.isOwnMac(port, view, frame)) return COUNT["not-ours"];
    if (isImpossibleSource(view, frame + 6) || ports.isOwnMac(port, view, frame + 6)) return COUNT["ethernet-source"];
    const type = view.getUint16(frame + ethernet.FIELD.type);
    if (type === ETHERTYPE.ipv4) return this.#ipv4.handle(port, view, frame, length, flags);
    if (type === ETHERTYPE.ipv6) return this.#ipv6.handle(port, view, frame, length, flags);
    if (type === ETHERTYPE.arp) return this.#answers.arp(port, view, frame, length, flags);
    return COUNT["unknown-type"];
  }

  /** Whether a frame goes to another guest that may be reached: then we are its router, and not the host. */
  #isForGuest(port: number, view: DataView, frame: number, length: number): boolean {
    const { ports, hops, routes4, routes6, isolateGuests } = this.#state;
    if (isolateGuests || !ports.isOwnMac(port, view, frame)) return false;
    const type = view.getUint16(frame + ethernet.FIELD.type);
    let hop = -1;
    if (type === ETHERTYPE.ipv4 && length >= IPV4_LEAST) hop = routes4.find(view.getInt32(frame + IPV4_DESTINATION));
    else if (type === ETHERTYPE.ipv6 && length >= IPV6_LEAST) hop = routes6.find(view, frame + IPV6_DESTINATION);
    return hop >= 0 && hops.kind[hop] === HOP.station && hops.port[hop] !== port && ports.areGuests(port, hops.port[hop]);
  }

  #tooLong(flags: number): number {
    const isPartial = (flags & FORWARD_FLAG.checksumPartial) !== 0;
    return isPartial ? COUNT["segments-unsplit"] : COUNT.giant;
  }

  #setRoute(prefix: Prefix, hop: number): void {
    const { routes4, routes6, hops } = this.#state;
    const present = prefix.family === 4 ? routes4.get(prefix) : routes6.get(prefix);
    if (present >= 0 && hops.kind[present] === HOP.local) {
      hops.remove(hop);
      throw new TapnetError("INVALID_ARGUMENT", "the address is our own: it cannot be behind a port");
    }
    const before = prefix.family === 4 ? routes4.set(prefix, hop) : routes6.set(prefix, hop);
    if (before >= 0) hops.remove(before);
  }

  #addLocal(address: Ipv4Address | Ipv6Address): void {
    const ports = this.#locals.get(address) ?? 0;
    this.#locals.set(address, ports + 1);
    if (ports > 0) return;
    const { routes4, routes6, hops } = this.#state;
    const hop = hops.add(HOP.local, -1, 0);
    const prefix = hostPrefix(address);
    const before = prefix.family === 4 ? routes4.set(prefix, hop) : routes6.set(prefix, hop);
    if (before >= 0) hops.remove(before);
  }

  #removeLocal(address: Ipv4Address | Ipv6Address): void {
    const ports = this.#locals.get(address) ?? 0;
    if (ports > 1) {
      this.#locals.set(address, ports - 1);
      return;
    }
    this.#locals.delete(address);
    const { routes4, routes6, hops } = this.#state;
    const prefix = hostPrefix(address);
    const hop = prefix.family === 4 ? routes4.delete(prefix) : routes6.delete(prefix);
    if (hop >= 0) hops.remove(hop);
  }
}

function ownAddresses(port: ForwardPort): (Ipv4Address | Ipv6Address)[] {
  return [port.ipv4 || undefined, port.ipv6 || undefined].filter((address) => address !== undefined);
}

function hostPrefix(address: Ipv4Address | Ipv6Address): Prefix {
  if (typeof address === "number") return { family: 4, address, prefixLength: 32 };
  return { family: 6, address, prefixLength: 128 };
}

/** A group, or zero. */
function isImpossibleSource(view: DataView, offset: number): boolean {
  const high = view.getUint16(offset);
  return (high & 0x100) !== 0 || (high | view.getInt32(offset + 2)) === 0;
}
