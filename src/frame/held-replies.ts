/**
 * Theory of operation
 *
 * A reply that promises something (an ACK) must not leave before the promise is on disk, and one flush must carry as many
 * promises as possible. So there are two batches: while the *committing* one waits for its flush, further replies gather in the
 * *gathering* one; when the flush is done the first leaves, the second takes its place, and its own flush begins. Under load each
 * flush thus carries everything that came during the one before; when idle a reply waits for nothing but its own.
 *
 *     hold → gathering ──(nothing committing: commit())──→ committing ──resolved──→ sent
 *                                                                     └─rejected──→ dropped, counted, said aloud
 *
 * A reply that was staged after `commit()` began is not covered by it: it is always in the gathering batch, so it waits for the
 * next one. Both batches are bounded; a reply for which there is no room is dropped and counted, and its client asks again.
 *
 * The frames are copied, because the batch in which a service writes is reused at once.
 */
import { Counters } from "../base/counters.js";
import { errorMessage } from "../base/errors.js";
import type { Logger } from "../base/log.js";
import { SendBatch, type Transmitter } from "./batch.js";

/** Makes everything staged until now durable. `undefined`: it already is. */
export type Commit = () => Promise<void> | undefined;

export interface HeldRepliesOptions {
  readonly transmitter: Transmitter;
  readonly commit: Commit;
  readonly log: Logger;
  /** Replies that may wait for one flush. */
  readonly capacity?: number;
}

const COUNTER = { held: 0, sent: 1, unsent: 2, "commit-failed": 3, "no-room": 4 } as const;
export type HeldCounter = keyof typeof COUNTER;

const CAPACITY = 1024;

export class HeldReplies {
  readonly counters = new Counters<HeldCounter>(Object.keys(COUNTER) as HeldCounter[]);
  readonly #transmitter: Transmitter;
  readonly #commit: Commit;
  readonly #log: Logger;
  #gathering: SendBatch;
  #committing: SendBatch;
  /** The flush on its way, with the sending that follows it. */
  #inFlight: Promise<void> | undefined;
  /** Replies dropped since saving last worked. */
  #lost = 0;

  constructor(options: HeldRepliesOptions) {
    this.#transmitter = options.transmitter;
    this.#commit = options.commit;
    this.#log = options.log;
    this.#gathering = new SendBatch(options.capacity ?? CAPACITY);
    this.#committing = new SendBatch(options.capacity ?? CAPACITY);
  }

  /** Copies one composed row; it leaves after the commit that `settle` begins. */
  hold(batch: SendBatch, row: number): void {
    if (this.#gathering.count === this.#gathering.capacity) this.settle();
    if (this.#gathering.count === this.#gathering.capacity) {
      this.counters.count(COUNTER["no-room"]);
      return;
    }
    this.#gathering.append(batch, row);
    this.counters.count(COUNTER.held);
  }

  /** Begins a commit for what has gathered, unless one is on its way: then it follows by itself. */
  settle(): void {
    if (this.#gathering.count === 0 || this.#inFlight !== undefined) return;
    const committing = this.#gathering;
    this.#gathering = this.#committing;
    this.#committing = committing;
    try {
      const durable = this.#commit();
      if (durable === undefined) this.#succeed();
      else this.#inFlight = this.#follow(durable);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** Resolves when nothing waits any more: for an orderly stop. */
  async drain(): Promise<void> {
    this.settle();
    while (this.#inFlight !== undefined) await this.#inFlight;
  }

  async #follow(durable: Promise<void>): Promise<void> {
    try {
      await durable;
      this.#succeed();
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.#inFlight = undefined;
    this.settle();
  }

  #succeed(): void {
    const batch = this.#committing;
    const replies = batch.count;
    const sent = this.#transmitter.send(batch);
    batch.count = 0;
    this.counters.count(COUNTER.sent, sent);
    this.counters.count(COUNTER.unsent, replies - sent);
    if (this.#lost > 0) this.#log.info({ replies: this.#lost }, "saving works again; replies were lost meanwhile");
    this.#lost = 0;
  }

  /** Says it once per disturbance: a full disk under load would fill the log as well. */
  #fail(thrown: unknown): void {
    const replies = this.#committing.count;
    this.#committing.count = 0;
    this.counters.count(COUNTER["commit-failed"], replies);
    if (this.#lost === 0) {
      this.#log.error({ replies, error: errorMessage(thrown) }, "saving failed: replies are not sent until it works again");
    }
    this.#lost += replies;
  }
}
