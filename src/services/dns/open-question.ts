import type { Timer } from "../../base/clock.js";
import type { Random } from "../../base/random.js";
import type { ForwardPolicy, Route } from "./forward-policy.js";
import type { Upstream } from "./upstream.js";

/** Why a question got no answer from upstream. */
export type ForwardFailure =
  | "no-upstream"
  | "unreachable"
  | "servfail"
  | "refused"
  | "invalid"
  | "private-address"
  | "loop"
  | "busy";

/** What one wants to know from upstream; equal ones are one question. */
export interface Wanted {
  /** Folded, on the wire. */
  readonly name: Uint8Array;
  readonly hash: number;
  readonly type: number;
  readonly keyFlags: number;
  readonly policy: ForwardPolicy;
}

/** Who waits for an answer. Exactly one of the two is called, once. */
export interface Waiter {
  /** The stored answer at `base` is lent for the call; `stale` where it has expired. */
  answer(stored: Uint8Array, base: number, ageSeconds: number, stale: boolean): void;
  fail(failure: ForwardFailure): void;
}

/** A question that is being asked upstream, for everyone who waits for its answer. */
export class OpenQuestion implements Wanted {
  readonly name: Uint8Array;
  readonly hash: number;
  readonly type: number;
  readonly keyFlags: number;
  readonly policy: ForwardPolicy;
  readonly allowPrivate: boolean;
  /** The servers that may know, as they were when the question came: the group may change meanwhile. */
  readonly upstreams: readonly Upstream[];
  readonly startedMs: number;
  readonly waiters: Waiter[];
  /** What is still waited for, never many; an answer to any of them ends the question. */
  readonly asks: Ask[] = [];
  attempts = 0;
  /** Datagrams that aimed at this question and were no answer to it. */
  strays = 0;
  /** A server that otherwise knows EDNS has refused this question with OPT. */
  withoutEdns = false;
  failure: ForwardFailure = "unreachable";
  staleTimer: Timer | undefined = undefined;
  /** The next question of the same bucket of `OpenQuestions`. */
  next: OpenQuestion | null = null;
  /** How often each server was asked; infinity where it has said that it does not know. */
  readonly #tries: number[];

  constructor(wanted: Wanted, route: Route, startedMs: number, waiters: Waiter[]) {
    this.name = wanted.name;
    this.hash = wanted.hash;
    this.type = wanted.type;
    this.keyFlags = wanted.keyFlags;
    this.policy = wanted.policy;
    this.allowPrivate = route.allowPrivate;
    this.upstreams = route.group.upstreams;
    this.startedMs = startedMs;
    this.waiters = waiters;
    this.#tries = Array.from(this.upstreams, () => 0);
  }

  /** The server that was asked least, the healthy and the preferred first; none where all have said that they do not know. */
  pickUpstream(): Upstream | undefined {
    let best: Upstream | undefined;
    let bestRank = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.upstreams.length; index++) {
      const upstream = this.upstreams[index];
      const rank = this.#tries[index] * 2 + (upstream.isHealthy ? 0 : 1);
      if (rank >= bestRank) continue;
      best = upstream;
      bestRank = rank;
    }
    return best;
  }

  /** Notes that a server is asked; returns how often it was before. */
  noteTry(upstream: Upstream): number {
    const index = this.upstreams.indexOf(upstream);
    const tries = this.#tries[index];
    this.#tries[index] = tries + 1;
    return tries;
  }

  /** Notes that a server has said that it does not know. */
  noteIgnorance(upstream: Upstream): void {
    this.#tries[this.upstreams.indexOf(upstream)] = Number.POSITIVE_INFINITY;
  }
}

/** Equal for equal questions, and only for them. */
export function questionKey(wanted: Wanted): string {
  const name = Buffer.from(wanted.name.buffer, wanted.name.byteOffset, wanted.name.byteLength).toString("latin1");
  return `${wanted.policy.partition} ${wanted.type} ${wanted.keyFlags} ${name}`;
}

const BUCKETS = 4096;

/**
 * The questions that are open, found by what they want.
 *
 * Not a Map: questions come and go by the ten thousands each second, and the tables that a Map leaves behind whenever it makes
 * itself anew keep each other, and all that was in them, from being collected in time.
 */
export class OpenQuestions {
  readonly #buckets = new Array<OpenQuestion | null>(BUCKETS).fill(null);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(wanted: Wanted): OpenQuestion | undefined {
    for (let question = this.#buckets[wanted.hash % BUCKETS]; question !== null; question = question.next) {
      if (isSame(question, wanted)) return question;
    }
    return undefined;
  }

  add(question: OpenQuestion): void {
    const bucket = question.hash % BUCKETS;
    question.next = this.#buckets[bucket];
    this.#buckets[bucket] = question;
    this.#size++;
  }

  /** Takes a question out; one that is not there is left alone. */
  remove(question: OpenQuestion): void {
    const bucket = question.hash % BUCKETS;
    let before: OpenQuestion | null = null;
    let at = this.#buckets[bucket];
    while (at !== null && at !== question) {
      before = at;
      at = at.next;
    }
    if (at === null) return;
    if (before === null) this.#buckets[bucket] = question.next;
    else before.next = question.next;
    question.next = null;
    this.#size--;
  }

  all(): OpenQuestion[] {
    const questions: OpenQuestion[] = [];
    for (const bucket of this.#buckets) {
      for (let question = bucket; question !== null; question = question.next) questions.push(question);
    }
    return questions;
  }
}

function isSame(question: OpenQuestion, wanted: Wanted): boolean {
  const { hash, type, keyFlags, policy, name } = wanted;
  if (question.hash !== hash || question.type !== type || question.keyFlags !== keyFlags || question.policy !== policy)
    return false;
  if (question.name.length !== name.length) return false;
  for (let index = 0; index < name.length; index++) if (question.name[index] !== name[index]) return false;
  return true;
}

/** The socket that a question left from. */
export interface AskPort {
  send(ask: Ask, bytes: Uint8Array, length: number): void;
  /** The question waits no longer. */
  release(ask: Ask): void;
}

/** One question as it was sent to one upstream server. */
export class Ask {
  readonly question: OpenQuestion;
  readonly upstream: Upstream;
  readonly overStream: boolean;
  readonly withEdns: boolean;
  /** The name as sent: each letter capital or small at random (0x20), where the server keeps that. */
  readonly name: Uint8Array;
  readonly sentMs: number;
  id = 0;
  /** Sent over a stream because the answer to a datagram did not keep the case. */
  afterLostCase = false;
  /** Sent only to see whether a resting server is back. */
  isProbe = false;
  port: AskPort | undefined = undefined;
  timer: Timer | undefined = undefined;

  constructor(question: OpenQuestion, upstream: Upstream, overStream: boolean, random: Random, sentMs: number) {
    this.question = question;
    this.upstream = upstream;
    this.overStream = overStream;
    this.withEdns = upstream.usesEdns && !question.withoutEdns;
    this.name = upstream.keepsCase ? scrambleCase(question.name, random) : question.name;
    this.sentMs = sentMs;
  }
}

function scrambleCase(name: Uint8Array, random: Random): Uint8Array {
  const scrambled = new Uint8Array(name.length);
  let bits = 0;
  for (let index = 0; index < name.length; index++) {
    if ((index & 31) === 0) bits = random.uint32();
    const isLetter = name[index] >= 0x61 && name[index] <= 0x7a;
    scrambled[index] = isLetter && (bits & 1) === 1 ? name[index] - 0x20 : name[index];
    bits >>>= 1;
  }
  return scrambled;
}
