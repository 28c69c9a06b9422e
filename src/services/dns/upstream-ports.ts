import type { Clock, Timer } from "../../base/clock.js";
import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import type { Random } from "../../base/random.js";
import { readUint16 } from "../../wire/dns/bytes.js";
import { HEADER_BYTES } from "../../wire/dns/numbers.js";
import type { Ask, AskPort } from "./open-question.js";
import type { DatagramPort, UpstreamTransport } from "./upstream-transport.js";

/**
 * Theory of operation
 *
 * Who wants to forge an answer must know the port that the question left from and its id (RFC 5452 §4.5). So a question has a
 * socket of its own, on a random port, closed with its answer. Opening one costs more than asking, so there is an allowance of
 * fresh ports per second; when it is used up, questions share those that are open, each picked at random, until they have
 * served so many that they are replaced. That takes nothing away from the forger's task: he sees neither port nor id, and must
 * hit both. And few shared ports mean that what is sent and received gathers. Ids are random, and one socket never has two
 * questions of the same id.
 */
const PORTS_MOST = 16;
const FRESH_PER_SECOND = 500;
const FRESH_BURST = 100;
const LINGER_MS = 100;
/** Questions that one port serves. */
const USES_MOST = 2000;
/**
 * Ports under this are where people put services; a question that sits on one for a moment could keep a service from
 * starting.
 */
const PORT_LEAST = 10_000;
const ID_TRIES = 16;

/** Gets datagrams that belong to an open question, or that claim to. */
export interface AnswerSink {
  answered(ask: Ask, bytes: Uint8Array, offset: number, length: number): void;
  /** Something that is no answer to anything: wrong sender, wrong id. `ask` is the question it aimed at, if there is one. */
  stray(ask: Ask | undefined): void;
}

/** One open socket and the questions that wait on it. */
class SourcePort implements AskPort {
  readonly asks = new Map<number, Ask>();
  readonly key: string;
  uses = 0;
  closing: Timer | undefined = undefined;
  readonly #port: DatagramPort;
  readonly #sink: AnswerSink;
  readonly #idle: (port: SourcePort) => void;

  /** `idle` is called when the last question is gone. */
  constructor(key: string, open: (receiver: SourcePort) => DatagramPort, sink: AnswerSink, idle: (port: SourcePort) => void) {
    this.key = key;
    this.#sink = sink;
    this.#idle = idle;
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

  release(ask: Ask): void {
    this.asks.delete(ask.id);
    if (this.asks.size === 0) this.#idle(this);
  }

  close(): void {
    this.#port.close();
  }
}

export class SourcePorts {
  readonly #transport: UpstreamTransport;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #sink: AnswerSink;
  /** Sockets that may be given questions, by family and interface. */
  readonly #open = new Map<string, SourcePort[]>();
  #allowance = FRESH_BURST;
  #allowanceMs: number;

  constructor(transport: UpstreamTransport, clock: Clock, random: Random, sink: AnswerSink) {
    this.#transport = transport;
    this.#random = random;
    this.#clock = clock;
    this.#sink = sink;
    this.#allowanceMs = clock.monotonicMs();
  }

  /** Gives a question a port and an id; the port is given back with `ask.port.release`. Throws where none opens. */
  take(ask: Ask): void {
    const { family, interface: interfaceName } = ask.upstream.address;
    const key = interfaceName === undefined ? FAMILY_KEY[family] : `${family}${interfaceName}`;
    const open = this.#open.get(key) ?? [];
    const fresh = open.length === 0 || (open.length < PORTS_MOST && this.#takeAllowance());
    const port = fresh ? this.#openPort(key, family, interfaceName) : open[this.#random.uint32() % open.length];
    if (port.closing !== undefined) this.#clock.cancel(port.closing);
    port.closing = undefined;
    if (++port.uses === USES_MOST) this.#retire(port);
    ask.id = this.#freeId(port);
    ask.port = port;
    port.asks.set(ask.id, ask);
  }

  /** Closes the sockets that wait for nothing; the others close with their last question. */
  closeAll(): void {
    for (const port of [...this.#open.values()].flat()) {
      if (port.closing !== undefined) this.#clock.cancel(port.closing);
      this.#retire(port);
      if (port.asks.size === 0) port.close();
    }
  }

  #takeAllowance(): boolean {
    const now = this.#clock.monotonicMs();
    this.#allowance = Math.min(FRESH_BURST, this.#allowance + ((now - this.#allowanceMs) * FRESH_PER_SECOND) / 1000);
    this.#allowanceMs = now;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }

  #openPort(key: string, family: 4 | 6, interfaceName: string | undefined): SourcePort {
    const randomPort = () => PORT_LEAST + (this.#random.uint32() % (0x1_0000 - PORT_LEAST));
    const open = (receiver: SourcePort) => this.#transport.openDatagram(family, interfaceName, randomPort, receiver);
    const port = new SourcePort(key, open, this.#sink, (idle) => this.#idle(idle));
    this.#open.set(key, [...(this.#open.get(key) ?? []), port]);
    return port;
  }

  #freeId(port: SourcePort): number {
    let id = this.#random.uint32() & 0xffff;
    for (let tries = 0; port.asks.has(id) && tries < ID_TRIES; tries++) id = this.#random.uint32() & 0xffff;
    while (port.asks.has(id)) id = (id + 1) & 0xffff;
    return id;
  }

  /** Nothing waits on a port: it is closed, or stays a moment where fresh ones are scarce. */
  #idle(port: SourcePort): void {
    const isOpen = this.#open.get(port.key)?.includes(port) === true;
    if (isOpen && this.#allowance < 1) {
      port.closing = this.#clock.after(LINGER_MS, () => this.#close(port));
    } else {
      this.#close(port);
    }
  }

  #close(port: SourcePort): void {
    this.#retire(port);
    port.close();
  }

  /** No question is given to this port any more. */
  #retire(port: SourcePort): void {
    const open = this.#open.get(port.key)?.filter((other) => other !== port) ?? [];
    if (open.length > 0) this.#open.set(port.key, open);
    else this.#open.delete(port.key);
  }
}

const FAMILY_KEY = { 4: "4", 6: "6" } as const;
