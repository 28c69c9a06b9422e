import type { Clock } from "../../base/clock.js";
import type { Counters } from "../../base/counters.js";
import { readUint16, readUint32 } from "../../wire/dns/bytes.js";
import { FoldedName } from "../../wire/dns/folded-name.js";
import { formatName } from "../../wire/dns/name.js";
import { FLAG, MESSAGE_BYTES_MOST, RCODE, TYPE } from "../../wire/dns/numbers.js";
import { Query } from "../../wire/dns/query.js";
import type { Asker } from "./asker.js";
import type { AnswerCache } from "./cache.js";
import type { CookieJar } from "./cookies.js";
import { COUNTER, type DnsCounter } from "./dns-counters.js";
import type { Forwarder } from "./forward.js";
import type { ForwardPolicy } from "./forward-policy.js";
import { LocalLookup } from "./local-lookup.js";
import type { NameTree } from "./name-tree.js";
import type { ForwardFailure, Wanted } from "./open-question.js";
import { type Completer, PendingReply } from "./pending-reply.js";
import type { AnswerSource, QueryLog } from "./query-log.js";
import {
  ENDLESS,
  NOT_FORWARDED,
  NOT_KNOWN,
  RATE_LIMITED,
  type Refusal,
  refuseFailure,
  refuseFault,
  refuseKind,
  TOO_MANY_OPEN,
} from "./refusals.js";
import { ReplyWriter } from "./reply-writer.js";
import { keyFlagsOf, STORED } from "./stored-reply.js";
import type { View } from "./views.js";

/**
 * Theory of operation
 *
 * One function answers for every transport. A question is read in place; what we know about its name is written straight to where
 * the reply leaves from; then the cache is asked; and only what is left becomes a question upstream, with a `PendingReply` that
 * keeps a copy of the message until the answer is there and then writes it in the same way.
 *
 * Our names come first, always: neither an upstream nor the cache can say anything about them.
 *
 * Bounds: bytes of a question, aliases followed, questions open per asker; all work up to the reply grows with the question
 * alone.
 */
export const SILENT = 0;
export const PENDING = -1;

/** Longer ones are no questions: name, EDNS, a cookie and padding stay far below. */
export const QUERY_BYTES_MOST = 4096;
const ALIASES_MOST = 8;
/** RFC 8767 §4: the TTL of an expired answer. */
const STALE_TTL_SECONDS = 30;
/** A name is asked for again when this share of its time is left, if it was hit so often in it and lives long enough. */
const PREFETCH = { share: 0.1, hits: 3, ttlSeconds: 20 } as const;
/** RFC 8482 §4.2: the answer to ANY for names that are not ours, HINFO "RFC8482" "". */
const ANY_DATA = Uint8Array.of(7, 0x52, 0x46, 0x43, 0x38, 0x34, 0x38, 0x32, 0);
const ANY_TTL_SECONDS = 3600;

/** Names that come into the tree only when somebody asks. */
export interface LateNames {
  /** Whether there is any at all. */
  readonly hasAny: boolean;
  /** Puts a name, as text in lower case without the final dot, into the tree; false where nobody has it. */
  place(name: string): boolean;
}

export interface AnswererOptions {
  readonly tree: NameTree;
  readonly cache: AnswerCache;
  readonly forwarder: Forwarder;
  readonly cookies: CookieJar;
  readonly clock: Clock;
  readonly counters: Counters<DnsCounter>;
  readonly queryLog: QueryLog;
  /** The most that leaves in one datagram. */
  readonly udpBytesMost: number;
}

export class Answerer implements Completer {
  readonly #cache: AnswerCache;
  readonly #forwarder: Forwarder;
  readonly #clock: Clock;
  readonly #counters: Counters<DnsCounter>;
  readonly #queryLog: QueryLog;
  readonly #query: Query;
  /** Where aliases of ours lead outside. */
  readonly #target: FoldedName;
  readonly #local: LocalLookup;
  readonly #reply: ReplyWriter;
  readonly #later = new Uint8Array(MESSAGE_BYTES_MOST);
  #inBatch = false;
  #batchSeconds = -1;
  /** Who knew the last answer that was written. */
  lastSource: AnswerSource = "local";
  /** Told of each reply before it leaves, and whose it is (`AskerLimits.name`); the bytes are valid as long as the call. */
  told: ((reply: Uint8Array, asker: string) => void) | undefined;
  /** Asked for a name in our zones, or a bare one, that nobody has. */
  late: LateNames | undefined;

