import { writeUint32 } from "../../wire/dns/bytes.js";
import type { Answerer } from "./answer.js";
import { Asker, type Delivery } from "./asker.js";
import type { AskerLimits } from "./limits.js";
import type { View } from "./views.js";

/**
 * Datagrams as one slab and columns, received or to be sent; the first `count` rows are in use. A received row, with another
 * payload, is the answer to itself.
 */
export interface DatagramBatch {
  readonly capacity: number;
  readonly bytes: Uint8Array;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  readonly flags: Uint8Array;
  readonly remotePort: Uint16Array;
  readonly remoteIpv4: Uint32Array;
  readonly localIpv4: Uint32Array;
  readonly remoteIpv6: Uint8Array;
  readonly localIpv6: Uint8Array;
  readonly ifindex: Uint32Array;
  count: number;
}

/** A bound socket that moves datagrams in batches. */
export interface BatchSocket {
  /** Fills the batch with what waits, sets its count and returns it. Never blocks. */
  receive(batch: DatagramBatch): number;
  send(batch: DatagramBatch): number;
}

/** Who asks over a socket: by our address that he used and his own, four or sixteen bytes each. */
export interface SocketAskers {
  identify(local: Uint8Array, remote: Uint8Array): { view: View; limits: AskerLimits } | undefined;
}

const IPV6_BYTES = 16;
/** Batches answered before others have their turn. */
const BATCHES_PER_WAKE = 8;

/**
 * DNS on a UDP socket: for this host itself, and wherever guests reach the gateway through the kernel.
 *
 * `onReadable` is called by the socket while datagrams wait: all of a batch are received with one call, answered, and sent with
 * one call. Answers that come later gather until the end of the event loop's turn.
 */
export class UdpService {
  readonly #answerer: Answerer;
  readonly #askers: SocketAskers;
  readonly #family: 4 | 6;
  readonly #received: DatagramBatch;
  readonly #sending: DatagramBatch;
  readonly #later: DatagramBatch;
  readonly #slotBytes: number;
  readonly #remote: Uint8Array;
  readonly #local: Uint8Array;
  #asker: Asker | undefined = undefined;
  #row = 0;
  #socket: BatchSocket | undefined = undefined;
  #flushing = false;

  /** `makeBatch` makes batches as the socket wants them, with slots of one size. */
  constructor(answerer: Answerer, askers: SocketAskers, family: 4 | 6, makeBatch: () => DatagramBatch) {
    this.#answerer = answerer;
    this.#askers = askers;
    this.#family = family;
    this.#received = makeBatch();
    this.#sending = makeBatch();
    this.#later = makeBatch();
    this.#slotBytes = this.#sending.bytes.length / this.#sending.capacity;
    this.#remote = new Uint8Array(family === 4 ? 4 : IPV6_BYTES);
    this.#local = new Uint8Array(family === 4 ? 4 : IPV6_BYTES);
  }

  /** The socket to answer on; set before its first `onReadable`. */
  attach(socket: BatchSocket): void {
    this.#socket = socket;
  }

