import type { Clock, Timer } from "../../base/clock.js";
import type { Random } from "../../base/random.js";

/** How a message is sent again until it is answered (RFC 8415 §15). */
export interface Schedule {
  /** IRT and MRT; zero for no longest. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** MRC: transmissions; undefined: any number. */
  readonly mostTransmissions?: number;
  /** The first delay is never shorter than `firstMs`: a Solicit waits for all advertisements (§18.2.1). */
  readonly firstIsLeast?: boolean;
}

/** RFC 8415 §7.6. */
export const SCHEDULE = {
  solicit: { firstMs: 1000, longestMs: 3_600_000, firstIsLeast: true },
  request: { firstMs: 1000, longestMs: 30_000, mostTransmissions: 10 },
  renew: { firstMs: 10_000, longestMs: 600_000 },
  rebind: { firstMs: 10_000, longestMs: 600_000 },
  /** Rebind where the uplink may have changed goes by the times of Confirm (§18.2.12), for ten seconds. */
  confirm: { firstMs: 1000, longestMs: 4000 },
} as const satisfies Record<string, Schedule>;
export const SOL_MAX_DELAY_MS = 1000;
export const CNF_MAX_RD_MS = 10_000;
/** What servers may set SOL_MAX_RT to (§21.24). */
export const SOL_MAX_RT_SECONDS = { least: 60, most: 86_400 } as const;

/** One message on its way: sent, and sent again. Ended by `stop` or when its transmissions are used up. */
export class Retransmission {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #schedule: Schedule;
  readonly #send: (elapsedMs: number, count: number) => void;
  readonly #exhausted: () => void;
  #timer: Timer | undefined;
  #startedMs = 0;
  #delayMs = 0;
  #count = 0;

  /** `send` gets the time since the first transmission, and which one it is, from 1. */
  constructor(
    parts: { readonly clock: Clock; readonly random: Random },
    schedule: Schedule,
    send: (elapsedMs: number, count: number) => void,
    exhausted: () => void = () => undefined,
  ) {
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#schedule = schedule;
    this.#send = send;
    this.#exhausted = exhausted;
  }

  /** Transmissions so far. */
  get count(): number {
    return this.#count;
  }

  start(): void {
    this.#startedMs = this.#clock.monotonicMs();
    this.#transmit();
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.cancel(this.#timer);
    this.#timer = undefined;
  }

  #transmit(): void {
    this.#count++;
    this.#delayMs = this.#nextDelayMs();
    this.#timer = this.#clock.after(this.#delayMs, () => this.#due());
    this.#send(this.#clock.monotonicMs() - this.#startedMs, this.#count);
  }

  #due(): void {
    this.#timer = undefined;
    if (this.#count === this.#schedule.mostTransmissions) this.#exhausted();
    else this.#transmit();
  }

  #nextDelayMs(): number {
    const { firstMs, longestMs, firstIsLeast = false } = this.#schedule;
    if (this.#count === 1) return firstMs * (1 + (firstIsLeast ? Math.abs(this.#jitter()) : this.#jitter()));
    const delayMs = this.#delayMs * (2 + this.#jitter());
    return longestMs > 0 && delayMs > longestMs ? longestMs * (1 + this.#jitter()) : delayMs;
  }

  /** RAND: between -0.1 and 0.1. */
  #jitter(): number {
    return (this.#random.uint32() / 0xffff_ffff) * 0.2 - 0.1;
  }
}
