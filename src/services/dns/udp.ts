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

/** A bound socket that sends datagrams in batches. */
export interface BatchSocket {
  /** Sends the first `count` rows. */
  send(batch: DatagramBatch): number;
}

/** Who takes what comes to a socket: the socket fills `received`, asks for answers, and sends so many rows of `answers`. */
export interface DatagramHandler<Batch extends DatagramBatch> {
  readonly received: Batch;
  readonly answers: Batch;
  onDatagrams(count: number): number;
}

/** Who asks over a socket: by our address that he used and his own, four or sixteen bytes each. */
export interface SocketAskers {
  /** Another number whenever an answer of `identify` may have changed. */
  readonly epoch: number;
  identify(local: Uint8Array, remote: Uint8Array): { view: View; limits: AskerLimits } | undefined;
}

const IPV6_BYTES = 16;
const NO_EPOCH = -1;

/**
 * DNS on a UDP socket: for this host itself, and wherever guests reach the gateway through the kernel.
 *
 * The socket receives all that wait, has them answered and sends the answers with one call into here. Answers that come later
 * gather until the end of the event loop's turn.
 */
export class UdpService<Batch extends DatagramBatch> implements DatagramHandler<Batch> {
  readonly received: Batch;
  readonly answers: Batch;
  readonly #answerer: Answerer;
  readonly #askers: SocketAskers;
  readonly #family: 4 | 6;
  readonly #later: Batch;
  readonly #slotBytes: number;
  readonly #remote: Uint8Array;
  readonly #local: Uint8Array;
  #asker: Asker | undefined = undefined;
  #lastRemote = 0;
  #lastLocal = 0;
  #lastEpoch = NO_EPOCH;
  #row = 0;
  #socket: BatchSocket | undefined = undefined;
  #flushing = false;

  /** `makeBatch` makes batches as the socket wants them, with slots of one size. */
  constructor(answerer: Answerer, askers: SocketAskers, family: 4 | 6, makeBatch: () => Batch) {
    this.#answerer = answerer;
    this.#askers = askers;
    this.#family = family;
    this.received = makeBatch();
    this.answers = makeBatch();
    this.#later = makeBatch();
    this.#slotBytes = this.answers.bytes.length / this.answers.capacity;
    this.#remote = new Uint8Array(family === 4 ? 4 : IPV6_BYTES);
    this.#local = new Uint8Array(family === 4 ? 4 : IPV6_BYTES);
  }

  /** The socket to answer on; set before its first datagram. */
  attach(socket: BatchSocket): void {
    this.#socket = socket;
  }

  /** Answers the first `count` rows of what was received; returns the rows of the answers. */
  onDatagrams(count: number): number {
    let answered = 0;
    this.#answerer.startBatch();
    for (let row = 0; row < count; row++) answered += this.#answerRow(row, answered);
    this.#answerer.endBatch();
    return answered;
  }

  /** How many rows it has written from `target` on: one, or none. */
  #answerRow(row: number, target: number): number {
    const { received, answers } = this;
    const asker = this.#identify(row);
    if (asker === undefined || received.remotePort[row] === 0) return 0;
    this.#row = row;
    const at = target * this.#slotBytes;
    const length = this.#answerer.answer(
      received.bytes,
      received.offset[row],
      received.length[row],
      answers.bytes,
      at,
      this.#slotBytes,
      asker,
    );
    if (length <= 0) return 0;
    answers.offset[target] = at;
    answers.length[target] = length;
    copyAddresses(received, row, answers, target, this.#family);
    return 1;
  }

  #identify(row: number): Asker | undefined {
    const batch = this.received;
    if (this.#family === 4 && this.#isLastIpv4(batch.remoteIpv4[row], batch.localIpv4[row])) return this.#asker;
    const asker = this.#findAsker(row);
    this.#lastRemote = batch.remoteIpv4[row];
    this.#lastLocal = batch.localIpv4[row];
    this.#lastEpoch = asker === undefined ? NO_EPOCH : this.#askers.epoch;
    return asker;
  }

  /** Whether this is the asker of the question before, as he mostly is. */
  #isLastIpv4(remote: number, local: number): boolean {
    return remote === this.#lastRemote && local === this.#lastLocal && this.#askers.epoch === this.#lastEpoch;
  }

  #findAsker(row: number): Asker | undefined {
    const batch = this.received;
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
    const path = new KeptRow(this.received, this.#row, this.#family);
    return { deliver: (message, atOnce) => this.#deliver(path, message, atOnce) };
  }

  #deliver(path: KeptRow, message: Uint8Array, atOnce: boolean): void {
    const batch = this.#later;
    if (batch.count === batch.capacity) this.#send();
    const row = batch.count++;
    batch.offset[row] = row * this.#slotBytes;
    batch.length[row] = message.length;
    batch.bytes.set(message, batch.offset[row]);
    path.copyTo(batch, row);
    if (atOnce) {
      this.#send();
      return;
    }
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    this.#send();
  }

  #send(): void {
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
