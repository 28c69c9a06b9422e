/**
 * Theory of operation
 *
 * `UnixListener` serves short requests on a SOCK_SEQPACKET unix socket: a client connects, sends one message, gets one answer,
 * maybe with a file descriptor, and the connection ends. Message borders are kept by the kernel, so there is no framing to get
 * wrong, and the kernel vouches for who asks (SO_PEERCRED, SO_PEERGROUPS).
 *
 * Any local user may be allowed to connect, so nobody is trusted to behave. A client is dropped when it says nothing for a while,
 * or says too much; a user other than root has a limited number of connections at a time, and all users together
 * too. When no more are taken, further clients wait in the kernel's backlog. Descriptors that a client passes are not accepted.
 */
import { chmodSync, lstatSync, readlinkSync, unlinkSync } from "node:fs";
import type { Socket } from "node:net";
import { constants } from "node:os";
import { type Clock, systemClock, type Timer } from "../base/clock.js";
import { SystemError, TapnetError } from "../base/errors.js";
import { addon, systemError } from "./addon.js";
import type { NativeUnixConnection, NativeUnixListener } from "./native.js";

/** The process at the other end, as it was when it connected. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups; empty before Linux 4.13. */
  readonly groups: readonly number[];
}

/** One message of a client. `reply` or `close` ends it; without either it ends by itself after `replyTimeoutMs`. */
export interface UnixRequest {
  readonly message: Uint8Array;
  readonly peer: PeerCredentials;
  /**
   * Answers, with a descriptor if given: the client gets a copy, the caller keeps its own. False when the client has gone.
   */
  reply(message: Uint8Array | string, descriptor?: number): boolean;
  close(): void;
}

export interface UnixListenerOptions {
  /** Up to 107 bytes; `@name` is in the abstract namespace, where file modes do not count. */
  readonly path: string;
  /** Mode of the socket's file: who may connect. Default 0o600. */
  readonly mode?: number | undefined;
  /** Longest message of a client; a longer one ends the connection. Default 4096. */
  readonly messageBytesMax?: number | undefined;
  /** How long a client may take to send its message. Default 2,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** How long the answer may take. Default 30,000. */
  readonly replyTimeoutMs?: number | undefined;
  /** Connections at a time, altogether and for each user but root. Default 256 and 32. */
  readonly connectionsMax?: number | undefined;
  readonly connectionsPerUserMax?: number | undefined;
  readonly clock?: Clock | undefined;
}

const ACCEPT_PAUSE_MS = 100;
/** Connections accepted in one turn of the loop. */
const ACCEPT_BUDGET = 64;
const REPLY_BYTES_MAX = 65_536;
const REPLY_DESCRIPTORS_MAX = 4;
const ERRNO = constants.errno;
const NO_DESCRIPTORS = new Int32Array(0);
const DEFAULTS = {
  mode: 0o600,
  messageBytesMax: 4096,
  idleTimeoutMs: 2000,
  replyTimeoutMs: 30_000,
  connectionsMax: 256,
  connectionsPerUserMax: 32,
} as const;

export class UnixListener {
  readonly path: string;
  readonly #limits: Readonly<Record<keyof typeof DEFAULTS, number>>;
  readonly #clock: Clock;
  readonly #onRequest: (request: UnixRequest) => void;
  readonly #native: NativeUnixListener;
  /** Of the socket's file: another listener may have replaced it by the time that this one closes. */
  readonly #inode: number | undefined;
  readonly #buffer: Uint8Array;
  readonly #connections = new Set<Connection>();
  readonly #connectionsByUser = new Map<number, number>();
  #accepting = false;
  #pause: Timer | undefined;
  #closed = false;

