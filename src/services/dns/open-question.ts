import type { Timer } from "../../base/clock.js";
import type { Ask } from "./ask.js";
import type { ForwardPolicy, UpstreamGroup } from "./forward-policy.js";
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

/** A question that is being asked upstream, for everyone who waits for its answer. */
export class OpenQuestion implements Wanted {
  readonly name: Uint8Array;
  readonly hash: number;
  readonly type: number;
  readonly keyFlags: number;
  readonly policy: ForwardPolicy;
  readonly key: string;
  readonly group: UpstreamGroup;
  readonly startedMs: number;
  /** What is still waited for; an answer to any of them ends the question. */
  readonly asks = new Set<Ask>();
  readonly tried = new Map<Upstream, number>();
  /** Sent so far, probes not counted. */
  attempts = 0;
  /** Datagrams that aimed at this question and were no answer to it. */
  strays = 0;
  failure: ForwardFailure = "unreachable";
  staleTimer: Timer | undefined = undefined;

  constructor(wanted: Wanted, key: string, startedMs: number) {
    this.name = wanted.name;
    this.hash = wanted.hash;
    this.type = wanted.type;
    this.keyFlags = wanted.keyFlags;
    this.policy = wanted.policy;
    this.key = key;
    this.group = wanted.policy.groupFor(wanted.name);
    this.startedMs = startedMs;
  }
}

/** Equal for equal questions, and only for them. */
export function questionKey(wanted: Wanted): string {
  const name = Buffer.from(wanted.name.buffer, wanted.name.byteOffset, wanted.name.byteLength).toString("latin1");
  return `${wanted.policy.partition} ${wanted.type} ${wanted.keyFlags} ${name}`;
}
