/**
 * Theory of operation. Goal: the prefix that the uplink's router has for us is known, kept as long as it is given, and the same
 * after a restart where the router still agrees. One association (IA_PD) on one uplink:
 *
 *   discovering ─ Solicit ─▶ requesting ─ Request ─▶ bound ─ T1 ─▶ renewing ─ T2 ─▶ rebinding ─ all ended ─▶ discovering
 *
 * A Solicit waits for a second for better servers (§18.2.1), then takes the first that answers; one that offers rapid commit
 * saves the Request. What is remembered from before a restart, or may have become another's because the link was away, is
 * confirmed by a Rebind that is given up after ten seconds: then it goes on being used as it was (§18.2.12). A server that does
 * not know us any more (NoBinding) is asked anew by a Request (§18.2.10.1). Times that a server leaves to us are half and four
 * fifths of the shortest preferred lifetime. Reconfigure is ignored: nothing could tell who has sent it.
 * The end of a prefix has a timer of its own: it comes whatever is being said, and to whom, meanwhile.
 * Limits: one message on its way, one timer for what is to be said next; prefixes are as many as a packet carries.
 */
import type { Clock, Timer } from "../../base/clock.js";
import { Counters } from "../../base/counters.js";
import type { Random } from "../../base/random.js";
import { INFINITE_SECONDS, MESSAGE, OPTION, STATUS } from "../../wire/dhcp6/codes.js";
import * as message from "../../wire/dhcp6/message.js";
import type { Option } from "../../wire/dhcp6/option-repr.js";
import { type DelegatedPrefix, type Delegation, merged, usable } from "./delegated-prefix.js";
import { IAID, type Offer, readOffer } from "./offer.js";
import { CNF_MAX_RD_MS, Retransmission, SCHEDULE, type Schedule, SOL_MAX_DELAY_MS } from "./retransmission.js";

const COUNTERS = [
  "sent",
  "answers",
  "malformed",
  "other-transaction",
  "unexpected",
  "refused",
  "message-type",
  "client-id-other",
  "server-id-missing",
  "ia-malformed",
] as const;
export type PrefixClientCounter = (typeof COUNTERS)[number];

export interface PrefixClientOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Who we are to servers (RFC 8415 §11); the same for ever. */
  readonly duid: Uint8Array;
  /** The length of prefix that we could do with. */
  readonly hintLength: number;
  /** Sends to all servers of the uplink (ff02::1:2). */
  readonly send: (payload: Uint8Array) => void;
  /** What we have has changed: prefixes or their lifetimes. Undefined: nothing any more. */
  readonly onChange: (delegation: Delegation | undefined) => void;
}

type Phase = "stopped" | "discovering" | "requesting" | "bound" | "renewing" | "rebinding" | "confirming";

/** Elapsed time is told in hundredths of a second, in 16 bits (RFC 8415 §21.9). */
const ELAPSED_MOST = 0xffff;
/** Timers of Node end at 2^31 ms; what is later is looked at again after a day. */
const LONGEST_TIMER_MS = 86_400_000;
const PREFERENCE_AT_ONCE = 255;
/** Where a server leaves T1 and T2 to us, and prefers nothing that it gives. */
const LEAST_OWN_TIME_MS = 30_000;

export class PrefixClient {
  readonly counters = new Counters<PrefixClientCounter>([...COUNTERS]);
  readonly #options: PrefixClientOptions;
  #phase: Phase = "stopped";
  #transactionId = 0;
  #retransmission: Retransmission | undefined;
  #timer: Timer | undefined;
  #end: Timer | undefined;
  #best: Offer | undefined;
  #delegation: Delegation | undefined;
  #solMaxRtMs: number = SCHEDULE.solicit.longestMs;

  constructor(options: PrefixClientOptions) {
    this.#options = options;
  }

