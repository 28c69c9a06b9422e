/**
 * Theory of operation
 *
 * One `NetlinkSocket` asks the kernel; a `NetlinkSubscription` listens. They are two sockets, because answers and notifications
 * on one could be taken for each other. Messages are composed and read in TypeScript (`rtnetlink.ts`, `nftables.ts`); here
 * they are only bytes that start with a `struct nlmsghdr`.
 *
 * The kernel carries out a request inside sendmsg(2), so `transact` is synchronous and takes microseconds: a promise and a
 * wake-up of another thread would cost more than the work. What takes milliseconds (deleting a thousand links, dumping fifty
 * thousand routes) has a `…Later` form on a pool thread.
 *
 * A listener that is too slow loses notifications; the kernel says so once, and the listener must then dump everything again.
 */
import { NetlinkError } from "../base/errors.js";
import { addon } from "./addon.js";
import { errnoName } from "./errno.js";
import type { NativeNetlinkResults, NativeNetlinkSocket } from "./native.js";

/** Values of `struct nlmsghdr` (linux/netlink.h), which precedes every message, in the machine's byte order. */
export const NETLINK_HEADER_BYTES = 16;
/** Messages and attributes start on multiples of four bytes. */
export const NETLINK_ALIGN_BYTES = 4;

export const NETLINK_FLAG = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  echo: 0x8,
  dump: 0x300,
  replace: 0x100,
  excl: 0x200,
  create: 0x400,
  append: 0x800,
} as const;

const PROTOCOL = { route: 0, netfilter: 12, generic: 16 } as const;
export type NetlinkProtocol = keyof typeof PROTOCOL;

/** What the kernel said about one message of a request. */
export interface MessageResult {
  /** Zero when the message was carried out, else the positive error number, whose name is `code`. */
  readonly errno: number;
  /** `""` when the message was carried out. */
  readonly code: string;
  /** The kernel's own words, where it has any: "Nexthop has invalid gateway". */
  readonly extendedAck: string | undefined;
  /** Where in the message the kernel stumbled, in bytes from its start; zero when it did not say. */
  readonly offset: number;
}

export interface TransactResult {
  /** One for each message, in order. */
  readonly results: readonly MessageResult[];
  /** How many of them have an error. */
  readonly failed: number;
  /** Messages that the kernel sent back besides its acks (answers to a get, echoes), in a row; often empty. */
  readonly answers: Uint8Array;
}

/** Asks the kernel and reads its answers. Not for use from two threads; each opens its own. */
export class NetlinkSocket {
  readonly #protocol: number;
  readonly #native: NativeNetlinkSocket;

  /** caps: none; what is asked for may need NET_ADMIN. */
  constructor(protocol: NetlinkProtocol) {
    this.#protocol = PROTOCOL[protocol];
    this.#native = new (addon().NetlinkSocket)(this.#protocol);
  }

