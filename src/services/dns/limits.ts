/** What one asker may cost others. */
export interface LimitSettings {
  /** Questions per second that have to be asked upstream; answers from here and from the cache are not counted. */
  readonly upstreamPerSecond: number;
  /** Questions that may wait for an answer at the same time. */
  readonly openQuestions: number;
}

/** How many seconds' worth may be asked at once. */
const BURST_SECONDS = 2;

/** The allowance of one guest, or of one client of a shared link (a token bucket), and whether its questions are logged. */
export class AskerLimits {
  /** How the asker is called in the query log: a guest is `network/guest`, this host and clients of shared links have no slash. */
  readonly name: string;
  logsQueries = false;
  /** Questions that wait now. */
  open = 0;
  readonly #settings: LimitSettings;
  #allowance: number;
  #lastMs = 0;

  constructor(name: string, settings: LimitSettings) {
    this.name = name;
    this.#settings = settings;
    this.#allowance = settings.upstreamPerSecond * BURST_SECONDS;
  }

  get mayOpen(): boolean {
    return this.open < this.#settings.openQuestions;
  }

  /** Takes one upstream question off the allowance; false where it is used up. */
  take(nowMs: number): boolean {
    const { upstreamPerSecond } = this.#settings;
    const earned = (Math.max(0, nowMs - this.#lastMs) * upstreamPerSecond) / 1000;
    this.#allowance = Math.min(upstreamPerSecond * BURST_SECONDS, this.#allowance + earned);
    this.#lastMs = nowMs;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }
}

/** For askers who are this host itself. */
export const UNLIMITED: LimitSettings = { upstreamPerSecond: Number.MAX_SAFE_INTEGER, openQuestions: Number.MAX_SAFE_INTEGER };