  /** Prefixes that are valid now, the one to be used first. */
  get prefixes(): DelegatedPrefix[] {
    return usable(this.#delegation?.prefixes ?? [], this.#nowMs);
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Begins, with what is remembered from an earlier life; or, when it runs, finds out whether what it has is still its own. */
  start(remembered?: Delegation): void {
    this.#delegation = remembered ?? this.#delegation;
    this.#awaitEnd();
    if (this.prefixes.length > 0) this.#confirm();
    else this.#discover();
  }

  /** Sends no more. What it has stays known, for the next `start`. */
  stop(): void {
    this.#enter("stopped");
    if (this.#end !== undefined) this.#options.clock.cancel(this.#end);
    this.#end = undefined;
  }

  /** Takes a message from the uplink, to our port. */
  receive(view: DataView, offset: number, length: number): void {
    this.#count(this.#take(view, offset, length));
  }

  /** What became of it, for the counters. */
  #take(view: DataView, offset: number, length: number): PrefixClientCounter {
    const parsed = message.parse(view, offset, length);
    if (typeof parsed === "string" || message.isRelay(parsed)) return "malformed";
    if (this.#phase === "stopped" || this.#phase === "bound") return "unexpected";
    if (parsed.transactionId !== this.#transactionId) return "other-transaction";
    const offer = readOffer(parsed, this.#options.duid, this.#nowMs);
    if (typeof offer === "string") return offer;
    if (offer.solMaxRtSeconds !== undefined) this.#solMaxRtMs = offer.solMaxRtSeconds * 1000;
    return parsed.type === MESSAGE.advertise ? this.#advertised(offer) : this.#replied(offer);
  }

  #discover(): void {
    this.#best = undefined;
    this.#enter("discovering");
    // So that the clients of a whole street do not speak at once after a power cut (§18.2.1).
    const delayMs = (this.#options.random.uint32() / 0x1_0000_0000) * SOL_MAX_DELAY_MS;
    this.#timer = this.#options.clock.after(delayMs, () => {
      const schedule = { ...SCHEDULE.solicit, longestMs: this.#solMaxRtMs };
      this.#transmit(schedule, MESSAGE.solicit, () => [rapidCommit, asked(this.#hint())]);
    });
  }

  #hint(): DelegatedPrefix {
    const prefix = { family: 6, address: 0n, prefixLength: this.#options.hintLength } as const;
    return { prefix, preferredUntilMs: 0, validUntilMs: 0 };
  }

  #advertised(offer: Offer): PrefixClientCounter {
    if (this.#phase !== "discovering") return "unexpected";
    const { status, iaStatus, prefixes, preference } = offer;
    const hasSome = usable(prefixes, this.#nowMs).length > 0;
    if (status !== STATUS.success || iaStatus !== STATUS.success || !hasSome) return "refused";
    if (this.#best === undefined || preference > this.#best.preference) this.#best = offer;
    const firstRound = (this.#retransmission?.count ?? 0) <= 1;
    if (!firstRound || preference === PREFERENCE_AT_ONCE) this.#request(this.#best);
    return "answers";
  }

  #request({ serverDuid, prefixes }: Pick<Offer, "serverDuid" | "prefixes">): void {
    this.#enter("requesting");
    const parts = (): Option[] => [{ kind: "duid", code: OPTION.serverId, duid: serverDuid }, asked(...prefixes)];
    this.#transmit(SCHEDULE.request, MESSAGE.request, parts, () => this.#discover());
  }

  #replied(offer: Offer): PrefixClientCounter {
    const { status, iaStatus, serverDuid } = offer;
    if (this.#phase === "discovering" && !offer.rapidCommit) return "unexpected";
    if (iaStatus === STATUS.noBinding && this.#phase !== "requesting") {
      this.#request({ serverDuid, prefixes: this.prefixes });
      return "answers";
    }
    if (status === STATUS.success && iaStatus === STATUS.success) {
      this.#bind(offer);
      return "answers";
    }
    // A server that has nothing for us lets us look for another; what else it says is waited out by sending again (§18.2.10).
    if (this.#phase === "requesting" && (iaStatus ?? status) !== STATUS.unspecFail) this.#discover();
    return "refused";
  }

  #bind(offer: Offer): void {
    const nowMs = this.#nowMs;
    const prefixes = merged(this.#delegation?.prefixes ?? [], offer.prefixes, nowMs);
    if (prefixes.length === 0) {
      this.#lose();
      return;
    }
    const shortest = Math.min(...prefixes.map(({ preferredUntilMs }) => Math.max(0, preferredUntilMs - nowMs)));
    const time = (seconds: number, share: number): number => {
      if (seconds === INFINITE_SECONDS) return Number.POSITIVE_INFINITY;
      return nowMs + (seconds > 0 ? seconds * 1000 : Math.max(shortest * share, LEAST_OWN_TIME_MS));
    };
    const renewAtMs = time(offer.t1Seconds, 0.5);
    const rebindAtMs = Math.max(time(offer.t2Seconds, 0.8), renewAtMs);
    this.#delegation = { serverDuid: offer.serverDuid, prefixes, renewAtMs, rebindAtMs };
    this.#keep();
    this.#awaitEnd();
    this.#options.onChange(this.#delegation);
  }

  /** Waits for what comes next: renewing, then rebinding. */
  #keep(): void {
    this.#enter("bound");
    this.#await();
  }

  #await(): void {
    const delegation = this.#delegation;
    if (delegation === undefined) return;
    const atMs = this.#phase === "bound" ? delegation.renewAtMs : delegation.rebindAtMs;
    const delayMs = Math.min(LONGEST_TIMER_MS, Math.max(0, atMs - this.#nowMs));
    this.#timer = this.#options.clock.after(delayMs, () => this.#due());
  }

  #due(): void {
    this.#timer = undefined;
    const delegation = this.#delegation;
    if (delegation === undefined) return;
    const nowMs = this.#nowMs;
    if (nowMs >= delegation.rebindAtMs) {
      this.#rebind();
      return;
    }
    if (this.#phase === "bound" && nowMs >= delegation.renewAtMs) this.#renew();
    this.#await();
  }

  #awaitEnd(): void {
    const { clock } = this.#options;
    if (this.#end !== undefined) clock.cancel(this.#end);
    this.#end = undefined;
    const nowMs = this.#nowMs;
    const ends = this.#delegation?.prefixes.map(({ validUntilMs }) => Math.max(0, validUntilMs - nowMs)) ?? [];
    if (ends.length > 0) this.#end = clock.after(Math.min(LONGEST_TIMER_MS, ...ends), () => this.#ended());
  }

  #ended(): void {
    const delegation = this.#delegation;
    if (delegation === undefined) return;
    const left = usable(delegation.prefixes, this.#nowMs);
    if (left.length === 0) {
      this.#lose();
      return;
    }
    if (left.length < delegation.prefixes.length) {
      this.#delegation = { ...delegation, prefixes: left };
      this.#options.onChange(this.#delegation);
    }
    this.#awaitEnd();
  }

  #renew(): void {
    this.#enter("renewing");
    this.#transmit(SCHEDULE.renew, MESSAGE.renew, () => {
      const duid = this.#delegation?.serverDuid ?? new Uint8Array(0);
      return [{ kind: "duid", code: OPTION.serverId, duid }, asked(...this.prefixes)];
    });
  }

  #rebind(): void {
    this.#enter("rebinding");
    this.#transmit(SCHEDULE.rebind, MESSAGE.rebind, () => [asked(...this.prefixes)]);
  }

  /** Is it still ours here? Nobody who says anything for ten seconds leaves it as it was. */
  #confirm(): void {
    this.#enter("confirming");
    this.#transmit(SCHEDULE.confirm, MESSAGE.rebind, () => [asked(...this.prefixes)]);
    this.#timer = this.#options.clock.after(CNF_MAX_RD_MS, () => this.#keep());
  }

  /** Nothing that was given is valid any more. Who is being asked for something new already goes on being asked. */
  #lose(): void {
    this.#delegation = undefined;
    this.#awaitEnd();
    this.#options.onChange(undefined);
    if (this.#phase !== "discovering" && this.#phase !== "requesting") this.#discover();
  }

  #enter(phase: Phase): void {
    this.#retransmission?.stop();
    this.#retransmission = undefined;
    if (this.#timer !== undefined) this.#options.clock.cancel(this.#timer);
    this.#timer = undefined;
    this.#phase = phase;
  }

  /** A transaction: one id for all transmissions; what it says is composed anew for each, because times run. */
  #transmit(schedule: Schedule, type: number, parts: () => readonly Option[], exhausted?: () => void): void {
    const { clock, random, duid, send } = this.#options;
    this.#transactionId = random.uint32() >>> 8;
    const transmit = (elapsedMs: number, count: number): void => {
      // The first round is over: whoever was best is taken.
      if (type === MESSAGE.solicit && count > 1 && this.#best !== undefined) {
        this.#request(this.#best);
        return;
      }
      this.#count("sent");
      const options: Option[] = [
        { kind: "duid", code: OPTION.clientId, duid },
        { kind: "uint16", code: OPTION.elapsedTime, value: Math.min(ELAPSED_MOST, Math.round(elapsedMs / 10)) },
        { kind: "codes", code: OPTION.optionRequest, codes: [OPTION.solMaxRt] },
        ...parts(),
      ];
      send(message.toBytes({ type, transactionId: this.#transactionId, options }));
    };
    this.#retransmission = new Retransmission({ clock, random }, schedule, transmit, exhausted);
    this.#retransmission.start();
  }

  get #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  #count(name: PrefixClientCounter): void {
    this.counters.count(this.counters.index(name));
  }
}

const rapidCommit: Option = { kind: "flag", code: OPTION.rapidCommit };

/** Our association with the prefixes that we have or hope for; their lifetimes are the server's to say (§21.22). */
function asked(...prefixes: readonly DelegatedPrefix[]): Option {
  const options = prefixes.map(({ prefix: { address, prefixLength } }): Option => {
    const lifetimes = { preferredSeconds: 0, validSeconds: 0 };
    return { kind: "ia-prefix", code: OPTION.iaPrefix, prefix: address, prefixLength, ...lifetimes, options: [] };
  });
  return { kind: "ia", code: OPTION.iaPd, iaid: IAID, t1Seconds: 0, t2Seconds: 0, options };
}
