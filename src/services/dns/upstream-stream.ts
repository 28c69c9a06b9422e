import type { Clock, Timer } from "../../base/clock.js";
import type { Random } from "../../base/random.js";
import { readUint16 } from "../../wire/dns/bytes.js";
import { HEADER_BYTES, MESSAGE_BYTES_MOST } from "../../wire/dns/numbers.js";
import { composeAsk } from "./ask-message.js";
import type { Ask } from "./open-question.js";
import { frameMessage, StreamFraming } from "./stream-framing.js";
import type { Upstream } from "./upstream.js";
import type { AnswerSink } from "./upstream-ports.js";
import type { StreamPort, UpstreamTransport } from "./upstream-transport.js";

/** A connection without questions is kept so long for the next one (RFC 7766 §6.2.3). */
const IDLE_MS = 5000;
const ASKS_MOST = 500;
const ASK_BYTES_MOST = 512;

export interface StreamSink extends AnswerSink {
  /** The connection ended before the answer came. */
  failed(ask: Ask): void;
}

/**
 * One connection to one upstream server, over TCP or TLS, opened with the first question. Questions are sent without waiting for
 * answers, and answers may come in any order (RFC 7766 §6.2.1.1, §7).
 */
export class UpstreamStream {
  readonly #upstream: Upstream;
  readonly #transport: UpstreamTransport;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sink: StreamSink;
  readonly #ended: () => void;
  readonly #asks = new Map<number, Ask>();
  readonly #scratch = new Uint8Array(ASK_BYTES_MOST);
  #framing = new StreamFraming(MESSAGE_BYTES_MOST);
  #port: StreamPort | undefined = undefined;
  #idle: Timer | undefined = undefined;

  /** `ended` is called when nothing is left of the connection and nobody waits; a later `send` may open another. */
  constructor(
    upstream: Upstream,
    transport: UpstreamTransport,
    clock: Clock,
    random: Random,
    sink: StreamSink,
    ended: () => void,
  ) {
    this.#upstream = upstream;
    this.#transport = transport;
    this.#clock = clock;
    this.#random = random;
    this.#sink = sink;
    this.#ended = ended;
  }

  /** Sends a question; false where too many wait already. */
  send(ask: Ask): boolean {
    if (this.#asks.size >= ASKS_MOST) return false;
    do ask.id = this.#random.uint32() & 0xffff;
    while (this.#asks.has(ask.id));
    this.#asks.set(ask.id, ask);
    if (this.#idle !== undefined) this.#clock.cancel(this.#idle);
    this.#idle = undefined;
    this.#port ??= this.#open();
    this.#port.write(frameMessage(this.#scratch, 0, composeAsk(ask, this.#scratch)));
    return true;
  }

  /** The question waits no longer. */
  release(ask: Ask): void {
    if (this.#asks.get(ask.id) !== ask) return;
    this.#asks.delete(ask.id);
    if (this.#asks.size === 0 && this.#port !== undefined) this.#idle = this.#clock.after(IDLE_MS, () => this.close());
  }

  close(): void {
    if (this.#idle !== undefined) this.#clock.cancel(this.#idle);
    this.#idle = undefined;
    this.#port?.close();
    this.#port = undefined;
    this.#ended();
  }

  #open(): StreamPort {
    this.#framing = new StreamFraming(MESSAGE_BYTES_MOST);
    const port = this.#transport.openStream(this.#upstream.address, {
      receive: (bytes) => {
        if (this.#port === port) this.#receive(bytes);
      },
      closed: () => {
        if (this.#port === port) this.#lost();
      },
    });
    return port;
  }

  #receive(chunk: Uint8Array): void {
    this.#framing.push(chunk, (bytes, offset, length) => {
      const ask = length < HEADER_BYTES ? undefined : this.#asks.get(readUint16(bytes, offset));
      if (ask === undefined) this.#sink.stray(undefined);
      else this.#sink.answered(ask, bytes, offset, length);
      return this.#port !== undefined;
    });
  }

  #lost(): void {
    this.#port = undefined;
    const lost = [...this.#asks.values()];
    this.#asks.clear();
    this.#ended();
    for (const ask of lost) this.#sink.failed(ask);
  }
}
