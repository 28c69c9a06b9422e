import { errorMessage, TapnetError } from "../base/errors.js";
import type { Clock, Timer } from "../base/clock.js";
import type { Logger } from "../base/log.js";
import type { AccessList } from "./access.js";
import { emitHookReply, type HookReply, type HookRequest, parseHookRequest } from "./hook-protocol.js";

/**
 * Theory of operation
 *
 * A hook is a process that lives for one question: it connects to `hook.sock`, sends one datagram, gets one back, and QEMU goes
 * on. Everybody may connect (mode 0666), the kernel says who it is, and what they may do is decided here: root and the daemon's
 * own user all of it, others only `helper` on the networks that the access list gives them.
 *
 * Connections are few and short. Still: a caller that says nothing is closed after five seconds, one user has a bounded number
 * open, and a second datagram on a connection ends it. A question whose caller went away meanwhile runs to its end, since an
 * attach half-way is worse than one that nobody waits for; a TAP that can no longer be handed over is closed.
 */

/** Who is at the other end of a unix socket (SO_PEERCRED). */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** One hook that connected. `os` implements it over SOCK_SEQPACKET. */
export interface HookConnection {
  readonly peer: Peer;
  /** Sends one datagram, with a descriptor where given; the descriptor stays the caller's. Throws when the peer is gone. */
  send(bytes: Uint8Array, fd?: number): void;
  close(): void;
}

/** Where hooks connect. */
export interface HookListener {
  /** Begins to accept. `onMessage` gets each datagram; `onClose` is called once, also after `close()`. */
  start(handlers: {
    onConnection(connection: HookConnection): void;
    onMessage(connection: HookConnection, bytes: Uint8Array): void;
    onClose(connection: HookConnection): void;
  }): void;
  close(): void;
}

/** A TAP for a guest whose QEMU cannot make one. */
export interface TapGrant {
  readonly fd: number;
  /** For people: `web1 in default`. */
  readonly text: string;
  /** Called once, when the descriptor was sent (`true`) or could not be (`false`); closes ours. */
  settled(sent: boolean): void;
}

/** What the daemon does for hooks. Failures are TapnetErrors; `NOT_ALLOWED` has an exit code of its own. */
export interface HookApi {
  hasNetwork(name: string): boolean;
  /** The text says what became of it, like `web1 in default`. */
  ifup(ifname: string): Promise<string>;
  ifdown(ifname: string): Promise<string>;
  helper(request: { network: string; guest: string | undefined; vnet: boolean; peer: Peer }): Promise<TapGrant>;
}

export interface HookServerOptions {
  readonly listener: HookListener;
  readonly api: HookApi;
  readonly access: () => AccessList;
  /** The daemon's own user, which may do what root may (rootless). */
  readonly uid: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const SILENCE_MS = 5_000;
const MOST_CONNECTIONS_PER_USER = 64;
/** What QEMU says when br= is not given. */
const QEMU_DEFAULT_BRIDGE = "br0";

interface Caller {
  readonly timer: Timer;
  asked: boolean;
  gone: boolean;
}

export class HookServer {
  readonly #options: HookServerOptions;
  readonly #callers = new Map<HookConnection, Caller>();
  readonly #openByUser = new Map<number, number>();

  constructor(options: HookServerOptions) {
    this.#options = options;
    options.listener.start({
      onConnection: (connection) => this.#open(connection),
      onMessage: (connection, bytes) => void this.#ask(connection, bytes),
      onClose: (connection) => this.#forget(connection),
    });
  }

