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
 * One engine and one `PortSocket` a network, so no frame crosses from one network to another but through the kernel and its
 * rules. Each guest has two slots side by side: its socket at an even number, its TAP at the next.
 */

import type { Clock } from "../../base/clock.js";
import { isLinkLocalIpv6 } from "../../base/ipv6-address.js";
import { formatAddress, type IpAddress } from "../../base/kernel-objects.js";
import type { Logger } from "../../base/log.js";
import type { Mac } from "../../base/mac.js";
import type { Prefix } from "../../base/prefix.js";
import { ForwardBatch } from "../../frame/forward/batch.js";
import { ForwardEngine } from "../../frame/forward/engine.js";
import { rehearseForwarding } from "../../frame/forward/rehearsal.js";
import type { Names } from "../../guest/services.js";
import type { Network, Port } from "../../network/model.js";
import { delegatedPrefix } from "../../network/state.js";
import { CaptureFeeds } from "../../os/capture-feed.js";
import { type PortCounts, type PortEvent, type PortFrames, PortSocket } from "../../os/port-socket.js";

/** A guest's socket: `local` is ours; of a datagram socket `remote` is the guest's. */
export type GuestSocket =
  | { readonly kind: "stream"; readonly local: string }
  | { readonly kind: "dgram"; readonly local: string; readonly remote: string };

export interface UserPlaneParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether packets between this guest and others like it are routed here; else the kernel has all of its packets. */
  readonly routes: (guest: string, network: string) => boolean;
}

const ETHERNET_BYTES = 18;
/** Batches in one turn of the loop, while there is more: timers and other sockets have their turn in between. */
const BATCHES_A_TURN = 8;

export class UserPlane implements Names {
  readonly #parts: UserPlaneParts;
  readonly #networks = new Map<string, UserNetwork>();
  #rehearsed = false;

  constructor(parts: UserPlaneParts) {
    this.#parts = parts;
  }

