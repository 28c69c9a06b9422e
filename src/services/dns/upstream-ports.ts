import type { Clock, Timer } from "../../base/clock.js";
import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import type { Random } from "../../base/random.js";
import { readUint16 } from "../../wire/dns/bytes.js";
import { HEADER_BYTES } from "../../wire/dns/numbers.js";
import type { Ask } from "./ask.js";
import type { DatagramPort, UpstreamTransport } from "./upstream-transport.js";

/**
 * Theory of operation
 *
 * Who wants to forge an answer must know the port that the question left from and its id (RFC 5452 §4.5). So every question has
 * a socket of its own, on a random port, closed with its answer. Opening one costs more than asking, so there is an allowance
 * of fresh ports per second; when it is used up, questions share those that are open, each picked at random, and these stay open
 * a little while. Ids are random, and one socket never has two questions of the same id.
 */
const PORTS_MOST = 128;
const FRESH_PER_SECOND = 500;
const FRESH_BURST = 100;
const LINGER_MS = 100;
/** Ports under this are where people put services; a question that sits on one for a moment could keep a service from starting. */
const PORT_LEAST = 10_000;
const ID_TRIES = 16;

/** Gets datagrams that belong to an open question, or that claim to. */
export interface AnswerSink {
  answered(ask: Ask, bytes: Uint8Array, offset: number, length: number): void;
  /** Something that is no answer to anything: wrong sender, wrong id. `ask` is the question it aimed at, if there is one. */
  stray(ask: Ask | undefined): void;
}

/** One open socket and the questions that wait on it. */
export class SourcePort {
  readonly asks = new Map<number, Ask>();
  readonly key: string;
  readonly #port: DatagramPort;
  readonly #sink: AnswerSink;
  closing: Timer | undefined = undefined;
  closed = false;

  constructor(key: string, open: (receiver: SourcePort) => DatagramPort, sink: AnswerSink) {
    this.key = key;
    this.#sink = sink;
    this.#port = open(this);
  }

  send(ask: Ask, bytes: Uint8Array, length: number): void {
    this.#port.send(bytes, 0, length, ask.upstream.address);
  }

  receive(bytes: Uint8Array, offset: number, length: number, address: Ipv4Address | Ipv6Address, port: number): void {
    const ask = length < HEADER_BYTES ? undefined : this.asks.get(readUint16(bytes, offset));
    const from = ask?.upstream.address;
    if (ask === undefined || from === undefined || from.address !== address || from.port !== port) this.#sink.stray(ask);
    else this.#sink.answered(ask, bytes, offset, length);
  }

  close(): void {
    this.closed = true;
    this.#port.close();
  }
}

export class SourcePorts {
  readonly #transport: UpstreamTransport;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #sink: AnswerSink;
  /** Open sockets, by family and interface. */
  readonly #open = new Map<string, SourcePort[]>();
  #count = 0;
  #allowance = FRESH_BURST;
  #allowanceMs: number;

  constructor(transport: UpstreamTransport, clock: Clock, random: Random, sink: AnswerSink) {
    this.#transport = transport;
    this.#random = random;
    this.#clock = clock;
    this.#sink = sink;
    this.#allowanceMs = clock.monotonicMs();
  }

  /** A port for a question, with the id that the question must have; registers the question there. Throws where none opens. */
  take(ask: Ask): void {
    const { family, interface: interfaceName } = ask.upstream.address;
    const key = `${family}${interfaceName ?? ""}`;
    const open = this.#open.get(key) ?? [];
    const fresh = open.length === 0 || (this.#count < PORTS_MOST && this.#takeAllowance());
    const port = fresh ? this.#openPort(key, open, family, interfaceName) : open[this.#random.uint32() % open.length];
    if (port.closing !== undefined) this.#clock.cancel(port.closing);
    port.closing = undefined;
    ask.id = this.#freeId(port);
    ask.port = port;
    port.asks.set(ask.id, ask);
  }

  /** The question waits no longer. */
  release(ask: Ask): void {
    const port = ask.port;
    if (port === undefined) return;
    ask.port = undefined;
    port.asks.delete(ask.id);
    if (port.asks.size > 0 || port.closed) return;
    if (this.#allowance >= 1) this.#close(port);
    else port.closing = this.#clock.after(LINGER_MS, () => this.#close(port));
  }

  closeAll(): void {
    for (const ports of [...this.#open.values()]) for (const port of [...ports]) this.#close(port);
  }

  #takeAllowance(): boolean {
    const now = this.#clock.monotonicMs();
    this.#allowance = Math.min(FRESH_BURST, this.#allowance + ((now - this.#allowanceMs) * FRESH_PER_SECOND) / 1000);
    this.#allowanceMs = now;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }

  #openPort(key: string, open: SourcePort[], family: 4 | 6, interfaceName: string | undefined): SourcePort {
    const randomPort = () => PORT_LEAST + (this.#random.uint32() % (0x1_0000 - PORT_LEAST));
    const port = new SourcePort(
      key,
      (receiver) => this.#transport.openDatagram(family, interfaceName, randomPort, receiver),
      this.#sink,
    );
    open.push(port);
    this.#open.set(key, open);
    this.#count++;
    return port;
  }

  #freeId(port: SourcePort): number {
    let id = this.#random.uint32() & 0xffff;
    for (let tries = 0; port.asks.has(id) && tries < ID_TRIES; tries++) id = this.#random.uint32() & 0xffff;
    while (port.asks.has(id)) id = (id + 1) & 0xffff;
    return id;
  }

  #close(port: SourcePort): void {
    if (port.closed) return;
    port.closing = undefined;
    port.close();
    this.#count--;
    const open = this.#open.get(port.key)?.filter((other) => other !== port) ?? [];
    if (open.length > 0) this.#open.set(port.key, open);
    else this.#open.delete(port.key);
  }
}
