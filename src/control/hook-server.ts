import { errorMessage, TapnetError } from "../base/errors.js";
import type { Logger } from "../base/log.js";
import type { AccessList } from "./access.js";
import { bridgeConfAllows } from "./bridge-conf.js";
import { emitHookReply, type HookReply, type HookRequest, parseHookRequest } from "./hook-protocol.js";

/**
 * Theory of operation
 *
 * A hook is a process that lives for one question: it connects to `hook.sock`, sends one datagram, gets one back, and QEMU
 * goes on. Everybody may connect (mode 0666), the kernel says who it is, and what they may do is decided here: root and the
 * daemon's own user all of it, others only `helper` on the networks that the access list gives them, or, of bridges, QEMU's
 * own list (`bridge-conf.ts`). So `qemu-helper` needs no rights of its own and is not set-uid: it only carries the answer to
 * QEMU. How many may be open, and for how long, is the listener's business.
 *
 * A question whose caller went away meanwhile runs to its end, since an attach half-way is worse than one that nobody waits for;
 * a TAP that can no longer be handed over is closed.
 */

/** Who is at the other end of a unix socket (SO_PEERCRED, SO_PEERGROUPS). */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/** One hook with its question; `UnixRequest` of `os` is one. */
export interface HookCall {
  readonly message: Uint8Array;
  readonly peer: Peer;
  /** Answers and ends it, with a descriptor where given, which stays the caller's. False when the hook has gone. */
  reply(message: Uint8Array, descriptor?: number): boolean;
}

/** Where hooks connect. */
export interface HookListener {
  start(onCall: (call: HookCall) => void): void;
  close(): void;
}

/** A descriptor for whoever asks: a TAP for a guest whose QEMU cannot make one, or a socket that sees a port's frames. */
export interface TapGrant {
  readonly fd: number;
  /** For people: `web1 in default`. */
  readonly text: string;
  /** Called once, when the descriptor was sent (`true`) or could not be (`false`); closes ours. */
  settled(sent: boolean): void;
}

/** What the daemon does for hooks. Failures are TapnetErrors; `NOT_ALLOWED` has an exit code of its own. */
export interface HookApi {
  /** The network of this name, or the one whose bridge is called so. */
  networkNamed(name: string): { readonly name: string; readonly bridge: string | undefined } | undefined;
  /** The text says what became of it, like `web1 in default`. */
  ifup(ifname: string): Promise<string>;
  ifdown(ifname: string): Promise<string>;
  /** A capture that sees nothing until its filter is set. */
  capture(ifname: string): Promise<TapGrant>;
  /** `mayBe`: whether the caller is one of the users to whom a guest belongs. */
  helper(request: HelperRequest): Promise<TapGrant>;
}

export interface HelperRequest {
  readonly network: string;
  readonly guest: string | undefined;
  readonly vnet: boolean;
  readonly peer: Peer;
  readonly mayBe: (users: readonly string[]) => boolean;
}

export interface HookServerOptions {
  readonly listener: HookListener;
  readonly api: HookApi;
  readonly access: () => AccessList;
  /** Where QEMU's own access list is. */
  readonly bridgeConf: () => string;
  /** The daemon's own user, which may do what root may (rootless). */
  readonly uid: number;
  readonly log: Logger;
}

/** What QEMU says when br= is not given. */
const QEMU_DEFAULT_BRIDGE = "br0";

export class HookServer {
  readonly #options: HookServerOptions;

  /** Answers from now on. */
  constructor(options: HookServerOptions) {
    this.#options = options;
    options.listener.start((call) => void this.#answer(call));
  }

  /** Lets nobody in any more. */
  close(): void {
    this.#options.listener.close();
  }

  async #answer(call: HookCall): Promise<void> {
    const request = parseHookRequest(call.message);
    try {
      if ("problem" in request) throw new TapnetError("BAD_REQUEST", request.problem);
      if (request.verb === "helper") await this.#grant(call, request);
      else if (request.verb === "capture") await this.#capture(call, request.ifname);
      else this.#reply(call, { ok: true, text: await this.#change(call.peer, request) });
    } catch (thrown) {
      const expected = thrown instanceof TapnetError;
      if (!expected) this.#options.log.error({ err: thrown, request }, "a hook's request failed");
      this.#reply(call, { ok: false, code: expected ? thrown.code : "INTERNAL", message: errorMessage(thrown) });
    }
  }

  async #change(peer: Peer, request: HookRequest & { verb: "ifup" | "ifdown" }): Promise<string> {
    const { api } = this.#options;
    const { verb, ifname } = request;
    if (!this.#isTrusted(peer)) throw notAllowed(peer, `change ${ifname}; use helper= with qemu-helper instead of script=`);
    return await (verb === "ifup" ? api.ifup(ifname) : api.ifdown(ifname));
  }

  async #grant(call: HookCall, request: HookRequest & { verb: "helper" }): Promise<void> {
    const { api, access } = this.#options;
    const { peer } = call;
    const named = api.networkNamed(request.bridge);
    const network = named?.name ?? (request.bridge === QEMU_DEFAULT_BRIDGE ? "default" : request.bridge);
    const trusted = this.#isTrusted(peer);
    // Before anything else: who may not use a network does not learn which there are.
    if (!trusted && !access().allows(peer, network) && !this.#isAllowedByQemu(peer, named?.bridge)) {
      throw notAllowed(peer, `use the network ${network}`);
    }
    if (api.networkNamed(network) === undefined)
      throw new TapnetError("NOT_FOUND", `there is no network ${network}; see: tapnet net list`);
    const mayBe = (users: readonly string[]): boolean => trusted || access().isOneOf(peer, users);
    this.#hand(call, await api.helper({ network, guest: request.guest, vnet: request.vnet, peer, mayBe }));
  }

  /**
   * Whoever has a packet socket can bind it to any interface of its namespace and send there: it is for those only who could open
   * one themselves.
   */
  async #capture(call: HookCall, ifname: string): Promise<void> {
    const { peer } = call;
    if (!this.#isTrusted(peer)) {
      throw new TapnetError("NOT_ALLOWED", `user ${peer.uid} may not capture: it takes root, or the user that tapnetd runs as`);
    }
    this.#hand(call, await this.#options.api.capture(ifname));
  }

  #hand(call: HookCall, grant: TapGrant): void {
    let sent = false;
    try {
      sent = this.#reply(call, { ok: true, text: grant.text }, grant.fd);
    } finally {
      grant.settled(sent);
    }
  }

  #isAllowedByQemu(peer: Peer, bridge: string | undefined): boolean {
    return bridge !== undefined && bridgeConfAllows(this.#options.bridgeConf(), bridge, peer);
  }

  #isTrusted(peer: Peer): boolean {
    return peer.uid === 0 || peer.uid === this.#options.uid;
  }

  /** Whether it left. A hook that was killed meanwhile is nobody's mistake. */
  #reply(call: HookCall, reply: HookReply, descriptor?: number): boolean {
    const sent = call.reply(emitHookReply(reply), descriptor);
    if (!sent) this.#options.log.debug({ pid: call.peer.pid }, "a hook went away before its answer");
    return sent;
  }
}

function notAllowed(peer: Peer, what: string): TapnetError {
  return new TapnetError("NOT_ALLOWED", `user ${peer.uid} may not ${what}; access: in the configuration says who may`);
}