  /** Connects a guest's socket and its TAP, whose descriptor stays the caller's. SystemError for a path that cannot be made. */
  open(port: Port, tap: number, socket: GuestSocket): void {
    if (!this.#rehearsed) rehearseForwarding();
    this.#rehearsed = true;
    const { name } = port.network;
    const network = this.#networks.get(name) ?? new UserNetwork(port.network, this.#parts);
    this.#networks.set(name, network);
    network.open(port, tap, socket);
  }

  /** False where the port has no socket. */
  close(ifindex: number): boolean {
    for (const [name, network] of this.#networks) {
      if (!network.close(ifindex)) continue;
      if (network.isEmpty) this.#networks.delete(name);
      if (network.isEmpty) void network.end();
      return true;
    }
    return false;
  }

  /** The port's addresses have changed. */
  add(port: Port): void {
    this.#networks.get(port.network.name)?.bind(port);
  }

  remove(port: Port): void {
    this.#networks.get(port.network.name)?.bind({ ...port, bindings: [] });
  }

  /** Networks that have changed; their guests' ports know them already. */
  configure(networks: readonly Network[]): void {
    for (const network of networks) this.#networks.get(network.name)?.configure(network);
  }

  /** Of the guest's socket; undefined where the port has none. */
  counts(ifindex: number): PortCounts | undefined {
    for (const network of this.#networks.values()) {
      const counts = network.counts(ifindex);
      if (counts !== undefined) return counts;
    }
    return undefined;
  }

  /** A descriptor for who captures the port's frames, the caller's to close; undefined where the port has no socket. */
  capture(ifindex: number): number | undefined {
    for (const network of this.#networks.values()) {
      const descriptor = network.capture(ifindex);
      if (descriptor !== undefined) return descriptor;
    }
    return undefined;
  }

  /** What became of frames, over all networks. */
  counters(): Record<string, number> {
    const total: Record<string, number> = {};
    for (const network of this.#networks.values()) {
      for (const [reason, count] of Object.entries(network.engine.counters())) total[reason] = (total[reason] ?? 0) + count;
    }
    return total;
  }

  /** Ends all; TAPs stay with their holders. */
  async end(): Promise<void> {
    const networks = [...this.#networks.values()];
    this.#networks.clear();
    await Promise.all(networks.map((network) => network.end()));
  }
}

interface Member {
  readonly slot: number;
  readonly guest: string;
  readonly ifname: string;
  /** Whether packets to other guests go past the kernel. */
  routed: boolean;
  readonly bindings: Map<IpAddress, Mac>;
}

class UserNetwork {
  readonly engine: ForwardEngine;
  #network: Network;
  readonly #parts: UserPlaneParts;
  readonly #socket: PortSocket;
  readonly #batch: ForwardBatch;
  readonly #feeds = new CaptureFeeds();
  readonly #members = new Map<number, Member>();
  /** Whose an address is: it may have moved before its former owner is told. */
  readonly #owners = new Map<IpAddress, Member>();

  constructor(network: Network, parts: UserPlaneParts) {
    this.#network = network;
    this.#parts = parts;
    this.#batch = new ForwardBatch(network.mtu + ETHERNET_BYTES);
    this.#socket = new PortSocket({ onReadable: () => this.#pump(), onEvent: (slot, event) => this.#tell(slot, event) });
    this.engine = new ForwardEngine({ clock: parts.clock, transmitter: { transmit: (frames) => this.#send(frames) } });
    this.configure(network);
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  open(port: Port, tap: number, socket: GuestSocket): void {
    const slot = this.#freeSlot();
    if (socket.kind === "stream") this.#socket.addStream(slot, socket.local);
    else this.#socket.addDgram(slot, socket.local, socket.remote);
    try {
      this.#socket.addTap(slot + 1, tap);
    } catch (thrown) {
      this.#socket.remove(slot);
      throw thrown;
    }
    const { guest, ifname } = port;
    const member = { slot, guest, ifname, routed: this.#parts.routes(guest, port.network.name), bindings: new Map() };
    this.#members.set(port.ifindex, member);
    this.#addPorts(member);
    this.bind(port);
  }

  close(ifindex: number): boolean {
    const member = this.#members.get(ifindex);
    if (member === undefined) return false;
    this.#members.delete(ifindex);
    for (const address of member.bindings.keys()) this.#unbind(member, address);
    for (const slot of [member.slot, member.slot + 1]) {
      this.engine.removePort(slot);
      this.#socket.remove(slot);
    }
    this.#feeds.forget(member.slot);
    return true;
  }

  /** Bindings follow: their owner tells them all after a change of the configuration. */
  configure(network: Network): void {
    this.#network = network;
    this.engine.isolateGuests(network.isolateGuests);
    for (const member of this.#members.values()) {
      const routed = this.#parts.routes(member.guest, network.name);
      if (routed === member.routed) continue;
      for (const address of [...member.bindings.keys()]) this.#unbind(member, address);
      for (const slot of [member.slot, member.slot + 1]) this.engine.removePort(slot);
      member.routed = routed;
      this.#addPorts(member);
    }
  }

  #addPorts({ slot, guest, ifname, routed }: Member): void {
    const { gatewayMac: mac, gatewayIpv4: ipv4, gatewayIpv6: ipv6, mtu } = this.#network;
    this.engine.addPort({ slot, name: guest, kind: routed ? "guest" : "relay", mac, ipv4, ipv6, mtu, peer: slot + 1 });
    this.engine.addPort({ slot: slot + 1, name: ifname, kind: "relay", mac, mtu, peer: slot });
  }

  bind({ ifindex, bindings }: Port): void {
    const member = this.#members.get(ifindex);
    if (member === undefined) return;
    const routable = member.routed ? bindings.filter(({ address }) => !isLinkLocal(address)) : [];
    const wanted = new Map(routable.map(({ address, mac }) => [address, mac]));
    for (const address of [...member.bindings.keys()]) if (!wanted.has(address)) this.#unbind(member, address);
    for (const [address, mac] of wanted) {
      if (member.bindings.get(address) === mac && this.#owners.get(address) === member) continue;
      try {
        this.engine.addRoute(this.#prefixOf(address), member.slot, mac);
        member.bindings.set(address, mac);
        this.#owners.set(address, member);
      } catch (thrown) {
        const { guest } = member;
        this.#parts.log.error({ guest, address: formatAddress(address), error: String(thrown) }, "an address is not routed");
      }
    }
  }

  counts(ifindex: number): PortCounts | undefined {
    const member = this.#members.get(ifindex);
    return member === undefined ? undefined : this.#socket.counts(member.slot);
  }

  /** A guest's frames are seen at its socket: those that go from socket to socket come by no TAP. */
  capture(ifindex: number): number | undefined {
    const member = this.#members.get(ifindex);
    return member === undefined ? undefined : this.#feeds.open(member.slot);
  }

  async end(): Promise<void> {
    this.engine.close();
    await Promise.all([this.#socket.close(), this.#feeds.close()]);
  }

  #unbind(member: Member, address: IpAddress): void {
    member.bindings.delete(address);
    if (this.#owners.get(address) !== member) return;
    this.#owners.delete(address);
    this.engine.removeRoute(this.#prefixOf(address));
  }

  #prefixOf(address: IpAddress): Prefix {
    if (typeof address === "number") return { family: 4, address, prefixLength: 32 };
    return delegatedPrefix(this.#network, address) ?? { family: 6, address, prefixLength: 128 };
  }

  #freeSlot(): number {
    const taken = new Set([...this.#members.values()].map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot += 2;
    return slot;
  }

  #pump(): void {
    for (let turn = 0; turn < BATCHES_A_TURN && this.#socket.receive(this.#batch) > 0; turn++) {
      if (this.#feeds.any) this.#feeds.copy(this.#batch, false);
      this.engine.process(this.#batch);
    }
  }

  #send(frames: PortFrames): number {
    if (this.#feeds.any) this.#feeds.copy(frames, true);
    return this.#socket.send(frames);
  }

  #tell(slot: number, event: PortEvent): void {
    const member = [...this.#members.values()].find((each) => each.slot === (slot & ~1));
    const details = { guest: member?.guest, network: this.#network.name };
    if (event === "bad-length") {
      this.#parts.log.warn(details, "a guest's socket was closed: what came was no frame; is it QEMU's -netdev stream?");
    } else if (event === "gone") {
      this.#parts.log.error(details, "a guest's TAP does not work any more: take the guest away and add it again");
    } else {
      this.#parts.log.debug({ ...details, event }, "a guest's socket");
    }
  }
}

function isLinkLocal(address: IpAddress): boolean {
  return typeof address === "bigint" && isLinkLocalIpv6(address);
}