  /** Answers what waits. */
  onReadable(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    for (let batches = 0; batches < BATCHES_PER_WAKE; batches++) {
      const count = socket.receive(this.#received);
      this.#sending.count = 0;
      for (let row = 0; row < count; row++) this.#answerRow(row);
      if (this.#sending.count > 0) socket.send(this.#sending);
      if (count < this.#received.capacity) return;
    }
  }

  #answerRow(row: number): void {
    const received = this.#received;
    const sending = this.#sending;
    const asker = this.#identify(row);
    if (asker === undefined || received.remotePort[row] === 0) return;
    this.#row = row;
    const target = sending.count;
    const at = target * this.#slotBytes;
    const length = this.#answerer.answer(
      received.bytes,
      received.offset[row],
      received.length[row],
      sending.bytes,
      at,
      this.#slotBytes,
      asker,
    );
    if (length <= 0) return;
    sending.offset[target] = at;
    sending.length[target] = length;
    copyAddresses(received, row, sending, target, this.#family);
    sending.count = target + 1;
  }

  #identify(row: number): Asker | undefined {
    const batch = this.#received;
    if (this.#family === 4) {
      writeUint32(this.#remote, 0, batch.remoteIpv4[row]);
      writeUint32(this.#local, 0, batch.localIpv4[row]);
    } else {
      for (let index = 0; index < IPV6_BYTES; index++) {
        this.#remote[index] = batch.remoteIpv6[row * IPV6_BYTES + index];
        this.#local[index] = batch.localIpv6[row * IPV6_BYTES + index];
      }
    }
    const identity = this.#askers.identify(this.#local, this.#remote);
    if (identity === undefined) return undefined;
    this.#asker ??= new Asker(identity.view, identity.limits, () => this.#retain());
    const asker = this.#asker;
    asker.view = identity.view;
    asker.limits = identity.limits;
    asker.address = this.#remote;
    asker.addressBytes = this.#remote.length;
    return asker;
  }

  #retain(): Delivery {
    const path = new KeptRow(this.#received, this.#row, this.#family);
    return { deliver: (message) => this.#deliver(path, message) };
  }

  #deliver(path: KeptRow, message: Uint8Array): void {
    const batch = this.#later;
    if (batch.count === batch.capacity) this.#flush();
    const row = batch.count++;
    batch.offset[row] = row * this.#slotBytes;
    batch.length[row] = message.length;
    batch.bytes.set(message, batch.offset[row]);
    path.copyTo(batch, row);
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#later.count > 0) this.#socket?.send(this.#later);
    this.#later.count = 0;
  }
}

/** The addresses of one received row, kept after its batch is gone. */
class KeptRow {
  readonly #remotePort: number;
  readonly #remoteIpv4: number;
  readonly #localIpv4: number;
  readonly #ifindex: number;
  /** Remote, then local; undefined where the socket is for IPv4. */
  readonly #ipv6: Uint8Array | undefined;

  constructor(batch: DatagramBatch, row: number, family: 4 | 6) {
    this.#remotePort = batch.remotePort[row];
    this.#remoteIpv4 = batch.remoteIpv4[row];
    this.#localIpv4 = batch.localIpv4[row];
    this.#ifindex = batch.ifindex[row];
    if (family === 4) return;
    this.#ipv6 = new Uint8Array(2 * IPV6_BYTES);
    this.#ipv6.set(batch.remoteIpv6.subarray(row * IPV6_BYTES, (row + 1) * IPV6_BYTES));
    this.#ipv6.set(batch.localIpv6.subarray(row * IPV6_BYTES, (row + 1) * IPV6_BYTES), IPV6_BYTES);
  }

  copyTo(batch: DatagramBatch, row: number): void {
    batch.flags[row] = 0;
    batch.remotePort[row] = this.#remotePort;
    batch.remoteIpv4[row] = this.#remoteIpv4;
    batch.localIpv4[row] = this.#localIpv4;
    batch.ifindex[row] = this.#ifindex;
    if (this.#ipv6 === undefined) return;
    batch.remoteIpv6.set(this.#ipv6.subarray(0, IPV6_BYTES), row * IPV6_BYTES);
    batch.localIpv6.set(this.#ipv6.subarray(IPV6_BYTES), row * IPV6_BYTES);
  }
}

/** A received row's addresses are those of its answer. */
function copyAddresses(from: DatagramBatch, row: number, to: DatagramBatch, target: number, family: 4 | 6): void {
  to.flags[target] = 0;
  to.remotePort[target] = from.remotePort[row];
  to.remoteIpv4[target] = from.remoteIpv4[row];
  to.localIpv4[target] = from.localIpv4[row];
  to.ifindex[target] = from.ifindex[row];
  if (family === 4) return;
  for (let index = 0; index < IPV6_BYTES; index++) {
    to.remoteIpv6[target * IPV6_BYTES + index] = from.remoteIpv6[row * IPV6_BYTES + index];
    to.localIpv6[target * IPV6_BYTES + index] = from.localIpv6[row * IPV6_BYTES + index];
  }
}
