import { readIpv6, writeIpv6 } from "../../base/ipv6-address.js";
import type { BatchSocket, DatagramBatch, DatagramHandler } from "./udp.js";
import type { UpstreamAddress } from "./upstream.js";
import type { DatagramPort, DatagramReceiver, UpstreamTransport } from "./upstream-transport.js";

/** A batch socket that can be opened and closed. */
export interface OpenSocket extends BatchSocket {
  close(): void;
}

export interface BatchTransportOptions<Batch extends DatagramBatch> {
  /** Binds a socket; throws an error with code EADDRINUSE where the port is taken. */
  open(options: { family: 4 | 6; port: number; device: string | undefined }, handler: DatagramHandler<Batch>): OpenSocket;
  /** Makes a batch as these sockets want it: so many rows, each with room for so many bytes. */
  makeBatch(capacity: number, slotBytes: number): Batch;
  /** For everything over TCP and TLS. */
  readonly streams: Pick<UpstreamTransport, "openStream">;
}

const OPEN_TRIES = 8;
const IPV6_BYTES = 16;
/** Questions are short; answers are at most what we say that we take, and longer ones are cut off by the socket. */
const SEND = { rows: 16, slotBytes: 512 } as const;
const RECEIVE = { rows: 64, slotBytes: 2048 } as const;

/**
 * Upstream questions over batch sockets, which can be bound to a device. What a socket sends gathers until the end of the event
 * loop's turn; all sockets share one batch to receive into.
 */
export function batchTransport<Batch extends DatagramBatch>(options: BatchTransportOptions<Batch>): UpstreamTransport {
  const received = options.makeBatch(RECEIVE.rows, RECEIVE.slotBytes);
  const flush = new TurnEnd();
  /** Of ports that are closed: thousands come and go each second. */
  const idle: Batch[] = [];
  return {
    openDatagram: (family, device, randomPort, receiver) => {
      const sending = idle.pop() ?? options.makeBatch(SEND.rows, SEND.slotBytes);
      return new BatchDatagramPort(family, { received, sending, flush, idle }, receiver, (handler) =>
        openOnRandomPort(randomPort, (port) => options.open({ family, port, device }, handler)),
      );
    },
    flush: () => flush.run(),
    openStream: (address, receiver) => options.streams.openStream(address, receiver),
  };
}

/** Runs what was put off until the end of this turn, or until it is told to. */
class TurnEnd {
  readonly #waiting: (() => void)[] = [];
  #scheduled = false;
  readonly #turnEnd = () => {
    this.#scheduled = false;
    this.run();
  };

  add(run: () => void): void {
    this.#waiting.push(run);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turnEnd);
  }

  run(): void {
    for (const run of this.#waiting.splice(0)) run();
  }
}

class BatchDatagramPort<Batch extends DatagramBatch> implements DatagramPort, DatagramHandler<Batch> {
  readonly received: Batch;
  /** Nothing that upstream sends is answered at once: what is put in here leaves with `#flush`. */
  readonly answers: Batch;
  readonly #socket: OpenSocket;
  readonly #idle: Batch[];
  readonly #turnEnd: TurnEnd;
  readonly #family: 4 | 6;
  readonly #receiver: DatagramReceiver;
  readonly #flush = () => {
    // Then the batch is another's.
    if (this.#closed) return;
    if (this.answers.count > 0) this.#socket.send(this.answers);
    this.answers.count = 0;
  };
  #closed = false;

  constructor(
    family: 4 | 6,
    shared: { received: Batch; sending: Batch; flush: TurnEnd; idle: Batch[] },
    receiver: DatagramReceiver,
    open: (handler: DatagramHandler<Batch>) => OpenSocket,
  ) {
    this.received = shared.received;
    this.answers = shared.sending;
    this.#turnEnd = shared.flush;
    this.#idle = shared.idle;
    this.#family = family;
    this.#receiver = receiver;
    this.#socket = open(this);
  }

  send(bytes: Uint8Array, offset: number, length: number, to: UpstreamAddress): void {
    const batch = this.answers;
    if (batch.count === batch.capacity) this.#flush();
    if (batch.count === 0) this.#turnEnd.add(this.#flush);
    const row = batch.count++;
    const at = row * SEND.slotBytes;
    batch.offset[row] = at;
    batch.length[row] = length;
    batch.remotePort[row] = to.port;
    if (typeof to.address === "number") batch.remoteIpv4[row] = to.address;
    else writeIpv6(viewOf(batch.remoteIpv6), row * IPV6_BYTES, to.address);
    for (let index = 0; index < length; index++) batch.bytes[at + index] = bytes[offset + index];
  }

  onDatagrams(count: number): number {
    const batch = this.received;
    for (let row = 0; row < count && !this.#closed; row++) {
      const address = this.#family === 4 ? batch.remoteIpv4[row] : readIpv6(viewOf(batch.remoteIpv6), row * IPV6_BYTES);
      this.#receiver.receive(batch.bytes, batch.offset[row], batch.length[row], address, batch.remotePort[row]);
    }
    return 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    this.answers.count = 0;
    this.#idle.push(this.answers);
  }
}

function openOnRandomPort(randomPort: () => number, open: (port: number) => OpenSocket): OpenSocket {
  for (let tries = 1; ; tries++) {
    try {
      return open(randomPort());
    } catch (error) {
      const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      if (!taken || tries === OPEN_TRIES) throw error;
    }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
