import type { Socket } from "node:net";
import type { Clock, Timer } from "../../base/clock.js";
import type { Counters } from "../../base/counters.js";
import { parseIpv4 } from "../../base/ipv4-address.js";
import { parseIpv6 } from "../../base/ipv6-address.js";
import { MESSAGE_BYTES_MOST } from "../../wire/dns/numbers.js";
import { ipv4Bytes, ipv6Bytes } from "./addresses.js";
import { type Answerer, QUERY_BYTES_MOST, SILENT } from "./answer.js";
import { Asker } from "./asker.js";
import { COUNTER, type DnsCounter } from "./dns-counters.js";
import { frameMessage, StreamFraming } from "./stream-framing.js";
import type { SocketAskers } from "./udp.js";

/**
 * Theory of operation
 *
 * Whoever listens hands in each connection (`accept`). Questions on it are answered as they come, without waiting for earlier
 * ones, each answer as soon as it is there (RFC 7766 §6.2.1.1, §7). The client may close its side and still gets its answers.
 *
 * Connections are a bounded good: in all, and for each client. Where there would be more, the one goes that has said nothing for
 * longest, so clients that stall cannot keep out those that ask. A connection that completes no question for some seconds is
 * closed, also when it trickles bytes; one that does not read its answers is cut off.
 */
export interface TcpSettings {
  readonly connectionsMost: number;
  readonly connectionsPerClient: number;
  readonly idleMs: number;
}

export const TCP_SETTINGS: TcpSettings = { connectionsMost: 1024, connectionsPerClient: 128, idleMs: 10_000 };

const SWEEP_MS = 1000;
/** Answers that a client may leave unread. */
const UNREAD_BYTES_MOST = 256 * 1024;

export class TcpService {
  readonly #answerer: Answerer;
  readonly #askers: SocketAskers;
  readonly #clock: Clock;
  readonly #counters: Counters<DnsCounter>;
  readonly #settings: TcpSettings;
  /** Those that have asked most recently stand last. */
  readonly #connections = new Set<Connection>();
  readonly #scratch = new Uint8Array(MESSAGE_BYTES_MOST);
  #sweep: Timer | undefined = undefined;

  constructor(
    answerer: Answerer,
    askers: SocketAskers,
    clock: Clock,
    counters: Counters<DnsCounter>,
    settings: TcpSettings = TCP_SETTINGS,
  ) {
    this.#answerer = answerer;
    this.#askers = askers;
    this.#clock = clock;
    this.#counters = counters;
    this.#settings = settings;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Serves a connection until it ends. The server that took it allows half-open ones (`allowHalfOpen`). */
  accept(socket: Socket): void {
    const remote = addressBytes(socket.remoteAddress);
    const local = addressBytes(socket.localAddress);
    const identity = remote === undefined || local === undefined ? undefined : this.#askers.identify(local, remote);
    if (remote === undefined || identity === undefined) {
      this.#counters.count(COUNTER["no-view"]);
      socket.destroy();
      return;
    }
    const client = socket.remoteAddress ?? "";
    this.#makeRoom(client);
    const connection = new Connection(this, socket, client);
    const asker = new Asker(identity.view, identity.limits, () => connection.retain(), this.#settings.idleMs);
    asker.address = remote;
    asker.addressBytes = remote.length;
    this.#connections.add(connection);
    connection.start(asker);
    this.#scheduleSweep();
  }

  /** Closes every connection. */
  close(): void {
    if (this.#sweep !== undefined) this.#clock.cancel(this.#sweep);
    this.#sweep = undefined;
    for (const connection of [...this.#connections]) connection.destroy();
  }

  /** Part of what a connection needs: answers one of its questions; false where the connection is lost. */
  answer(connection: Connection, asker: Asker, bytes: Uint8Array, offset: number, length: number): boolean {
    // Something that is no question: there is no telling what follows.
    if (length === 0) return false;
    const reply = this.#answerer.answer(bytes, offset, length, this.#scratch, 0, this.#scratch.length, asker);
    if (reply === SILENT) return false;
    this.#connections.delete(connection);
    this.#connections.add(connection);
    connection.lastMs = this.#clock.monotonicMs();
    return reply < 0 || connection.send(frameMessage(this.#scratch, 0, reply));
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  #makeRoom(client: string): void {
    const { connectionsMost, connectionsPerClient } = this.#settings;
    let oldest: Connection | undefined;
    let count = 0;
    for (const connection of this.#connections) {
      if (connection.client !== client) continue;
      oldest ??= connection;
      count++;
    }
    if (count >= connectionsPerClient) oldest?.destroy();
    if (this.#connections.size < connectionsMost) return;
    for (const connection of this.#connections) {
      connection.destroy();
      return;
    }
  }

  #scheduleSweep(): void {
    this.#sweep ??= this.#clock.after(SWEEP_MS, () => {
      this.#sweep = undefined;
      const before = this.#clock.monotonicMs() - this.#settings.idleMs;
      for (const connection of [...this.#connections]) {
        if (connection.lastMs < before && connection.waiting === 0) connection.destroy();
      }
      if (this.#connections.size > 0) this.#scheduleSweep();
    });
  }
}

/** One connection of a client. */
class Connection {
  readonly client: string;
  /** When it last completed a question, or got an answer. */
  lastMs: number;
  /** Questions whose answers come later. */
  waiting = 0;
  readonly #service: TcpService;
  readonly #socket: Socket;
  readonly #framing = new StreamFraming(QUERY_BYTES_MOST);
  #hasEnded = false;

  constructor(service: TcpService, socket: Socket, client: string) {
    this.#service = service;
    this.#socket = socket;
    this.client = client;
    this.lastMs = service.nowMs();
  }

  start(asker: Asker): void {
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      // A plain array: the code that reads questions then always sees one kind of object.
      const received = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
      socket.cork();
      const alive = this.#framing.push(received, (bytes, offset, length) =>
        this.#service.answer(this, asker, bytes, offset, length),
      );
      socket.uncork();
      if (!alive) this.destroy();
    });
    socket.on("end", () => {
      this.#hasEnded = true;
      this.#endIfDone();
    });
    socket.on("error", () => this.destroy());
    socket.on("close", () => this.#service.forget(this));
  }

  retain() {
    this.waiting++;
    return {
      deliver: (message: Uint8Array) => {
        this.waiting--;
        this.lastMs = this.#service.nowMs();
        if (!this.send(frameMessage(message, 0, message.length))) this.destroy();
        this.#endIfDone();
      },
    };
  }

  /** False where the client leaves too much unread. */
  send(framed: Uint8Array): boolean {
    if (this.#socket.destroyed) return false;
    this.#socket.write(framed);
    return this.#socket.writableLength <= UNREAD_BYTES_MOST;
  }

  destroy(): void {
    this.#service.forget(this);
    this.#socket.destroy();
  }

  #endIfDone(): void {
    if (this.#hasEnded && this.waiting === 0) this.#socket.end();
  }
}

/** The bytes of an address as Node writes it; IPv4 also where it is mapped into IPv6. */
function addressBytes(text = ""): Uint8Array | undefined {
  const ipv4 = parseIpv4(text.startsWith("::ffff:") ? text.slice(7) : text);
  if (ipv4 !== undefined) return ipv4Bytes(ipv4);
  const ipv6 = parseIpv6(text.split("%", 1)[0]);
  return ipv6 === undefined ? undefined : ipv6Bytes(ipv6);
}
