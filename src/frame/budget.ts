/** How much of a service one guest may use: a token bucket a port. What is changed in it holds from then on. */
export interface Budget {
  /** Frames that a port may send at once after a pause. */
  readonly burst: number;
  /** Frames a second that it may send for ever. */
  readonly perSecond: number;
}

/**
 * A token bucket for every link, refilled when it is looked at: no timers, and no cost for a link that is silent.
 *
 * One guest that floods uses up its own tokens; what is above costs a classification and two array reads, so the frames of
 * the others in the same batch are served in time.
 */
export class LinkBudget {
  readonly #budget: Budget;
  #tokens = new Float64Array(0);
  #refilledMs = new Float64Array(0);

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Takes one token of a link, if it has one. `nowMs` never goes back. */
  take(slot: number, nowMs: number): boolean {
    if (slot >= this.#tokens.length) this.#grow(slot);
    const { burst, perSecond } = this.#budget;
    const tokens = Math.min(burst, this.#tokens[slot] + ((nowMs - this.#refilledMs[slot]) * perSecond) / 1000);
    this.#refilledMs[slot] = nowMs;
    if (tokens < 1) {
      this.#tokens[slot] = tokens;
      return false;
    }
    this.#tokens[slot] = tokens - 1;
    return true;
  }

  /** A full bucket, for a link that is new at its slot. */
  reset(slot: number): void {
    if (slot < this.#tokens.length) this.#tokens[slot] = this.#budget.burst;
  }

  #grow(slot: number): void {
    const before = this.#tokens.length;
    const length = Math.max(64, (slot + 1) * 2);
    const tokens = new Float64Array(length).fill(this.#budget.burst, before);
    const refilledMs = new Float64Array(length);
    tokens.set(this.#tokens);
    refilledMs.set(this.#refilledMs);
    this.#tokens = tokens;
    this.#refilledMs = refilledMs;
  }
}