  constructor(options: AnswererOptions) {
    this.#cache = options.cache;
    this.#forwarder = options.forwarder;
    this.#clock = options.clock;
    this.#counters = options.counters;
    this.#queryLog = options.queryLog;
    this.#query = new Query(options.tree.seed);
    this.#target = new FoldedName(options.tree.seed);
    this.#local = new LocalLookup(options.tree);
    this.#reply = new ReplyWriter(options.cookies, options.clock, options.udpBytesMost);
  }

  /**
   * Answers the message of `length` bytes at `offset`: writes the reply to `out` from `outOffset` on, at most `limit` bytes (512
   * or more), and returns its length; `SILENT` where nothing is said; `PENDING` where `asker.retain()` delivers the reply later.
   * Never throws for what is in the message.
   */
  answer(
    bytes: Uint8Array,
    offset: number,
    length: number,
    out: Uint8Array,
    outOffset: number,
    limit: number,
    asker: Asker,
  ): number {
    const query = this.#query;
    const found = query.check(bytes, offset, length);
    // RFC 7828 §3.3.1: in a datagram the option means nothing, whatever is in it.
    const fault = found === "dns-keepalive-length" && !asker.overStream ? undefined : found;
    if (fault !== undefined || length > QUERY_BYTES_MOST) {
      const refusal = refuseFault(fault ?? "dns-sections");
      if (refusal === undefined) {
        this.#counters.count(fault === "dns-short" ? COUNTER.short : COUNTER.response);
        return SILENT;
      }
      this.#reply.begin(query, bytes, asker, out, outOffset, limit);
      return this.#refuse(refusal, bytes, asker);
    }
    this.#counters.count(COUNTER.questions);
    this.#reply.begin(query, bytes, asker, out, outOffset, limit);
    if (!query.hasQuestion) return this.#finish(bytes, asker, "local");
    const refusal = refuseKind(query);
    if (refusal !== undefined) return this.#refuse(refusal, bytes, asker);
    return this.#resolve(bytes, offset, length, limit, asker);
  }

