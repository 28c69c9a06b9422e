/**
 * Theory of operation
 *
 * Frames that a hook has made late wait here as copies, in a heap by the time at which they are due (those due at the same
 * time in the order in which they came), with one timer for the first. All that are due leave with one call. At most so many
 * wait; what comes then is refused, and the sender of the frame sees a full queue, as on a real link.
 */
import type { Clock, Timer } from "../../base/clock.js";
import { frameColumns } from "../../base/frame-columns.js";
import type { FrameTransmitter, OutgoingFrames } from "./output.js";

interface Held {
  readonly dueMs: number;
  readonly sequence: number;
  readonly port: number;
  readonly bytes: Uint8Array;
}

export class HeldFrames {
  readonly #clock: Clock;
  readonly #transmitter: FrameTransmitter;
  readonly #most: number;
  /** A binary heap: each element is due no later than the two at 2n + 1 and 2n + 2. */
  #heap: Held[] = [];
  #sequence = 0;
  #timer: Timer | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, transmitter: FrameTransmitter, most: number) {
    this.#clock = clock;
    this.#transmitter = transmitter;
    this.#most = most;
  }

  get count(): number {
    return this.#heap.length;
  }

  /** Copies a frame; false when too many wait. */
  hold(port: number, bytes: Uint8Array, delayMs: number): boolean {
    if (this.#heap.length >= this.#most) return false;
    const dueMs = this.#clock.monotonicMs() + delayMs;
    this.#push({ dueMs, sequence: this.#sequence++, port, bytes: bytes.slice() });
    if (dueMs < this.#timerDueMs) this.#arm();
    return true;
  }

  forget(port: number): void {
    const left = this.#heap.filter((held) => held.port !== port);
    this.#heap = [];
    for (const held of left) this.#push(held);
  }

  close(): void {
    if (this.#timer !== undefined) this.#clock.cancel(this.#timer);
    this.#timer = undefined;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    this.#heap = [];
  }

  #arm(): void {
    if (this.#timer !== undefined) this.#clock.cancel(this.#timer);
    this.#timer = undefined;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    if (this.#heap.length === 0) return;
    this.#timerDueMs = this.#heap[0].dueMs;
    const delayMs = Math.max(0, Math.ceil(this.#timerDueMs - this.#clock.monotonicMs()));
    this.#timer = this.#clock.after(delayMs, () => this.#release());
  }

  #release(): void {
    const nowMs = this.#clock.monotonicMs();
    const due: Held[] = [];
    while (this.#heap.length > 0 && this.#heap[0].dueMs <= nowMs) due.push(this.#pop());
    if (due.length > 0) this.#transmitter.transmit(framesOf(due));
    this.#arm();
  }

  #push(held: Held): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(held);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(held, heap[parent])) break;
      heap[index] = heap[parent];
      index = parent;
    }
    heap[index] = held;
  }

  #pop(): Held {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let index = 0;
    for (let child = 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[index] = heap[child];
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Held, other: Held): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.sequence < other.sequence);
}

function framesOf(due: readonly Held[]): OutgoingFrames {
  const bytes = new Uint8Array(due.reduce((total, held) => total + held.bytes.length, 0));
  const columns = frameColumns(due.length);
  const { port, offset, length } = columns;
  let at = 0;
  for (const [row, held] of due.entries()) {
    bytes.set(held.bytes, at);
    port[row] = held.port;
    offset[row] = at;
    length[row] = held.bytes.length;
    at += held.bytes.length;
  }
  return { bytes, ...columns, count: due.length };
}
