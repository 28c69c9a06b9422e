import type { Clock } from "../../base/clock.js";
import type { Counters } from "../../base/counters.js";
import type { Logger } from "../../base/log.js";
import type { Random } from "../../base/random.js";
import { readUint16, readUint32, writeUint16, writeUint32 } from "../../wire/dns/bytes.js";
import { formatName } from "../../wire/dns/name.js";
import { FLAG, RCODE } from "../../wire/dns/numbers.js";
import { compareEcho, composeAsk } from "./ask-message.js";
import type { AnswerCache } from "./cache.js";
import { CLIENT_COOKIE_BYTES } from "./cookies.js";
import { COUNTER, type DnsCounter } from "./dns-counters.js";
import { Ask, type ForwardFailure, OpenQuestion, OpenQuestions, questionKey, type Waiter, type Wanted } from "./open-question.js";
import { STORED } from "./stored-reply.js";
import type { Upstream } from "./upstream.js";
import { AnswerReader, type Outcome } from "./upstream-answer.js";
import { SourcePorts } from "./upstream-ports.js";
import { UpstreamStream } from "./upstream-stream.js";
import type { UpstreamTransport } from "./upstream-transport.js";

/**
 * Theory of operation
 *
 * A question that is not answered here becomes an `OpenQuestion`; whoever asks the same meanwhile joins it, so upstream sees
 * it once. It is sent to the first healthy server of its group as an `Ask`; if no answer comes in time, or the server cannot
 * answer, to the next, while earlier asks stay open for late answers. The first good answer goes to everyone who waits and into
 * the cache.
 *
 * An answer counts only if it comes from where the question went, to the port it left from, with its id and its question, letter
 * case included (RFC 5452 §9). What does not is ignored; many such for one question mean that somebody guesses, and it is asked
 * over TCP instead. So is an answer that was truncated or does not keep the case.
 *
 * When nobody answers, an expired answer from the cache is served (RFC 8767): after 1.8 s, or when all tries have failed; then
 * that name is left alone for half a minute. Failures are remembered for two seconds (RFC 9520).
 *
 * Bounds: open questions, who waits for each, asks and seconds for each, remembered failures.
 */
const QUESTIONS_MOST = 4096;
const WAITERS_MOST = 2048;
const ATTEMPTS_MOST = 8;
/** Stub resolvers give up, or ask again, after five seconds. */
const TOTAL_MS = 4500;
const STREAM_TIMEOUT_MS = 2500;
const STRAYS_MOST = 8;
const FAILURE_MS = 2000;
const FAILURES_MOST = 4096;
/** RFC 8767 §5: client response timer, failure recheck timer; and who asks between the two waits for neither. */
const STALE_AFTER_MS = 1800;
const STALE_HOLD_SECONDS = 30;
const LATE_HOLD_SECONDS = Math.ceil((TOTAL_MS - STALE_AFTER_MS) / 1000);
const ASK_BYTES_MOST = 512;

export interface ForwardOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: UpstreamTransport;
  readonly cache: AnswerCache;
  readonly counters: Counters<DnsCounter>;
  readonly log: Logger;
  /** Expired answers are served for so long while upstream is silent; 0 for never. */
  readonly staleSeconds: number;
}

export class Forwarder {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #transport: UpstreamTransport;
  readonly #cache: AnswerCache;
  readonly #counters: Counters<DnsCounter>;
  readonly #log: Logger;
  /** Expired answers are served for so long while upstream is silent; 0 for never. */
  staleSeconds: number;
  readonly #reader = new AnswerReader();
  readonly #ports: SourcePorts;
  readonly #streams = new Map<Upstream, UpstreamStream>();
  readonly #open = new OpenQuestions();
  /** When each failed question may be asked again, the oldest first. */
  readonly #failed = new Map<string, { untilMs: number; failure: ForwardFailure }>();
  readonly #scratch = new Uint8Array(ASK_BYTES_MOST);
  #isQuiet = false;