  #resolve(bytes: Uint8Array, offset: number, length: number, limit: number, asker: Asker): number {
    const query = this.#query;
    const local = this.#local;
    const { view } = asker;
    local.find(view, query.name);
    if (local.zone !== null && !local.isExact && this.#isKnownLate()) local.find(view, query.name);
    const claimed = local.zone?.special === true && view.policy?.claims(query.name.copy()) === true;
    if (!claimed && (local.isOurs(view, query.type) || (query.name.labelCount === 1 && this.#isBareName(view)))) {
      const target = this.#writeLocal(view);
      if (target === undefined || view.policy === undefined) return this.#finish(bytes, asker, "local");
      this.#target.read(target, 0, target.length);
      if (this.#appendCached(this.#target, view.policy)) return this.#finish(bytes, asker, "cache");
      return this.#forward(this.#want(this.#target, view.policy), bytes, offset, length, limit, asker, true);
    }
    if (view.policy === undefined) return this.#refuse(NOT_FORWARDED, bytes, asker);
    if (query.type === TYPE.ANY) {
      this.#reply.writeSynthetic(TYPE.HINFO, ANY_TTL_SECONDS, ANY_DATA);
      return this.#finish(bytes, asker, "local");
    }
    const cached = this.#answerFromCache(view.policy);
    if (cached !== undefined) return this.#finish(bytes, asker, cached);
    return this.#forward(this.#want(query.name, view.policy), bytes, offset, length, limit, asker, false);
  }

  /** Whether the name was unknown, and is known now. Making its text costs as much as the whole denial, so it is made last. */
  #isKnownLate(): boolean {
    const { late } = this;
    return late?.hasAny === true && late.place(formatName(this.#query.name.bytes));
  }

  /**
   * Whether the name is a single label that is answered here: a name of the search list, or none at all. No address of a bare
   * name is asked for outside; other types are, since top-level domains have them.
   */
  #isBareName(view: View): boolean {
    const { type, name } = this.#query;
    this.#local.findBare(view, name);
    if (this.#local.node === null && this.#isKnownLate()) this.#local.findBare(view, name);
    if (this.#local.node !== null) return true;
    const forAddress = type === TYPE.A || type === TYPE.AAAA || type === TYPE.HTTPS || type === TYPE.SVCB;
    return forAddress && view.policy?.forwardBareNames !== true && view.policy?.claims(name.copy()) !== true;
  }

  /**
   * Writes what we know about the name that `#local` has found, following aliases among our names. Returns the name at which
   * they leave them, or undefined where all is said.
   */
  #writeLocal(view: View): Uint8Array | undefined {
    const local = this.#local;
    const reply = this.#reply;
    const { type } = this.#query;
    if (local.zone !== null) reply.flags |= FLAG.authoritative;
    let owner: Uint8Array | null = null;
    for (let aliases = 0; ; aliases++) {
      const found = local.answerType(view, type);
      if (found === 0 || local.node === null) {
        if (local.node === null) reply.rcode = RCODE.NXDOMAIN;
        if (local.zone === null) return undefined;
        if (aliases === 0) reply.writeDenial(local.zone);
        else reply.writeSoa(local.zone);
        return undefined;
      }
      reply.writeSets(local.node, found, view, owner);
      if (found !== TYPE.CNAME || type === TYPE.CNAME || type === TYPE.ANY) return undefined;
      if (aliases === ALIASES_MOST) {
        reply.restart();
        reply.rcode = ENDLESS.rcode;
        reply.extendedError = ENDLESS.extendedError;
        return undefined;
      }
      owner = view.findSet(local.node, TYPE.CNAME)?.data[0] ?? null;
      if (owner === null) return undefined;
      local.findName(view, owner);
      if (!local.isOurs(view, type)) return owner;
    }
  }

  /** Writes the cached answer to this question, if there is one that is fresh, or expired and held; says which. */
  #answerFromCache(policy: ForwardPolicy): AnswerSource | undefined {
    const query = this.#query;
    const base = this.#findCached(query.name, policy);
    if (base < 0) return this.#appendDenialAbove(policy) ? "cache" : undefined;
    const stored = this.#cache.bytes;
    const nowSeconds = this.#nowSeconds();
    const age = nowSeconds - readUint32(stored, base + STORED.storedSeconds);
    const ttl = readUint32(stored, base + STORED.ttlSeconds);
    if (age < ttl) {
      this.#reply.writeStored(stored, base, age, 0);
      const isHot = this.#cache.countHit(base) >= PREFETCH.hits;
      if (isHot && ttl >= PREFETCH.ttlSeconds && ttl - age < ttl * PREFETCH.share) {
        this.#forwarder.prefetch(this.#want(query.name, policy));
      }
      return "cache";
    }
    if (nowSeconds >= readUint32(stored, base + STORED.holdSeconds) || age >= ttl + this.#forwarder.staleSeconds)
      return undefined;
    this.#reply.writeStored(stored, base, age, STALE_TTL_SECONDS);
    this.#reply.noteStale();
    return "stale";
  }

  /** Where the cache has an answer for a name and the type that is asked for. */
  #findCached(name: FoldedName, policy: ForwardPolicy): number {
    const { partition } = policy;
    const hash = name.hashFrom(0);
    const keyFlags = keyFlagsOf(this.#query);
    const exact = this.#cache.find(hash, name.bytes, 0, name.length, this.#query.type, partition, keyFlags);
    return exact >= 0 ? exact : this.#cache.find(hash, name.bytes, 0, name.length, 0, partition, keyFlags);
  }

  /** Adds what the cache has for the name at which our aliases end; false where it has nothing fresh. */
  #appendCached(target: FoldedName, policy: ForwardPolicy): boolean {
    const base = this.#findCached(target, policy);
    const age = base < 0 ? 0 : this.#ageOfFresh(base);
    if (base < 0 || age < 0) return false;
    this.#reply.appendStored(this.#cache.bytes, base, age, 0);
    return true;
  }

  /**
   * RFC 8020: where a name does not exist, nothing below it does. Believed only where upstream has checked the denial (AD):
   * there are servers that deny names which have others below them.
   */
  #appendDenialAbove(policy: ForwardPolicy): boolean {
    const { name } = this.#query;
    for (let label = 1; label < name.labelCount; label++) {
      const at = name.labelOffset[label];
      const base = this.#cache.find(
        name.hashFrom(label),
        name.bytes,
        at,
        name.length - at,
        0,
        policy.partition,
        keyFlagsOf(this.#query),
      );
      if (base < 0 || (readUint16(this.#cache.bytes, base + STORED.headerFlags) & FLAG.authenticData) === 0) continue;
      const age = this.#ageOfFresh(base);
      if (age < 0) continue;
      this.#reply.appendStored(this.#cache.bytes, base, age, 0);
      return true;
    }
    return false;
  }

  /** How old a cached answer is; -1 where it has expired. */
  #ageOfFresh(base: number): number {
    const age = this.#nowSeconds() - readUint32(this.#cache.bytes, base + STORED.storedSeconds);
    return age < readUint32(this.#cache.bytes, base + STORED.ttlSeconds) ? age : -1;
  }

  #forward(
    wanted: Wanted,
    bytes: Uint8Array,
    offset: number,
    length: number,
    limit: number,
    asker: Asker,
    isAlias: boolean,
  ): number {
    const { limits } = asker;
    if (!this.#query.recursionDesired) {
      return isAlias ? this.#finish(bytes, asker, "local") : this.#refuse(NOT_KNOWN, bytes, asker);
    }
    if (!limits.mayOpen) return this.#refuse(TOO_MANY_OPEN, bytes, asker);
    if (!limits.take(this.#clock.monotonicMs())) return this.#refuse(RATE_LIMITED, bytes, asker);
    const pending = new PendingReply(this, bytes.slice(offset, offset + length), limit, isAlias, asker);
    limits.open++;
    const failure = this.#forwarder.ask(wanted, pending, pending.address);
    if (failure === undefined) return PENDING;
    limits.open--;
    return this.#refuse(refuseFailure(failure), bytes, asker);
  }

  /** Part of `Completer`: the answer from upstream is there. */
  completeAnswer(pending: PendingReply, stored: Uint8Array, base: number, ageSeconds: number, stale: boolean): void {
    const reply = this.#begin(pending);
    const staleTtl = stale ? STALE_TTL_SECONDS : 0;
    if (!pending.isAlias) {
      reply.writeStored(stored, base, ageSeconds, staleTtl);
    } else {
      this.#local.find(pending.view, this.#query.name);
      if (this.#writeLocal(pending.view) !== undefined) reply.appendStored(stored, base, ageSeconds, staleTtl);
    }
    if (stale) reply.noteStale();
    this.#deliver(pending, this.#finish(pending.message, pending, stale ? "stale" : "upstream"));
  }

  /** Part of `Completer`: nothing came. */
  completeFailure(pending: PendingReply, failure: ForwardFailure): void {
    this.#begin(pending);
    this.#deliver(pending, this.#refuse(refuseFailure(failure), pending.message, pending));
  }

  #begin(pending: PendingReply): ReplyWriter {
    pending.limits.open--;
    this.#query.check(pending.message, 0, pending.message.length);
    this.#reply.begin(this.#query, pending.message, pending, this.#later, 0, pending.limit);
    return this.#reply;
  }

  #deliver(pending: PendingReply, length: number): void {
    pending.delivery.deliver(this.#later.subarray(0, length), this.#forwarder.isQuiet);
  }

  #refuse(refusal: Refusal, bytes: Uint8Array, asker: Asker | PendingReply): number {
    if (refusal.counter !== undefined) this.#counters.count(COUNTER[refusal.counter]);
    this.#reply.restart();
    this.#reply.rcode = refusal.rcode;
    this.#reply.extendedError = refusal.extendedError;
    return this.#finish(bytes, asker, "refused");
  }

  #finish(bytes: Uint8Array, asker: Asker | PendingReply, source: AnswerSource): number {
    const { view, limits } = asker;
    this.lastSource = source;
    this.#counters.count(SOURCE_COUNTER[source]);
    if ((this.#reply.flags & FLAG.truncated) !== 0) this.#counters.count(COUNTER.truncated);
    if (limits.logsQueries) this.#queryLog.record(limits.name, this.#query, bytes, this.#reply.rcode, source);
    const length = this.#reply.finish(view.policy !== undefined);
    if (this.told !== undefined) this.told(this.#reply.written(length), limits.name);
    return length;
  }

  #want(name: FoldedName, policy: ForwardPolicy): Wanted {
    const { type } = this.#query;
    return { name: name.copy(), hash: name.hashFrom(0), type, keyFlags: keyFlagsOf(this.#query), policy };
  }

  /** Questions until `endBatch` came together: what is cached counts seconds, so for all of them the clock is read once. */
  startBatch(): void {
    this.#inBatch = true;
    this.#batchSeconds = -1;
  }

  endBatch(): void {
    this.#inBatch = false;
  }

  #nowSeconds(): number {
    if (!this.#inBatch) return Math.floor(this.#clock.monotonicMs() / 1000);
    if (this.#batchSeconds < 0) this.#batchSeconds = Math.floor(this.#clock.monotonicMs() / 1000);
    return this.#batchSeconds;
  }
}

const SOURCE_COUNTER: Readonly<Record<AnswerSource, number>> = {
  local: COUNTER.local,
  cache: COUNTER.cached,
  stale: COUNTER.stale,
  upstream: COUNTER.forwarded,
  refused: COUNTER.refused,
};
