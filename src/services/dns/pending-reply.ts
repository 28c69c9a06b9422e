import type { Asker, Delivery } from "./asker.js";
import type { AskerLimits } from "./limits.js";
import type { ForwardFailure, Waiter } from "./open-question.js";
import type { ReplyTransport } from "./reply-writer.js";
import type { View } from "./views.js";

/** Writes the reply to a question that has waited. */
export interface Completer {
  completeAnswer(pending: PendingReply, stored: Uint8Array, base: number, ageSeconds: number, stale: boolean): void;
  completeFailure(pending: PendingReply, failure: ForwardFailure): void;
}

/** A question that waits for upstream: its message, and all that is needed to answer it when its asker's cursor has moved on. */
export class PendingReply implements Waiter, ReplyTransport {
  readonly message: Uint8Array;
  readonly view: View;
  readonly limits: AskerLimits;
  readonly overStream: boolean;
  readonly keepaliveMs: number;
  readonly address: Uint8Array;
  readonly addressOffset = 0;
  readonly addressBytes: number;
  readonly limit: number;
  /** Whether aliases of ours stand in front of what was asked upstream. */
  readonly isAlias: boolean;
  readonly delivery: Delivery;
  readonly #completer: Completer;

  constructor(completer: Completer, message: Uint8Array, limit: number, isAlias: boolean, asker: Asker) {
    this.#completer = completer;
    this.message = message;
    this.limit = limit;
    this.isAlias = isAlias;
    this.view = asker.view;
    this.limits = asker.limits;
    this.overStream = asker.overStream;
    this.keepaliveMs = asker.keepaliveMs;
    this.addressBytes = asker.addressBytes;
    this.address = asker.address.slice(asker.addressOffset, asker.addressOffset + asker.addressBytes);
    this.delivery = asker.retain();
  }

  answer(stored: Uint8Array, base: number, ageSeconds: number, stale: boolean): void {
    this.#completer.completeAnswer(this, stored, base, ageSeconds, stale);
  }

  fail(failure: ForwardFailure): void {
    this.#completer.completeFailure(this, failure);
  }
}