  constructor(options: ForwardOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#transport = options.transport;
    this.#cache = options.cache;
    this.#counters = options.counters;
    this.#log = options.log;
    this.staleSeconds = options.staleSeconds;
    this.#ports = new SourcePorts(options.transport, options.clock, options.random, this);
  }

  get openQuestions(): number {
    return this.#open.size;
  }

  /** While a waiter is called: whether it is the only one, and no other question is open. */
  get isQuiet(): boolean {
    return this.#isQuiet;
  }

  /**
   * Asks upstream, or joins those who already do. The waiter is called later, never during the call; where there is nothing to
   * wait for, the failure is returned instead. `from` is the asker's address: a server that asks us what we ask it is a loop.
   */
  ask(wanted: Wanted, waiter: Waiter, from: Uint8Array): ForwardFailure | undefined {
    const open = this.#open.find(wanted);
    if (open !== undefined) {
      if (this.#isLoop(open, from)) return "loop";
      if (open.waiters.length >= WAITERS_MOST) return "busy";
      this.#count(COUNTER.joined);
      open.waiters.push(waiter);
      return undefined;
    }
    return this.#recentFailure(wanted) ?? this.#begin(wanted, [waiter]);
  }

  /** Asks again, early, for what the cache still has. */
  prefetch(wanted: Wanted): void {
    const isBusy = this.#open.size > QUESTIONS_MOST / 4;
    if (isBusy || this.#open.find(wanted) !== undefined || this.#recentFailure(wanted) !== undefined) return;
    this.#count(COUNTER.prefetched);
    this.#begin(wanted, []);
  }

  /** Forgets failures, so that everything is asked anew. */
  forgetFailures(): void {
    this.#failed.clear();
  }

  /** Fails everything that is open and closes every socket. */
  close(): void {
    for (const question of this.#open.all()) {
      for (const waiter of this.#end(question)) waiter.fail("unreachable");
    }
    this.#ports.closeAll();
    for (const stream of [...this.#streams.values()]) stream.close();
  }

  /** Why this question failed a moment ago; undefined where it did not, or may be asked again. */
  #recentFailure(wanted: Wanted): ForwardFailure | undefined {
    if (this.#failed.size === 0) return undefined;
    const key = questionKey(wanted);
    const failed = this.#failed.get(key);
    if (failed !== undefined && failed.untilMs > this.#clock.monotonicMs()) return failed.failure;
    this.#failed.delete(key);
    return undefined;
  }

  #begin(wanted: Wanted, waiters: Waiter[]): ForwardFailure | undefined {
    if (this.#open.size >= QUESTIONS_MOST) return "busy";
    const route = wanted.policy.routeFor(wanted.name);
    if (route.group.upstreams.length === 0) return "no-upstream";
    const question = new OpenQuestion(wanted, route, this.#clock.monotonicMs(), waiters);
    this.#open.add(question);
    if (this.#findStale(question) >= 0) {
      question.staleTimer = this.#clock.after(STALE_AFTER_MS, () => this.#serveStale(question, LATE_HOLD_SECONDS));
    }
    this.#tryNext(question);
    // Many questions gather, and leave with fewer system calls; one alone has nothing to wait for.
    if (this.#open.size === 1) this.#transport.flush?.();
    return undefined;
  }

  #isLoop(question: OpenQuestion, from: Uint8Array): boolean {
    for (const { upstream } of question.asks) {
      if (Buffer.compare(upstream.addressBytes, from) !== 0) continue;
      this.#count(COUNTER.loops);
      upstream.noteLoop();
      this.#log.warn(
        { upstream: upstream.text, name: formatName(question.name) },
        "upstream DNS server sends our questions back to us: it is left alone for a minute",
      );
      return true;
    }
    return false;
  }

  /** Sends the question to the best server that may still know, or gives up. */
  #tryNext(question: OpenQuestion): void {
    const left = TOTAL_MS - (this.#clock.monotonicMs() - question.startedMs);
    const upstream = left > 0 && question.attempts < ATTEMPTS_MOST ? question.pickUpstream() : undefined;
    if (upstream === undefined) {
      this.#giveUp(question);
      return;
    }
    for (const resting of question.upstreams) {
      if (resting !== upstream && !resting.isStream && resting.takeProbe()) this.#send(question, resting, false).isProbe = true;
    }
    this.#send(question, upstream, upstream.isStream || question.strays >= STRAYS_MOST);
  }

  #send(question: OpenQuestion, upstream: Upstream, overStream: boolean): Ask {
    const tries = question.noteTry(upstream);
    question.attempts++;
    upstream.questions++;
    const now = this.#clock.monotonicMs();
    const ask = new Ask(question, upstream, overStream, this.#random, now);
    question.asks.push(ask);
    this.#count(overStream ? COUNTER["asked-stream"] : COUNTER.asked);
    const left = Math.max(1, TOTAL_MS - (now - question.startedMs));
    const wait = overStream ? STREAM_TIMEOUT_MS : upstream.timeoutMs(tries);
    const sent = overStream ? this.#stream(upstream).send(ask) : this.#sendDatagram(ask);
    ask.timer = this.#clock.after(sent ? Math.min(wait, left) : 0, () => this.#timedOut(ask));
    return ask;
  }

  #sendDatagram(ask: Ask): boolean {
    try {
      this.#ports.take(ask);
    } catch (error) {
      this.#log.error(
        { upstream: ask.upstream.text, error },
        "no socket to ask upstream DNS servers from: check the limit on open files",
      );
      return false;
    }
    ask.port?.send(ask, this.#scratch, composeAsk(ask, this.#scratch));
    return true;
  }

  #stream(upstream: Upstream): UpstreamStream {
    let stream = this.#streams.get(upstream);
    if (stream === undefined) {
      stream = new UpstreamStream(upstream, this.#transport, this.#clock, this.#random, this, () =>
        this.#streams.delete(upstream),
      );
      this.#streams.set(upstream, stream);
    }
    return stream;
  }

  #timedOut(ask: Ask): void {
    ask.timer = undefined;
    if (!ask.question.asks.includes(ask)) return;
    this.#count(COUNTER.timeouts);
    ask.upstream.noteFailure();
    // A datagram's answer may still come; a stream that stalls is given up.
    if (ask.overStream || ask.isProbe) this.#release(ask);
    if (!ask.isProbe) this.#goOn(ask);
  }

  /** Part of `StreamSink`: the connection broke before the answer came. */
  failed(ask: Ask): void {
    if (!ask.question.asks.includes(ask)) return;
    ask.upstream.noteFailure();
    this.#release(ask);
    this.#goOn(ask);
  }

  #goOn(ask: Ask): void {
    const { question, upstream } = ask;
    if (ask.afterLostCase) {
      // The server takes no streams, so its datagrams are taken as they are.
      upstream.keepsCase = false;
      this.#send(question, upstream, false);
      return;
    }
    this.#tryNext(question);
  }

  /** Part of `AnswerSink`: something that is no answer to anything we asked. */
  stray(ask: Ask | undefined): void {
    this.#count(COUNTER.strays);
    if (ask === undefined || ask.overStream || ++ask.question.strays !== STRAYS_MOST) return;
    this.#log.warn(
      { name: formatName(ask.question.name), upstream: ask.upstream.text },
      "many wrong answers to one DNS question: asking over TCP",
    );
    this.#askOverStream(ask);
  }

  /** Part of `AnswerSink`: an answer from the right place with the right id. */
  answered(ask: Ask, bytes: Uint8Array, offset: number, length: number): void {
    const { question, upstream } = ask;
    const echo = compareEcho(ask, bytes, offset, length);
    const rcode = readUint16(bytes, offset + 2) & FLAG.rcode;
    // Servers that could not read the question may leave it out; that can only mean a refusal.
    const isBareRefusal = echo === "missing" && rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN;
    if (echo === "other" || (echo === "missing" && !isBareRefusal)) {
      this.stray(ask);
      return;
    }
    if (echo === "other-case" && !ask.overStream) {
      this.#count(COUNTER["case-lost"]);
      this.#askOverStream(ask).afterLostCase = true;
      return;
    }
    const outcome = this.#reader.read(bytes, offset, length, question.name, question.type, question.allowPrivate);
    if (!this.#checkCookie(ask, bytes, outcome)) return;
    upstream.noteAnswer(this.#clock.monotonicMs() - ask.sentMs);
    if (echo === "other-case") upstream.keepsCase = false;
    this.#conclude(ask, outcome);
  }

  /**
   * RFC 7873 §5.3: an answer with another client cookie than ours is forged; one without, from a server that had cookies, may
   * be, and is asked for again over TCP.
   */
  #checkCookie(ask: Ask, bytes: Uint8Array, outcome: Outcome): boolean {
    if (!ask.withEdns || ask.overStream || outcome === "truncated") return true;
    const { cookieOffset, cookieLength } = this.#reader;
    const { clientCookie, serverCookie } = ask.upstream;
    if (cookieLength === 0) {
      if (serverCookie === undefined || outcome === "no-edns") return true;
      ask.upstream.serverCookie = undefined;
      this.#askOverStream(ask);
      return false;
    }
    const ours = bytes.subarray(cookieOffset, cookieOffset + CLIENT_COOKIE_BYTES);
    if (Buffer.compare(ours, clientCookie) !== 0) {
      this.stray(ask);
      return false;
    }
    if (cookieLength > CLIENT_COOKIE_BYTES)
      ask.upstream.serverCookie = bytes.slice(cookieOffset + CLIENT_COOKIE_BYTES, cookieOffset + cookieLength);
    return true;
  }

  #conclude(ask: Ask, outcome: Outcome): void {
    const { question, upstream } = ask;
    switch (outcome) {
      case "answer":
        if (this.#reader.hasEdns) upstream.speaksEdns = true;
        this.#finish(question);
        return;
      case "truncated":
        if (ask.overStream) this.#reject(ask, "invalid");
        else this.#askOverStream(ask);
        return;
      case "no-edns":
        if (!ask.withEdns) {
          this.#reject(ask, "servfail");
          return;
        }
        if (upstream.speaksEdns) question.withoutEdns = true;
        else upstream.noteNoEdns();
        this.#again(ask);
        return;
      case "bad-cookie":
        if (question.attempts > 1) this.#askOverStream(ask);
        else this.#again(ask);
        return;
      case "private-address":
        this.#count(COUNTER["private-addresses"]);
        this.#log.warn(
          { name: formatName(question.name), upstream: upstream.text },
          "private address under a public name refused: if it is meant so, add the domain to dns.allow-private",
        );
        question.failure = "private-address";
        this.#giveUp(question);
        return;
      default:
        this.#reject(ask, outcome === "servfail" || outcome === "refused" ? outcome : "invalid");
    }
  }

  /** This server has said that it does not know; another may. */
  #reject(ask: Ask, failure: ForwardFailure): void {
    if (failure === "invalid") this.#count(COUNTER["bad-answers"]);
    this.#release(ask);
    ask.question.failure = failure;
    ask.question.noteIgnorance(ask.upstream);
    if (!ask.isProbe) this.#tryNext(ask.question);
  }

