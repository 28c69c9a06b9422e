/**
 * Theory of operation
 *
 * The guests on sockets of one network: an engine, a `PortSocket`, and two slots side by side for each guest, its socket at an
 * even number, its TAP at the next. It runs on the thread that made it, which may be one of its own (`user-thread.ts`); what it
 * is told and what it tells is plain data, so that it can come from another.
 */
import { systemClock } from "../../base/clock.js";
import { isLinkLocalIpv6 } from "../../base/ipv6-address.js";
import { formatAddress, type IpAddress } from "../../base/kernel-objects.js";
import type { Mac } from "../../base/mac.js";
import type { Prefix } from "../../base/prefix.js";
import { ForwardBatch } from "../../frame/forward/batch.js";
import { ForwardEngine } from "../../frame/forward/engine.js";
import type { Network, Port } from "../../network/model.js";
import { delegatedPrefix } from "../../network/state.js";
import { CaptureFeeds } from "../../os/capture-feed.js";
import { type PortCounts, type PortEvent, type PortFrames, PortSocket } from "../../os/port-socket.js";

/** A guest's socket: `local` is ours; of a datagram socket `remote` is the guest's. */
export type GuestSocket =
  | { readonly kind: "stream"; readonly local: string }
  | { readonly kind: "dgram"; readonly local: string; readonly remote: string };

/** A guest's port with a socket, as it is opened. */
export interface SocketPort {
  readonly port: Port;
  /** Its TAP, whose descriptor stays the caller's and may be closed. */
  readonly tap: number;
  readonly socket: GuestSocket;
  /** Whether packets to other guests go past the kernel. */
  readonly routed: boolean;
}

/** What happened to a guest's socket, or why an address is not routed. */
export type UserNetworkEvent =
  | { readonly kind: "socket"; readonly guest: string | undefined; readonly what: PortEvent }
  | { readonly kind: "not-routed"; readonly guest: string; readonly address: string; readonly error: string };

/** A network's guests on sockets, whichever thread has them. Answers come in the order of questions. */
export interface SocketNetwork {
  /** SystemError for a path that cannot be made. */
  open(opened: SocketPort): void | Promise<void>;
  close(ifindex: number): void | Promise<void>;
  /** The port's addresses have changed. */
  bind(port: Port): void | Promise<void>;
  /** The network has changed; `routed` are the ports whose packets to other guests go past the kernel from now on. */
  configure(network: Network, routed: ReadonlySet<number>): void | Promise<void>;
  /** Of the guest's socket. */
  counts(ifindex: number): (PortCounts | undefined) | Promise<PortCounts | undefined>;
  /** A descriptor for who captures the port's frames, the caller's to close. */
  capture(ifindex: number): (number | undefined) | Promise<number | undefined>;
  /** What became of frames. */
  counters(): Readonly<Record<string, number>> | Promise<Readonly<Record<string, number>>>;
  /** TAPs stay with their holders. */
  end(): Promise<void>;
}

const ETHERNET_BYTES = 18;

interface Member {
  readonly slot: number;
  readonly guest: string;
  readonly ifname: string;
  /** Whether packets to other guests go past the kernel. */
  routed: boolean;
  readonly bindings: Map<IpAddress, Mac>;
}

export class UserNetwork implements SocketNetwork {
  readonly #engine: ForwardEngine;
  #network: Network;
  readonly #tell: (event: UserNetworkEvent) => void;
  readonly #socket: PortSocket;
  readonly #batch: ForwardBatch;
  readonly #feeds = new CaptureFeeds();
  readonly #members = new Map<number, Member>();
  /** Whose an address is: it may have moved before its former owner is told. */
  readonly #owners = new Map<IpAddress, Member>();