  /**
   * Sends `count` messages in one go and returns what became of each. Later messages are carried out even if earlier ones fail.
   *
   * `messages` holds them in a row, each on a multiple of four bytes; sequence number, port and the ack flag are filled in
   * (so the caller's bytes change). On a `netfilter` socket the row must be one whole batch: it is carried out as a
   * transaction, so one error means that nothing was done, also not what has no error of its own; the messages that begin
   * and end the batch have results too.
   *
   * Errors of messages are results, not exceptions; only misuse throws.
   */
  transact(messages: Uint8Array, count: number): TransactResult {
    return resultOf(this.#native.transact(messages, count));
  }

  /** As `transact`, on a socket of its own and on a pool thread. `messages` is copied before the call returns. */
  async transactLater(messages: Uint8Array, count: number): Promise<TransactResult> {
    return resultOf(await addon().transactLater(this.#protocol, messages, count));
  }

  /**
   * Asks for a dump and returns all its messages in a row, to be walked with `eachMessage`. Flags, sequence number and port
   * are filled in. A dump that something changed under is repeated; SystemError `EINTR` if that happens 16 times.
   */
  dump(message: Uint8Array): Uint8Array {
    return this.#native.dump(message);
  }

  /** As `dump`, on a socket of its own and on a pool thread. */
  dumpLater(message: Uint8Array): Promise<Uint8Array> {
    return addon().dumpLater(this.#protocol, message);
  }

  /** Listens on a socket of its own, which stays open when this one is closed. */
  subscribe(groups: readonly number[], listener: NetlinkListener): NetlinkSubscription {
    return new NetlinkSubscription(this.#protocol, groups, listener);
  }

  /** May be called again. Later use of the others throws TapnetError `CLOSED`. */
  close(): void {
    this.#native.close();
  }
}

export interface NetlinkListener {
  /** One or more messages in a row; the bytes are the listener's to keep. */
  onMessages(messages: Uint8Array): void;
  /** Notifications were lost: whatever was learnt from them has to be dumped again. */
  onOverrun(): void;
}

/**
 * Multicast groups that are being listened to. It does not keep the process alive.
 *
 * Listeners hear when the turn of the event loop in which messages came is over: most of them tell what we did ourselves, and a
 * lease that has been written meanwhile is acknowledged first.
 */
export class NetlinkSubscription {
  readonly #native: NativeNetlinkSocket;
  #open = true;

  /** Groups are numbers as in `enum rtnetlink_groups`, not bits. caps: none for rtnetlink's groups. */
  constructor(protocol: number, groups: readonly number[], listener: NetlinkListener) {
    this.#native = new (addon().NetlinkSocket)(protocol);
    try {
      this.#native.subscribe(Uint32Array.from(groups), (messages, overrun) => {
        setImmediate(() => {
          if (this.#open && messages.length > 0) listener.onMessages(messages);
          if (this.#open && overrun) listener.onOverrun();
        });
      });
      this.#native.setReferenced(false);
    } catch (error) {
      this.#native.close();
      throw error;
    }
  }

  /** May be called again, also from inside the listener, which hears nothing more. */
  close(): void {
    this.#open = false;
    this.#native.close();
  }
}

/**
 * Walks messages in a row. `visit` gets the type, where the payload starts and ends in `bytes`, and the header's flags.
 *
 * A header that does not fit ends the walk: the kernel never sends one.
 */
export function eachMessage(
  bytes: Uint8Array,
  visit: (type: number, payloadOffset: number, payloadEnd: number, flags: number) => void,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  while (bytes.length - offset >= NETLINK_HEADER_BYTES) {
    const length = view.getUint32(offset, HOST_LITTLE_ENDIAN);
    if (length < NETLINK_HEADER_BYTES || length > bytes.length - offset) return;
    const type = view.getUint16(offset + 4, HOST_LITTLE_ENDIAN);
    const flags = view.getUint16(offset + 6, HOST_LITTLE_ENDIAN);
    visit(type, offset + NETLINK_HEADER_BYTES, offset + length, flags);
    offset += (length + NETLINK_ALIGN_BYTES - 1) & ~(NETLINK_ALIGN_BYTES - 1);
  }
}

/** Netlink headers and most attributes are in the machine's byte order; hand this to a DataView's methods. */
export const HOST_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** The error for a message that failed; `request` says in words what was asked: `add route 10.77.0.2/32 dev tn-web1`. */
export function messageError(result: MessageResult, request: string): NetlinkError {
  return new NetlinkError({ code: result.code, errno: result.errno, request, extendedAck: result.extendedAck });
}

const CARRIED_OUT: MessageResult = { errno: 0, code: "", extendedAck: undefined, offset: 0 };

function resultOf(native: NativeNetlinkResults): TransactResult {
  const { errnos, offsets, texts, answers } = native;
  const results: MessageResult[] = [];
  let failed = 0;
  for (let row = 0; row < errnos.length; row++) {
    const errno = errnos[row];
    if (errno !== 0) failed++;
    const extendedAck = texts[row];
    if (errno === 0 && extendedAck === undefined) results.push(CARRIED_OUT);
    else results.push({ errno, code: errno === 0 ? "" : errnoName(errno), extendedAck, offset: offsets[row] });
  }
  return { results, failed, answers };
}
