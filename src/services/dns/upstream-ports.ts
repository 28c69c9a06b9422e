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
  readonly group: PortGroup;
  uses = 0;
  closing: Timer | undefined = undefined;
  /** A list, and not a Map by id: see `OpenQuestions`. It is seldom long. */
  readonly #asks: Ask[] = [];
  readonly #port: DatagramPort;
  readonly #sink: AnswerSink;
  readonly #idle: (port: SourcePort) => void;

  /** `idle` is called when the last question is gone. */
  constructor(
    group: PortGroup,
    open: (receiver: SourcePort) => DatagramPort,
    sink: AnswerSink,
    idle: (port: SourcePort) => void,
  ) {
    this.group = group;
    this.#sink = sink;
    this.#idle = idle;
    this.#port = open(this);
  }

  get isIdle(): boolean {
    return this.#asks.length === 0;
  }

  find(id: number): Ask | undefined {
    for (const ask of this.#asks) if (ask.id === id) return ask;
    return undefined;
  }

  add(ask: Ask): void {
    this.#asks.push(ask);
  }

  send(ask: Ask, bytes: Uint8Array, length: number): void {
    this.#port.send(bytes, 0, length, ask.upstream.address);
  }

  receive(bytes: Uint8Array, offset: number, length: number, address: Ipv4Address | Ipv6Address, port: number): void {
    const ask = length < HEADER_BYTES ? undefined : this.find(readUint16(bytes, offset));
    const from = ask?.upstream.address;
    if (ask === undefined || from === undefined || from.address !== address || from.port !== port) this.#sink.stray(ask);
    else this.#sink.answered(ask, bytes, offset, length);
  }

  release(ask: Ask): void {
    const index = this.#asks.indexOf(ask);
    const last = this.#asks.pop();
    if (last !== undefined && last !== ask) this.#asks[index] = last;
    if (this.#asks.length === 0) this.#idle(this);
  }

  close(): void {
    this.#port.close();
  }
}

/** The sockets of one family and interface that may be given questions. */
class PortGroup {
  readonly family: 4 | 6;
  readonly interfaceName: string | undefined;
  ports: readonly SourcePort[] = [];

  constructor(family: 4 | 6, interfaceName: string | undefined) {
    this.family = family;
    this.interfaceName = interfaceName;
  }
}

export class SourcePorts {
  readonly #transport: UpstreamTransport;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #sink: AnswerSink;
  /** As many as there are families and interfaces in upstream addresses. */
  readonly #groups: PortGroup[] = [];
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
    const group = this.#groupFor(family, interfaceName);
    const { ports } = group;
    // The allowance is asked first: one question after the other finds no port open, and uses it up all the same.
    const fresh = (ports.length < PORTS_MOST && this.#takeAllowance()) || ports.length === 0;
    const port = fresh ? this.#openPort(group) : ports[this.#random.uint32() % ports.length];
    if (port.closing !== undefined) this.#clock.cancel(port.closing);
    port.closing = undefined;
    if (++port.uses === USES_MOST) retire(port);
    ask.id = this.#freeId(port);
    ask.port = port;
    port.add(ask);
  }

  /** Closes the sockets that wait for nothing; the others close with their last question. */
  closeAll(): void {
    for (const port of this.#groups.flatMap(({ ports }) => ports)) {
      if (port.closing !== undefined) this.#clock.cancel(port.closing);
      retire(port);
      if (port.isIdle) port.close();
    }
  }

  #groupFor(family: 4 | 6, interfaceName: string | undefined): PortGroup {
    for (const group of this.#groups) if (group.family === family && group.interfaceName === interfaceName) return group;
    const group = new PortGroup(family, interfaceName);
    this.#groups.push(group);
    return group;
  }

  #takeAllowance(): boolean {
    if (!this.#hasAllowance()) return false;
    this.#allowance--;
    return true;
  }

  #hasAllowance(): boolean {
    const now = this.#clock.monotonicMs();
    this.#allowance = Math.min(FRESH_BURST, this.#allowance + ((now - this.#allowanceMs) * FRESH_PER_SECOND) / 1000);
    this.#allowanceMs = now;
    return this.#allowance >= 1;
  }

  #openPort(group: PortGroup): SourcePort {
    const { family, interfaceName } = group;
    const randomPort = () => PORT_LEAST + (this.#random.uint32() % (0x1_0000 - PORT_LEAST));
    const open = (receiver: SourcePort) => this.#transport.openDatagram(family, interfaceName, randomPort, receiver);
    const port = new SourcePort(group, open, this.#sink, (idle) => this.#idle(idle));
    group.ports = [...group.ports, port];
    return port;
  }

  #freeId(port: SourcePort): number {
    let id = this.#random.uint32() & 0xffff;
    for (let tries = 0; port.find(id) !== undefined && tries < ID_TRIES; tries++) id = this.#random.uint32() & 0xffff;
    while (port.find(id) !== undefined) id = (id + 1) & 0xffff;
    return id;
  }

  /** Nothing waits on a port: it is closed, or stays a moment where fresh ones are scarce. */
  #idle(port: SourcePort): void {
    if (port.group.ports.includes(port) && !this.#hasAllowance()) {
      port.closing = this.#clock.after(LINGER_MS, () => close(port));
    } else {
      close(port);
    }
  }
}

/** No question is given to this port any more. */
function retire(port: SourcePort): void {
  port.group.ports = port.group.ports.filter((other) => other !== port);
}

function close(port: SourcePort): void {
  retire(port);
  port.close();
}