  /**
   * Listens at once. A file that a dead listener left at `path` is replaced.
   *
   * SystemError EADDRINUSE when somebody listens there; others for a path that cannot be made. caps: none
   */
  constructor(options: UnixListenerOptions, onRequest: (request: UnixRequest) => void) {
    this.path = options.path;
    this.#limits = {
      mode: options.mode ?? DEFAULTS.mode,
      messageBytesMax: options.messageBytesMax ?? DEFAULTS.messageBytesMax,
      idleTimeoutMs: options.idleTimeoutMs ?? DEFAULTS.idleTimeoutMs,
      replyTimeoutMs: options.replyTimeoutMs ?? DEFAULTS.replyTimeoutMs,
      connectionsMax: options.connectionsMax ?? DEFAULTS.connectionsMax,
      connectionsPerUserMax: options.connectionsPerUserMax ?? DEFAULTS.connectionsPerUserMax,
    };
    this.#clock = options.clock ?? systemClock;
    this.#onRequest = onRequest;
    this.#buffer = new Uint8Array(this.#limits.messageBytesMax);
    this.#native = listenAt(this.path, this.#limits.mode, this.#limits.connectionsMax);
    this.#inode = inodeAt(this.path);
    this.#resume();
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Ends all connections, and removes the socket's file. May be called again. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#clock.cancel(this.#pause);
    this.#native.close();
    if (this.#inode !== undefined && inodeAt(this.path) === this.#inode) unlinkSync(this.path);
    for (const connection of [...this.#connections]) connection.close();
  }

  #resume(): void {
    if (this.#closed || this.#accepting || this.#connections.size >= this.#limits.connectionsMax) return;
    this.#accepting = true;
    this.#native.watch(() => this.#accept());
  }

  #stopAccepting(): void {
    this.#accepting = false;
    this.#native.unwatch();
  }

  #accept(): void {
    for (let accepted = 0; accepted < ACCEPT_BUDGET; accepted++) {
      if (this.#connections.size >= this.#limits.connectionsMax) {
        this.#stopAccepting();
        return;
      }
      const native = new (addon().UnixConnection)();
      try {
        if (!this.#native.accept(native)) return;
        this.#welcome(native);
      } catch (error) {
        native.close();
        // Out of descriptors or memory: the client stays in the backlog, and the socket would be "readable" for ever.
        if (!(error instanceof SystemError)) throw error;
        this.#stopAccepting();
        this.#pause = this.#clock.after(ACCEPT_PAUSE_MS, () => {
          this.#pause = undefined;
          this.#resume();
        });
        return;
      }
    }
  }

  #welcome(native: NativeUnixConnection): void {
    const peer = native.peer();
    const ofUser = this.#connectionsByUser.get(peer.uid) ?? 0;
    if (peer.uid !== 0 && ofUser >= this.#limits.connectionsPerUserMax) {
      native.close();
      return;
    }
    const connection = new Connection(native, peer, () => this.#forget(connection));
    this.#connections.add(connection);
    this.#connectionsByUser.set(peer.uid, ofUser + 1);
    connection.timer = this.#clock.after(this.#limits.idleTimeoutMs, () => connection.close());
    native.watch(() => this.#read(connection));
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    this.#clock.cancel(connection.timer);
    const { uid } = connection.peer;
    const left = (this.#connectionsByUser.get(uid) ?? 1) - 1;
    if (left > 0) this.#connectionsByUser.set(uid, left);
    else this.#connectionsByUser.delete(uid);
    if (this.#pause === undefined) this.#resume();
  }

  #read(connection: Connection): void {
    const length = connection.receive(this.#buffer);
    if (length < 0) return;
    if (length === 0 || length > this.#buffer.length) {
      connection.close();
      return;
    }
    this.#clock.cancel(connection.timer);
    connection.timer = this.#clock.after(this.#limits.replyTimeoutMs, () => connection.close());
    connection.message = this.#buffer.slice(0, length);
    this.#onRequest(connection);
  }
}

/** One client. It is handed out as the request once its message is there. */
class Connection implements UnixRequest {
  message = new Uint8Array(0);
  readonly peer: PeerCredentials;
  timer: Timer | undefined;
  readonly #native: NativeUnixConnection;
  readonly #onClosed: () => void;
  #open = true;

  constructor(native: NativeUnixConnection, peer: PeerCredentials, onClosed: () => void) {
    this.#native = native;
    this.peer = peer;
    this.#onClosed = onClosed;
  }

  /** As the addon's `receive`; a broken connection counts as ended. After a message nothing more is read. */
  receive(buffer: Uint8Array): number {
    let length = 0;
    try {
      length = this.#native.receive(buffer, NO_DESCRIPTORS);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    }
    if (length > 0) this.#native.unwatch();
    return length;
  }

  reply(message: Uint8Array | string, descriptor = -1): boolean {
    if (!this.#open) return false;
    const bytes = typeof message === "string" ? Buffer.from(message) : message;
    try {
      this.#native.send(bytes, descriptor);
      return true;
    } catch (error) {
      // The client has gone, or has filled its queue: both are its own affair. A bad descriptor is ours.
      if (error instanceof SystemError && ["EPIPE", "ECONNRESET", "ENOTCONN", "EAGAIN"].includes(error.code)) return false;
      throw error;
    } finally {
      this.close();
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#native.close();
    this.#onClosed();
  }
}

/** Credentials of the peer of any connected unix socket. SystemError ENOTSOCK, EBADF. caps: none */
export function peerCredentials(descriptor: number): PeerCredentials {
  return addon().peerCredentials(descriptor);
}

/**
 * Credentials of the peer of one of Node's own unix sockets, as a server of node:net or node:http has them.
 *
 * Node does not show a socket's descriptor; the handle behind it does, in all versions. TapnetError INVALID_STATE once the socket
 * is closed.
 */
export function socketPeer(socket: Socket): PeerCredentials {
  const handle: unknown = Reflect.get(socket, "_handle");
  const descriptor: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : undefined;
  if (typeof descriptor !== "number" || descriptor < 0) {
    throw new TapnetError("INVALID_STATE", "the socket has no peer: it is closed, or was never open");
  }
  return peerCredentials(descriptor);
}

export interface UnixReply {
  readonly message: Uint8Array;
  /** Descriptors that came with the answer; the caller's to close. */
  readonly descriptors: readonly number[];
}

/**
 * Sends one message to a `UnixListener` and resolves with its answer.
 *
 * SystemError: ENOENT or ECONNREFUSED when nobody listens, EACCES when not allowed, ECONNRESET when the listener ended
 * the connection without an answer, ETIMEDOUT. caps: none
 */
export async function unixRequest(path: string, message: Uint8Array | string, timeoutMs = 5000): Promise<UnixReply> {
  const connection = new (addon().UnixConnection)();
  let timer: NodeJS.Timeout | undefined;
  try {
    connection.connect(path);
    connection.send(typeof message === "string" ? Buffer.from(message) : message, -1);
    await new Promise<void>((readable, timedOut) => {
      timer = setTimeout(() => timedOut(systemError(ERRNO.ETIMEDOUT, "recvmsg", path)), timeoutMs);
      connection.watch(readable);
    });
    return readReply(connection, path);
  } finally {
    clearTimeout(timer);
    connection.close();
  }
}

function readReply(connection: NativeUnixConnection, path: string): UnixReply {
  const buffer = new Uint8Array(REPLY_BYTES_MAX);
  const descriptors = new Int32Array(REPLY_DESCRIPTORS_MAX);
  const length = connection.receive(buffer, descriptors);
  if (length <= 0) throw systemError(ERRNO.ECONNRESET, "recvmsg", path, "the listener ended the connection without an answer");
  return {
    message: buffer.subarray(0, Math.min(length, buffer.length)),
    descriptors: [...descriptors].filter((descriptor) => descriptor >= 0),
  };
}

function listenAt(path: string, mode: number, backlog: number): NativeUnixListener {
  const abstract = path.startsWith("@");
  if (!abstract) removeDeadSocket(path);
  const native = new (addon().UnixListener)(path, mode, backlog);
  try {
    // The process's umask took bits away; the file never allowed more than `mode`.
    if (!abstract) chmodSync(path, mode);
    return native;
  } catch (error) {
    native.close();
    throw error;
  }
}

/**
 * Removes the socket of a listener that died without cleaning up. Anything else at the path is left to bind(2) to refuse.
 *
 * A process that was killed with many packet sockets open takes the kernel 10 ms for each to bury, and its listener still takes
 * connections meanwhile.
 */
function removeDeadSocket(path: string): void {
  if (inodeAt(path) === undefined) return;
  const probe = new (addon().UnixConnection)();
  try {
    probe.connect(path);
    if (isDying(probe.peer().pid)) unlinkSync(path);
  } catch (error) {
    if (error instanceof TapnetError && error.code === "ECONNREFUSED") unlinkSync(path);
  } finally {
    probe.close();
  }
}

/** Whether a process has no program any more, as is so from the first moment of its end. */
export function isDying(pid: number): boolean {
  // 0: it lives in another PID namespace.
  if (pid === 0) return false;
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

/** The inode of the socket at a path; undefined when there is none. */
function inodeAt(path: string): number | undefined {
  const status = lstatSync(path, { throwIfNoEntry: false });
  return status?.isSocket() === true ? status.ino : undefined;
}