  /** Lets nobody in any more, and closes what is open. */
  close(): void {
    this.#options.listener.close();
    for (const connection of this.#callers.keys()) connection.close();
  }

  #open(connection: HookConnection): void {
    const { uid } = connection.peer;
    const open = (this.#openByUser.get(uid) ?? 0) + 1;
    this.#openByUser.set(uid, open);
    const timer = this.#options.clock.after(SILENCE_MS, () => connection.close());
    this.#callers.set(connection, { timer, asked: false, gone: false });
    if (open > MOST_CONNECTIONS_PER_USER && !this.#isTrusted(connection.peer)) {
      this.#reply(connection, { ok: false, code: "BUSY", message: `user ${uid} has too many hooks open; try again` });
      connection.close();
    }
  }

  #forget(connection: HookConnection): void {
    const caller = this.#callers.get(connection);
    if (caller === undefined) return;
    caller.gone = true;
    this.#options.clock.cancel(caller.timer);
    this.#callers.delete(connection);
    const { uid } = connection.peer;
    const open = (this.#openByUser.get(uid) ?? 1) - 1;
    if (open === 0) this.#openByUser.delete(uid);
    else this.#openByUser.set(uid, open);
  }

  async #ask(connection: HookConnection, bytes: Uint8Array): Promise<void> {
    const caller = this.#callers.get(connection);
    if (caller === undefined) return;
    if (caller.asked) {
      connection.close();
      return;
    }
    caller.asked = true;
    this.#options.clock.cancel(caller.timer);
    const request = parseHookRequest(bytes);
    if ("problem" in request) {
      this.#reply(connection, { ok: false, code: "BAD_REQUEST", message: request.problem });
    } else {
      await this.#carryOut(connection, caller, request);
    }
    connection.close();
  }

  async #carryOut(connection: HookConnection, caller: Caller, request: HookRequest): Promise<void> {
    try {
      if (request.verb === "helper") {
        await this.#grant(connection, caller, request);
        return;
      }
      if (!this.#isTrusted(connection.peer))
        throw notAllowed(connection.peer, `change ${request.ifname}; use helper= with qemu-helper instead of script=`);
      const text = await (request.verb === "ifup"
        ? this.#options.api.ifup(request.ifname)
        : this.#options.api.ifdown(request.ifname));
      if (!caller.gone) this.#reply(connection, { ok: true, text });
    } catch (thrown) {
      if (!(thrown instanceof TapnetError)) this.#options.log.error({ err: thrown, request }, "a hook's request failed");
      const code = thrown instanceof TapnetError ? thrown.code : "INTERNAL";
      if (!caller.gone) this.#reply(connection, { ok: false, code, message: errorMessage(thrown) });
    }
  }

  async #grant(connection: HookConnection, caller: Caller, request: HookRequest & { verb: "helper" }): Promise<void> {
    const { api, access } = this.#options;
    const network = !api.hasNetwork(request.bridge) && request.bridge === QEMU_DEFAULT_BRIDGE ? "default" : request.bridge;
    const { peer } = connection;
    // Before anything else: who may not use a network does not learn which there are.
    if (!this.#isTrusted(peer) && !access().allows(peer.uid, peer.gid, network))
      throw notAllowed(peer, `use the network ${network}`);
    if (!api.hasNetwork(network)) throw new TapnetError("NOT_FOUND", `there is no network ${network}; see: tapnet net list`);
    const grant = await api.helper({ network, guest: request.guest, vnet: request.vnet, peer });
    const sent = !caller.gone && this.#reply(connection, { ok: true, text: grant.text }, grant.fd);
    grant.settled(sent);
  }

  #isTrusted(peer: Peer): boolean {
    return peer.uid === 0 || peer.uid === this.#options.uid;
  }

  /** Whether it left. A hook that was killed meanwhile is nobody's mistake. */
  #reply(connection: HookConnection, reply: HookReply, fd?: number): boolean {
    try {
      connection.send(emitHookReply(reply), fd);
      return true;
    } catch (thrown) {
      this.#options.log.debug({ error: errorMessage(thrown), pid: connection.peer.pid }, "a hook went away before its answer");
      return false;
    }
  }
}

function notAllowed(peer: Peer, what: string): TapnetError {
  return new TapnetError("NOT_ALLOWED", `user ${peer.uid} may not ${what}; access: in the configuration says who may`);
}