  /** `alone`: whether the thread does nothing else. */
  constructor(network: Network, tell: (event: UserNetworkEvent) => void, alone: boolean) {
    this.#network = network;
    this.#tell = tell;
    this.#batch = new ForwardBatch(network.mtu + ETHERNET_BYTES);
    const handle = (): void => this.#handle();
    this.#socket = new PortSocket({
      onReadable: () => (alone ? this.#socket.serveAlone(this.#batch, handle) : this.#socket.serve(this.#batch, handle)),
      onEvent: (slot, what) => tell({ kind: "socket", guest: this.#guestAt(slot), what }),
    });
    this.#engine = new ForwardEngine({
      clock: systemClock,
      transmitter: {
        transmit: (frames) => this.#send(frames, false),
        transmitLast: (frames) => this.#send(frames, true),
      },
    });
    this.#engine.isolateGuests(network.isolateGuests);
  }

  open({ port, tap, socket, routed }: SocketPort): void {
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
    const member = { slot, guest, ifname, routed, bindings: new Map() };
    this.#members.set(port.ifindex, member);
    this.#addPorts(member);
    this.bind(port);
  }

  close(ifindex: number): void {
    const member = this.#members.get(ifindex);
    if (member === undefined) return;
    this.#members.delete(ifindex);
    for (const address of member.bindings.keys()) this.#unbind(member, address);
    for (const slot of [member.slot, member.slot + 1]) {
      this.#engine.removePort(slot);
      this.#socket.remove(slot);
    }
    this.#feeds.forget(member.slot);
  }

  /** Bindings follow: their owner tells them all after a change of the configuration. */
  configure(network: Network, routed: ReadonlySet<number>): void {
    this.#network = network;
    this.#engine.isolateGuests(network.isolateGuests);
    for (const [ifindex, member] of this.#members) {
      if (routed.has(ifindex) === member.routed) continue;
      for (const address of [...member.bindings.keys()]) this.#unbind(member, address);
      for (const slot of [member.slot, member.slot + 1]) this.#engine.removePort(slot);
      member.routed = routed.has(ifindex);
      this.#addPorts(member);
    }
  }

  #addPorts({ slot, guest, ifname, routed }: Member): void {
    const { gatewayMac: mac, gatewayIpv4: ipv4, gatewayIpv6: ipv6, mtu } = this.#network;
    this.#engine.addPort({ slot, name: guest, kind: routed ? "guest" : "relay", mac, ipv4, ipv6, mtu, peer: slot + 1 });
    this.#engine.addPort({ slot: slot + 1, name: ifname, kind: "relay", mac, mtu, peer: slot });
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
        this.#engine.addRoute(this.#prefixOf(address), member.slot, mac);
        member.bindings.set(address, mac);
        this.#owners.set(address, member);
      } catch (thrown) {
        this.#tell({ kind: "not-routed", guest: member.guest, address: formatAddress(address), error: String(thrown) });
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

  counters(): Readonly<Record<string, number>> {
    return this.#engine.counters();
  }

  async end(): Promise<void> {
    this.#engine.close();
    await Promise.all([this.#socket.close(), this.#feeds.close()]);
  }

  #unbind(member: Member, address: IpAddress): void {
    member.bindings.delete(address);
    if (this.#owners.get(address) !== member) return;
    this.#owners.delete(address);
    this.#engine.removeRoute(this.#prefixOf(address));
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

  #handle(): void {
    if (this.#feeds.any) this.#feeds.copy(this.#batch, false);
    this.#engine.process(this.#batch);
  }

  #send(frames: PortFrames, isLast: boolean): number {
    if (this.#feeds.any) this.#feeds.copy(frames, true);
    return isLast ? this.#socket.sendLater(frames) : this.#socket.send(frames);
  }

  #guestAt(slot: number): string | undefined {
    return [...this.#members.values()].find((each) => each.slot === (slot & ~1))?.guest;
  }
}

function isLinkLocal(address: IpAddress): boolean {
  return typeof address === "bigint" && isLinkLocalIpv6(address);
}