  #again(ask: Ask): void {
    this.#release(ask);
    if (ask.question.attempts >= ATTEMPTS_MOST) this.#giveUp(ask.question);
    else this.#send(ask.question, ask.upstream, ask.overStream);
  }

  #askOverStream(ask: Ask): Ask {
    this.#release(ask);
    return this.#send(ask.question, ask.upstream, true);
  }

  #release(ask: Ask): void {
    if (ask.timer !== undefined) this.#clock.cancel(ask.timer);
    ask.timer = undefined;
    const { asks } = ask.question;
    const index = asks.indexOf(ask);
    if (index >= 0) asks.splice(index, 1);
    if (ask.overStream) this.#streams.get(ask.upstream)?.release(ask);
    ask.port?.release(ask);
    ask.port = undefined;
  }

  /** Stops all that was under way for a question; returns who waited. */
  #end(question: OpenQuestion): Waiter[] {
    this.#open.remove(question);
    this.#stop(question);
    return question.waiters;
  }

  #stop(question: OpenQuestion): void {
    while (question.asks.length > 0) this.#release(question.asks[0]);
    if (question.staleTimer !== undefined) this.#clock.cancel(question.staleTimer);
    question.staleTimer = undefined;
  }

  /** Who waits has the answer first; what there is to put away comes after. */
  #finish(question: OpenQuestion): void {
    this.#open.remove(question);
    const { waiters } = question;
    const { stored } = this.#reader;
    writeUint32(stored, STORED.hash, question.hash);
    writeUint32(stored, STORED.storedSeconds, this.#nowSeconds());
    writeUint16(stored, STORED.partition, question.policy.partition);
    stored[STORED.keyFlags] = question.keyFlags;
    this.#isQuiet = this.#open.size === 0 && waiters.length === 1;
    for (const waiter of waiters) waiter.answer(stored, 0, 0, false);
    this.#isQuiet = false;
    this.#stop(question);
    if (this.#reader.cacheable) {
      // A name that exists does not at the same time not exist.
      const denial = readUint16(stored, STORED.type) === 0 ? -1 : this.#find(question, 0);
      if (denial >= 0) this.#cache.remove(denial);
      this.#cache.insert(stored, 0);
    }
  }

  #giveUp(question: OpenQuestion): void {
    this.#serveStale(question, STALE_HOLD_SECONDS);
    const waiters = this.#end(question);
    this.#count(COUNTER.failed);
    this.#rememberFailure(question);
    for (const waiter of waiters) waiter.fail(question.failure);
  }

  #rememberFailure(question: OpenQuestion): void {
    for (const oldest of this.#failed.keys()) {
      if (this.#failed.size < FAILURES_MOST) break;
      this.#failed.delete(oldest);
    }
    this.#failed.set(questionKey(question), { untilMs: this.#clock.monotonicMs() + FAILURE_MS, failure: question.failure });
  }

  /**
   * Gives those who wait the expired answer, if there is one that may still be served, and those who ask within the next
   * `holdSeconds` have it at once; the question goes on without them.
   */
  #serveStale(question: OpenQuestion, holdSeconds: number): void {
    const base = question.failure === "private-address" ? -1 : this.#findStale(question);
    if (base < 0) return;
    this.#cache.hold(base, this.#nowSeconds() + holdSeconds);
    const age = this.#nowSeconds() - readUint32(this.#cache.bytes, base + STORED.storedSeconds);
    for (const waiter of question.waiters.splice(0)) waiter.answer(this.#cache.bytes, base, age, true);
  }

  /** The cached answer, fresh or within the time for which an expired one may be served; -1 where there is none. */
  #findStale(wanted: Wanted): number {
    if (this.staleSeconds === 0) return -1;
    for (const type of [wanted.type, 0]) {
      const base = this.#find(wanted, type);
      if (base < 0) continue;
      const age = this.#nowSeconds() - readUint32(this.#cache.bytes, base + STORED.storedSeconds);
      if (age < readUint32(this.#cache.bytes, base + STORED.ttlSeconds) + this.staleSeconds) return base;
    }
    return -1;
  }

  #find(wanted: Wanted, type: number): number {
    return this.#cache.find(wanted.hash, wanted.name, 0, wanted.name.length, type, wanted.policy.partition, wanted.keyFlags);
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.monotonicMs() / 1000);
  }

  #count(index: number): void {
    this.#counters.count(index);
  }
}
