/**
 * Theory of operation
 *
 * Guests on unix sockets, each with a TAP of its own that this process holds: to the kernel it is a guest's port like any
 * other, with its route, guard, limits and names, and services listen on it. A frame of the guest's goes into its TAP as it
 * is, and what comes out of the TAP goes to the guest. Only where the network says `dataplane: user` frames between its
 * guests on sockets are not for the kernel: the engine routes them from socket to socket.
 *
 *     QEMU ═ socket ─┬─ engine ─┬─ socket ═ QEMU        between guests
 *                    └── TAP ───┘                       everything else: the kernel
 *
 * One engine and one `PortSocket` a network (`user-network.ts`), so no frame crosses from one network to another but through
 * the kernel and its rules. Where there are processors enough each network has a thread (`network-thread.ts`): all but one, which
 * is left to the services. Networks beyond that are served on the daemon's own thread, in turn with everything else.
 */

import type { Logger } from "../../base/log.js";
import { rehearseForwarding } from "../../frame/forward/rehearsal.js";
import type { Names } from "../../guest/services.js";
import type { Network, Port } from "../../network/model.js";
import type { PortCounts } from "../../os/port-socket.js";
import { NetworkThread } from "./network-thread.js";
import { type GuestSocket, type SocketNetwork, UserNetwork, type UserNetworkEvent } from "./user-network.js";

export interface UserPlaneParts {
  readonly log: Logger;
  /** Whether packets between this guest and others like it are routed here; else the kernel has all of its packets. */
  readonly routes: (guest: string, network: string) => boolean;
  /** How many threads there may be beside this one. */
  readonly threads: number;
}

/** A network that has guests on sockets. */
interface Served {
  readonly network: SocketNetwork;
  readonly isThread: boolean;
  /** By interface index, with the guest's name. */
  readonly guests: Map<number, string>;
}

export class UserPlane implements Names {
  readonly #parts: UserPlaneParts;
  readonly #networks = new Map<string, Served>();
  #rehearsed = false;

  constructor(parts: UserPlaneParts) {
    this.#parts = parts;
  }

  /** Connects a guest's socket and its TAP, whose descriptor stays the caller's. SystemError for a path that cannot be made. */
  async open(port: Port, tap: number, socket: GuestSocket): Promise<void> {
    const served = this.#serve(port.network);
    served.guests.set(port.ifindex, port.guest);
    const routed = this.#parts.routes(port.guest, port.network.name);
    try {
      await served.network.open({ port, tap, socket, routed });
    } catch (thrown) {
      await this.close(port.ifindex);
      throw thrown;
    }
  }

  /** Nothing where the port has no socket. */
  async close(ifindex: number): Promise<void> {
    for (const [name, { network, guests }] of this.#networks) {
      if (!guests.delete(ifindex)) continue;
      const isLast = guests.size === 0;
      if (isLast) this.#networks.delete(name);
      await network.close(ifindex);
      if (isLast) await network.end();
    }
  }

  /** The port's addresses have changed. */
  add(port: Port): void {
    this.#bind(port);
  }

  remove(port: Port): void {
    this.#bind({ ...port, bindings: [] });
  }

  /** Networks that have changed; their guests' ports know them already. */
  configure(networks: readonly Network[]): void {
    for (const network of networks) {
      const served = this.#networks.get(network.name);
      if (served === undefined) continue;
      const routed = [...served.guests].filter(([, guest]) => this.#parts.routes(guest, network.name));
      this.#ask(() => served.network.configure(network, new Set(routed.map(([ifindex]) => ifindex))));
    }
  }

  /** Of the guest's socket; undefined where the port has none. */
  async counts(ifindex: number): Promise<PortCounts | undefined> {
    return this.#networkOf(ifindex)?.counts(ifindex);
  }

  /** A descriptor for who captures the port's frames, the caller's to close; undefined where the port has no socket. */
  async capture(ifindex: number): Promise<number | undefined> {
    return this.#networkOf(ifindex)?.capture(ifindex);
  }

  /** What became of frames, over all networks. */
  async counters(): Promise<Record<string, number>> {
    const total: Record<string, number> = {};
    const questions = [...this.#networks.values()].map(async ({ network }) => network.counters());
    for (const counters of await Promise.all(questions)) {
      for (const [reason, count] of Object.entries(counters)) total[reason] = (total[reason] ?? 0) + count;
    }
    return total;
  }

  /** Ends all; TAPs stay with their holders. */
  async end(): Promise<void> {
    const networks = [...this.#networks.values()];
    this.#networks.clear();
    await Promise.all(networks.map(({ network }) => network.end()));
  }

  #serve(network: Network): Served {
    const present = this.#networks.get(network.name);
    if (present !== undefined) return present;
    const tell = (event: UserNetworkEvent): void => this.#tell(network.name, event);
    const isThread = [...this.#networks.values()].filter((other) => other.isThread).length < this.#parts.threads;
    if (!isThread && !this.#rehearsed) this.#rehearsed = rehearseForwarding() > 0;
    this.#parts.log.info({ network: network.name, thread: isThread }, "guests on sockets are served");
    const served = { network: isThread ? new NetworkThread(network, tell) : new UserNetwork(network, tell, false), isThread };
    const made = { ...served, guests: new Map<number, string>() };
    this.#networks.set(network.name, made);
    return made;
  }

  #networkOf(ifindex: number): SocketNetwork | undefined {
    return [...this.#networks.values()].find(({ guests }) => guests.has(ifindex))?.network;
  }

  #bind(port: Port): void {
    const served = this.#networks.get(port.network.name);
    if (served?.guests.has(port.ifindex) === true) this.#ask(() => served.network.bind(port));
  }

  /** Nobody waits for the answer. */
  #ask(question: () => void | Promise<void>): void {
    const fail = (thrown: unknown): void =>
      this.#parts.log.error({ error: String(thrown) }, "a guest's socket is not served as it should be");
    void (async () => question())().catch(fail);
  }

  #tell(network: string, event: UserNetworkEvent): void {
    const { log } = this.#parts;
    const { guest } = event;
    if (event.kind === "not-routed") {
      log.error({ guest, address: event.address, error: event.error }, "an address is not routed");
    } else if (event.what === "bad-length") {
      log.warn({ guest, network }, "a guest's socket was closed: what came was no frame; is it QEMU's -netdev stream?");
    } else if (event.what === "gone") {
      log.error({ guest, network }, "a guest's TAP does not work any more: take the guest away and add it again");
    } else {
      log.debug({ guest, network, event: event.what }, "a guest's socket");
    }
  }
}
