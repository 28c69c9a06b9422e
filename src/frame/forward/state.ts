import type { Clock } from "../../base/clock.js";
import { Counters } from "../../base/counters.js";
import type { Budget } from "../budget.js";
import { LinkBudget } from "../budget.js";
import type { ForwardBatch } from "./batch.js";
import type { ControlFrames } from "./control-frames.js";
import type { HookChain } from "./hooks.js";
import { NextHops } from "./hops.js";
import { type FrameTransmitter, Output } from "./output.js";
import { ForwardPorts } from "./ports.js";
import { COUNT, REASON_NAMES, type Reason } from "./reasons.js";
import { Ipv4Routes, Ipv6Routes } from "./routes.js";

/** What the parts of one engine share. */
export class ForwardState {
  readonly counters = new Counters<Reason>(REASON_NAMES);
  readonly ports = new ForwardPorts();
  readonly hops = new NextHops();
  readonly routes4 = new Ipv4Routes();
  readonly routes6 = new Ipv6Routes();
  readonly output: Output;
  readonly clock: Clock;
  readonly errors: LinkBudget;
  readonly hooks: HookChain;
  readonly control: ControlFrames;
  /** Whether guests are kept apart. */
  isolateGuests = false;
  /** Monotonic, once a batch. */
  nowMs = 0;

  constructor(parts: {
    readonly transmitter: FrameTransmitter;
    readonly clock: Clock;
    readonly errors: Budget;
    readonly hooks: HookChain;
    readonly control: ControlFrames;
  }) {
    this.output = new Output(parts.transmitter, this.counters);
    this.clock = parts.clock;
    this.errors = new LinkBudget(parts.errors);
    this.hooks = parts.hooks;
    this.control = parts.control;
  }

  begin(batch: ForwardBatch): void {
    this.nowMs = this.clock.monotonicMs();
    this.output.begin(batch);
  }

  /** A forwarded frame is ready to leave; returns what became of it. */
  leave(from: number, to: number, offset: number, length: number): number {
    if (this.hooks.length > 0) {
      const reason = this.hooks.pass(this, from, to, offset, length);
      if (reason >= 0) return reason;
    }
    this.output.add(to, offset, length);
    return COUNT.forwarded;
  }

  /** Gives a frame the Ethernet header for its next hop. */
  address(view: DataView, frame: number, hop: number, to: number): void {
    const { hops, ports } = this;
    view.setUint16(frame, hops.macHigh[hop]);
    view.setInt32(frame + 2, hops.macLow[hop]);
    view.setUint16(frame + 6, ports.macHigh[to]);
    view.setInt32(frame + 8, ports.macLow[to]);
  }

  /** What is for one of our own addresses, and for none of our services. */
  toHost(view: DataView, frame: number, length: number): number {
    const { ports } = this;
    view.setUint16(frame, ports.hostMacHigh);
    view.setInt32(frame + 2, ports.hostMacLow);
    view.setUint16(frame + 6, ports.macHigh[ports.host]);
    view.setInt32(frame + 8, ports.macLow[ports.host]);
    this.output.add(ports.host, frame, length);
    return COUNT["to-host"];
  }

  /** Whether a next hop is the station that a frame's source MAC names. */
  isFrom(view: DataView, frame: number, hop: number): boolean {
    return view.getInt32(frame + 8) === this.hops.macLow[hop] && view.getUint16(frame + 6) === this.hops.macHigh[hop];
  }

  /** Turns a frame round, towards the station that it came from. */
  turn(view: DataView, frame: number, port: number): void {
    view.setUint16(frame, view.getUint16(frame + 6));
    view.setInt32(frame + 2, view.getInt32(frame + 8));
    view.setUint16(frame + 6, this.ports.macHigh[port]);
    view.setInt32(frame + 8, this.ports.macLow[port]);
  }
}
