/**
 * UDP in batches: all datagrams that wait are received with one call, answers are sent with one call, and each row carries both
 * addresses (IP_PKTINFO, IPV6_RECVPKTINFO), so that an answer leaves from the address that was asked.
 *
 * Node's own `dgram` costs a call and a Buffer for each datagram, and does not tell which address it came to.
 */
import { TapnetError } from "../base/errors.js";
import type { Ipv4Address } from "../base/ipv4-address.js";
import { type Ipv6Address, writeIpv6 } from "../base/ipv6-address.js";
import { addon } from "./addon.js";
import { isInterfaceName } from "./interface.js";
import type { NativeUdpSocket } from "./native.js";

/** Bit of `UdpBatch.flags`: the datagram was longer than its slot, and its end is lost. */
export const DATAGRAM_TRUNCATED = 2;

/** What a row takes in all columns, and what the slab behind them starts at a multiple of; both in bytes. */
const COLUMN_BYTES = 55;
const SLAB_ALIGNMENT = 64;

/**
 * Datagrams as one slab and columns, received or to be sent; `count` rows are in use.
 *
 * `remote` is the other side, `local` our address: where a datagram went to, or where it is to come from (zero lets the
 * kernel choose). So a received row, with another payload, is the answer to itself. Only the columns of the socket's own
 * family are used; on a socket for both, IPv4 addresses are IPv4-mapped (RFC 4291 §2.5.5.2).
 *
 * It is one piece of memory, since each array that is handed to native code takes 40 ns and a DNS answer 300.
 */
export class UdpBatch {
  readonly capacity: number;
  /** All of it: the columns, then the slab, in the order in which `native/udp_socket.cc` cuts it up. */
  readonly memory: Uint8Array;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the payload starts in the slab, and its length, both in bytes. */
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  readonly flags: Uint8Array;
  readonly remotePort: Uint16Array;
  readonly remoteIpv4: Uint32Array;
  readonly localIpv4: Uint32Array;
  /** 16 bytes a row, network order. */
  readonly remoteIpv6: Uint8Array;
  readonly localIpv6: Uint8Array;
  /** Interface that it came in on, or leaves by; zero lets the route decide, and is all that a socket with an IPv4 address knows. */
  readonly ifindex: Uint32Array;
  count = 0;

  constructor(capacity = 64, slotBytes = 2048) {
    this.capacity = capacity;
    const slabOffset = Math.ceil((capacity * COLUMN_BYTES) / SLAB_ALIGNMENT) * SLAB_ALIGNMENT;
    const memory = new ArrayBuffer(slabOffset + capacity * slotBytes);
    let next = 0;
    const take = (bytesPerRow: number): number => {
      const offset = next;
      next += capacity * bytesPerRow;
      return offset;
    };
    this.memory = new Uint8Array(memory);
    this.offset = new Uint32Array(memory, take(4), capacity);
    this.length = new Uint32Array(memory, take(4), capacity);
    this.remoteIpv4 = new Uint32Array(memory, take(4), capacity);
    this.localIpv4 = new Uint32Array(memory, take(4), capacity);
    this.ifindex = new Uint32Array(memory, take(4), capacity);
    this.remoteIpv6 = new Uint8Array(memory, take(16), capacity * 16);
    this.localIpv6 = new Uint8Array(memory, take(16), capacity * 16);
    this.remotePort = new Uint16Array(memory, take(2), capacity);
    this.flags = new Uint8Array(memory, take(1), capacity);
    this.bytes = new Uint8Array(memory, slabOffset);
    this.view = new DataView(memory, slabOffset);
    for (let row = 0; row < capacity; row++) this.offset[row] = row * slotBytes;
  }
}

