import type { Clock, Timer } from "../../src/base/clock.js";

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that only moves when it is told to: timers run in the order in which they are due. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #startMs: number;
  readonly #pending = new Set<Pending>();
  #order = 0;

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const pending = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run };
    this.#pending.add(pending);
    return pending;
  }

  cancel(timer: Timer): void {
    this.#pending.delete(timer as Pending);
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Milliseconds until the next timer; undefined when none waits. */
  nextDelayMs(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.atMs - this.#nowMs;
  }

  /** Moves on, running what becomes due on the way. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let next = this.#next(); next !== undefined && next.atMs <= untilMs; next = this.#next()) {
      this.#nowMs = next.atMs;
      this.#pending.delete(next);
      next.run();
    }
    this.#nowMs = untilMs;
  }

  #next(): Pending | undefined {
    let first: Pending | undefined;
    for (const pending of this.#pending) {
      if (first === undefined || pending.atMs < first.atMs || (pending.atMs === first.atMs && pending.order < first.order))
        first = pending;
    }
    return first;
  }
}
