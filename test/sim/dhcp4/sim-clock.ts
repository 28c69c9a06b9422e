import type { Clock, Timer } from "../../../src/base/clock.js";

interface Event {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Virtual time: it jumps from event to event. A heap, because a simulation has a hundred thousand of them. */
export class SimClock implements Clock {
  #nowMs = Date.UTC(2026, 0, 1);
  readonly #startMs = this.#nowMs;
  readonly #heap: Event[] = [];
  #order = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run };
    this.#heap.push(event);
    this.#up(this.#heap.length - 1);
    return event;
  }

  cancel(timer: Timer): void {
    (timer as Event).run = undefined;
  }

  /** Goes to the next event and runs it; false when none is left before `untilMs`. */
  step(untilMs: number): boolean {
    const [next] = this.#heap;
    if (next === undefined || next.atMs > untilMs) {
      this.#nowMs = Math.max(this.#nowMs, untilMs);
      return false;
    }
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#down();
    }
    this.#nowMs = next.atMs;
    next.run?.();
    return true;
  }

  #up(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!isBefore(this.#heap[at], this.#heap[parent])) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #down(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      let first = at;
      for (const child of [left, left + 1]) {
        if (child < this.#heap.length && isBefore(this.#heap[child], this.#heap[first])) first = child;
      }
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #swap(one: number, other: number): void {
    const event = this.#heap[one];
    this.#heap[one] = this.#heap[other];
    this.#heap[other] = event;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
