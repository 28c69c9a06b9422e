/** What a wheel turns: embed these fields, so that setting a timer allocates nothing. */
export interface WheelEntry {
  /** When it is due, in milliseconds of the wheel's clock. It may be moved later without telling the wheel. */
  untilMs: number;
  wheelNext: WheelEntry | undefined;
  wheelPrevious: WheelEntry | undefined;
  /** The slot that it hangs in; -1 for none. */
  wheelSlot: number;
}

const TICK_MS = 1000;
const SLOT_BITS = 8;
const SLOTS = 1 << SLOT_BITS;
const LEVELS = 4;

/**
 * Theory of operation. Goal: many thousand timers of which nearly all are moved before they fire, so setting, moving and
 * removing must be O(1) and moving later must cost nothing. Four levels of 256 slots (of 1 s, 4 min, 18 h, 194 days each); an
 * entry hangs in the slot of the time it was set with. When its slot comes up and it is due later (it was moved, or it hung on
 * a coarse level), it is hung in again; so a renewed lease is touched once per lease time, not once per renewal. An entry moved
 * *earlier* must be set again. Limits: it fires up to one second late, never early; `Infinity` never fires and is not kept. Why
 * not a heap: 50,000 renewals would each cost 16 comparisons, and a heap of lazily moved timers is a wheel with worse locality.
 */
export class TimerWheel<Entry extends WheelEntry> {
  readonly #slots: (WheelEntry | undefined)[] = new Array<WheelEntry | undefined>(SLOTS * LEVELS).fill(undefined);
  #tick: number;
  #count = 0;

  constructor(nowMs: number) {
    this.#tick = Math.floor(nowMs / TICK_MS);
  }

  /** Entries that hang in the wheel. */
  get count(): number {
    return this.#count;
  }

  /** Hangs the entry in by its `untilMs`. */
  set(entry: Entry): void {
    this.clear(entry);
    if (entry.untilMs === Number.POSITIVE_INFINITY) return;
    this.#hang(entry);
  }

  clear(entry: Entry): void {
    if (entry.wheelSlot < 0) return;
    if (entry.wheelPrevious === undefined) this.#slots[entry.wheelSlot] = entry.wheelNext;
    else entry.wheelPrevious.wheelNext = entry.wheelNext;
    if (entry.wheelNext !== undefined) entry.wheelNext.wheelPrevious = entry.wheelPrevious;
    entry.wheelNext = undefined;
    entry.wheelPrevious = undefined;
    entry.wheelSlot = -1;
    this.#count--;
  }

  /** Hands out every entry that is due, each taken off the wheel first. A clock that went back changes nothing. */
  advance(nowMs: number, onDue: (entry: Entry) => void): void {
    const target = Math.floor(nowMs / TICK_MS);
    if (target - this.#tick > SLOTS * SLOTS) this.#leap(target);
    while (this.#tick < target) {
      this.#tick++;
      for (let level = 1; level < LEVELS && this.#tick % SLOTS ** level === 0; level++) {
        this.#empty(this.#slotOf(this.#tick, level), nowMs, onDue);
      }
      this.#empty(this.#slotOf(this.#tick, 0), nowMs, onDue);
    }
  }

  /** Milliseconds from `nowMs` until the wheel should be advanced next; undefined when it is empty. At most 256 seconds. */
  nextDelayMs(nowMs: number): number | undefined {
    if (this.#count === 0) return undefined;
    let tick = this.#tick + 1;
    while (tick % SLOTS !== 0 && this.#slots[this.#slotOf(tick, 0)] === undefined) tick++;
    return Math.max(1, tick * TICK_MS - nowMs);
  }

  #slotOf(tick: number, level: number): number {
    return level * SLOTS + (Math.floor(tick / SLOTS ** level) % SLOTS);
  }

  #hang(entry: WheelEntry): void {
    const due = Math.max(Math.ceil(entry.untilMs / TICK_MS), this.#tick + 1);
    const distance = due - this.#tick;
    let level = 0;
    while (level < LEVELS - 1 && distance >= SLOTS ** (level + 1)) level++;
    const slot = this.#slotOf(Math.min(due, this.#tick + SLOTS ** LEVELS - SLOTS ** (LEVELS - 1)), level);
    const first = this.#slots[slot];
    entry.wheelNext = first;
    entry.wheelPrevious = undefined;
    entry.wheelSlot = slot;
    if (first !== undefined) first.wheelPrevious = entry;
    this.#slots[slot] = entry;
    this.#count++;
  }

  #empty(slot: number, nowMs: number, onDue: (entry: Entry) => void): void {
    for (let entry = this.#slots[slot]; entry !== undefined; entry = this.#slots[slot]) {
      this.clear(entry as Entry);
      if (entry.untilMs <= nowMs) onDue(entry as Entry);
      else if (entry.untilMs !== Number.POSITIVE_INFINITY) this.#hang(entry);
    }
  }

  /** A clock that jumped by hours: everything is taken off and hung in again, instead of turning every second between. */
  #leap(target: number): void {
    this.#tick = target - 1;
    const all: WheelEntry[] = [];
    for (const first of this.#slots) {
      for (let entry = first; entry !== undefined; entry = entry.wheelNext) all.push(entry);
    }
    for (const entry of all) {
      this.clear(entry as Entry);
      this.#hang(entry);
    }
  }
}
