import type { Ipv4Address } from "../../base/ipv4-address.js";
import { type Ipv6Address, readIpv6, writeIpv6 } from "../../base/ipv6-address.js";
import type { BatchSocket, DatagramBatch } from "./udp.js";
import type { UpstreamAddress } from "./upstream.js";
import type { DatagramPort, DatagramReceiver, UpstreamTransport } from "./upstream-transport.js";

/** A batch socket that can be opened and closed; `receive` and `send` as for those that answer. */
export interface OpenSocket extends BatchSocket {
  close(): void;
}

export interface BatchTransportOptions {
  /**
   * Binds a socket; throws an error with code EADDRINUSE where the port is taken. `onReadable` is called while datagrams
   * wait.
   */
  open(options: { family: 4 | 6; port: number; device: string | undefined }, onReadable: () => void): OpenSocket;
  /** Makes a batch as these sockets want it; slots of at least 2,048 bytes. */
  makeBatch(): DatagramBatch;
  /** For everything over TCP and TLS. */
  readonly streams: Pick<UpstreamTransport, "openStream">;
}

const OPEN_TRIES = 8;
const IPV6_BYTES = 16;

/**
 * Upstream questions over batch sockets, which can be bound to a device. All sockets share one batch to receive into and one to
 * send from: each is emptied before the next has its turn.
 */
export function batchTransport(options: BatchTransportOptions): UpstreamTransport {
  const received = options.makeBatch();
  const sending = options.makeBatch();
  return {
    openDatagram: (family, device, randomPort, receiver) => {
      return new BatchDatagramPort(options, { received, sending }, family, device, randomPort, receiver);
    },
    openStream: (address, receiver) => options.streams.openStream(address, receiver),
  };
}

class BatchDatagramPort implements DatagramPort {
  readonly #socket: OpenSocket;
  readonly #received: DatagramBatch;
  readonly #sending: DatagramBatch;
  readonly #family: 4 | 6;
  readonly #receiver: DatagramReceiver;
  #closed = false;

  constructor(
    options: BatchTransportOptions,
    batches: { received: DatagramBatch; sending: DatagramBatch },
    family: 4 | 6,
    device: string | undefined,
    randomPort: () => number,
    receiver: DatagramReceiver,
  ) {
    this.#received = batches.received;
    this.#sending = batches.sending;
    this.#family = family;
    this.#receiver = receiver;
    this.#socket = openOnRandomPort(randomPort, (port) => options.open({ family, port, device }, () => this.#onReadable()));
  }

  send(bytes: Uint8Array, offset: number, length: number, to: UpstreamAddress): void {
    const batch = this.#sending;
    batch.offset[0] = 0;
    batch.length[0] = length;
    batch.flags[0] = 0;
    batch.remotePort[0] = to.port;
    batch.localIpv4[0] = 0;
    batch.localIpv6.fill(0, 0, IPV6_BYTES);
    batch.ifindex[0] = 0;
    if (typeof to.address === "number") batch.remoteIpv4[0] = to.address;
    else writeIpv6(viewOf(batch.remoteIpv6), 0, to.address);
    for (let index = 0; index < length; index++) batch.bytes[index] = bytes[offset + index];
    batch.count = 1;
    this.#socket.send(batch);
  }

  #onReadable(): void {
    const batch = this.#received;
    let count = batch.capacity;
    while (count === batch.capacity && !this.#closed) {
      count = this.#socket.receive(batch);
      for (let row = 0; row < count && !this.#closed; row++) {
        const address: Ipv4Address | Ipv6Address =
          this.#family === 4 ? batch.remoteIpv4[row] : readIpv6(viewOf(batch.remoteIpv6), row * IPV6_BYTES);
        this.#receiver.receive(batch.bytes, batch.offset[row], batch.length[row], address, batch.remotePort[row]);
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#socket.close();
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