export interface UdpSocketOptions {
  readonly family: 4 | 6;
  /** The local address; default any. */
  readonly address?: Ipv4Address | Ipv6Address | undefined;
  /** Default: one that the kernel chooses. */
  readonly port?: number | undefined;
  /** Whether other sockets may have the same address and port, and the kernel spreads datagrams among them. */
  readonly reusePort?: boolean | undefined;
  readonly reuseAddress?: boolean | undefined;
  /** Whether the host need not have the address (yet). */
  readonly freeBind?: boolean | undefined;
  /** Whether an IPv6 socket is for IPv6 only. Default true. */
  readonly ipv6Only?: boolean | undefined;
  /**
   * Whether rows carry our own address; with an IPv4 socket that only asks it is of no use, and costs. Default true; an IPv6
   * socket's rows always do.
   */
  readonly localAddress?: boolean | undefined;
  /** The only interface to receive from and send to; also the scope of a link-local address. */
  readonly device?: string | undefined;
  readonly receiveBytes?: number | undefined;
}

/** Who takes what comes. Both batches are in use as long as the socket is open, and their memory must stay where it is. */
export interface UdpHandler {
  /** What datagrams are received into; sockets may share it. */
  readonly received: UdpBatch;
  /** Where answers leave from. */
  readonly answers: UdpBatch;
  /**
   * Called with each batch that has come: `count` rows of `received`, valid as long as the call. Returns how many rows of
   * `answers` shall leave, 0 for none. What it throws is an uncaught exception.
   */
  onDatagrams(count: number): number;
}

const OPTION = { reusePort: 1, reuseAddress: 2, freeBind: 4, ipv6Only: 8, noLocalAddress: 16 } as const;

export class UdpSocket {
  readonly port: number;
  readonly #native: NativeUdpSocket;

  /**
   * Bound at once; the handler has each batch that comes. Waiting keeps the process alive until `close`.
   *
   * SystemError: EADDRINUSE, EADDRNOTAVAIL, EACCES, ENODEV. caps: NET_BIND_SERVICE for ports below 1024
   */
  constructor(options: UdpSocketOptions, handler: UdpHandler) {
    const device = options.device ?? "";
    if (device !== "" && !isInterfaceName(device)) {
      throw new TapnetError("INVALID_ARGUMENT", `${JSON.stringify(device)} is no interface name`);
    }
    let bits = options.ipv6Only === false ? 0 : OPTION.ipv6Only;
    if (options.reusePort === true) bits |= OPTION.reusePort;
    if (options.reuseAddress === true) bits |= OPTION.reuseAddress;
    if (options.freeBind === true) bits |= OPTION.freeBind;
    if (options.localAddress === false) bits |= OPTION.noLocalAddress;
    const address = addressBytes(options);
    const port = options.port ?? 0;
    this.#native = new (addon().UdpSocket)(options.family === 6, address, port, bits, device, options.receiveBytes ?? 0);
    this.port = this.#native.port();
    const { received, answers } = handler;
    const onDatagrams = (count: number): number => handler.onDatagrams(count);
    this.#native.serve(received.memory, received.capacity, answers.memory, answers.capacity, onDatagrams);
  }

  /** Sends the first `count` rows; returns how many the kernel took. One that it refuses does not stop the others. */
  send(batch: UdpBatch): number {
    return this.#native.send(batch.memory, batch.capacity, batch.count);
  }

  /** Whether waiting for datagrams keeps the process alive. */
  setReferenced(referenced: boolean): void {
    this.#native.setReferenced(referenced);
  }

  /** May be called again, also from inside `onDatagrams`. Later use throws TapnetError `CLOSED`. */
  close(): void {
    this.#native.close();
  }
}

/** 16 bytes in network order, of which an IPv4 address takes the first four. */
function addressBytes({ family, address }: UdpSocketOptions): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  if (address === undefined) return bytes;
  if (family === 4 && typeof address === "number") view.setUint32(0, address);
  else if (family === 6 && typeof address === "bigint") writeIpv6(view, 0, address);
  else throw new TapnetError("INVALID_ARGUMENT", `the address is not of family ${family}`);
  return bytes;
}
