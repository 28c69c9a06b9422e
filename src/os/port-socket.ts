/**
 * Theory of operation
 *
 * The links of many ports behind one `PortSocket`: QEMU's `-netdev stream` and `-netdev dgram` over unix sockets, interfaces
 * whose frames come in whole (packet sockets), and TAPs that this process holds. Frames come in batches into one slab and
 * leave in batches, each with one call, whatever the links are.
 *
 *   stream   we listen, one peer at a time; it comes and goes as it likes, and is let go of when what it sends is no framing
 *   dgram    our path and the peer's; a peer that was restarted is found within half a second, or with its first frame
 *   packet   what an interface receives; sending is to whoever holds its other end
 *   tap      what the host sends into a TAP of ours, and back
 *   feed     copies for who captures
 *
 * Sending never waits. Each link has a queue of 512 KiB beside the kernel's; a peer that does not read loses its own frames,
 * and nobody else's. Sockets' files belong to whoever adds the link: they are made here, and removed with it.
 */
import { lstatSync, unlinkSync } from "node:fs";
import { systemClock, type Timer } from "../base/clock.js";
import type { FrameColumns } from "../base/frame-columns.js";
import { addon } from "./addon.js";
import type { NativePortSocket } from "./native.js";

/** Columns of received frames, as `ForwardBatch` of `frame/forward` has them. */
export interface PortColumns {
  /** One behind the other the columns `port`, `offset`, `length` (32 bits a row) and `flags` (a byte a row), then the slab. */
  readonly memory: Uint8Array;
  readonly port: Uint32Array;
  /** Frames are written to the first bytes of the slab, a row of so many for each where it comes alone. */
  readonly receiveBytes: number;
  readonly rowBytes: number;
  count: number;
}

/** Columns of frames to be sent, as `OutgoingFrames` of `frame/forward` has them. */
export interface PortFrames extends FrameColumns {
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** The same numbers as LinkEvent in native/port_link.h. */
const EVENT = {
  1: "connected",
  2: "ended",
  3: "broken",
  4: "bad-length",
  5: "gone",
} as const;

/**
 * What happened to a port's link. `connected`: a stream has a peer. `ended`, `broken`: it has none any more. `bad-length`: it
 * has none, because what came was no frame's length. `gone`: the interface is.
 */
export type PortEvent = (typeof EVENT)[keyof typeof EVENT];

export interface PortListener {
  /** There are frames: call `receive`, until it returns zero or something else is to be done. */
  onReadable(): void;
  onEvent(slot: number, event: PortEvent): void;
}

export interface PortCounts {
  readonly received: number;
  readonly sent: number;
  /** Frames that were refused or given up: queue full, nobody there. */
  readonly lost: number;
  /** Frames received that were shorter than an Ethernet header. */
  readonly runts: number;
  /** Bytes that wait for the peer now. */
  readonly waitingBytes: number;
}

/** Added to the number of rows where events wait; the same number as in native/port_socket.cc. */
const EVENTS_WAIT = 0x100_0000;

const MODE = 0o660;
const RECEIVE_BYTES = 1024 * 1024;
const PEER_CHECK_MS = 500;

export class PortSocket {
  readonly #native: NativePortSocket;
  readonly #listener: PortListener;
  /** Files of sockets, by slot. */
  readonly #paths = new Map<number, string>();
  readonly #datagramPorts = new Set<number>();
  #check: Timer | undefined;
  #closed: Promise<void> | undefined;

  /** Waiting keeps the process alive until `close`. */
  constructor(listener: PortListener) {
    this.#listener = listener;
    this.#native = new (addon().PortSocket)();
    this.#native.watch(() => listener.onReadable());
  }

  /**
   * Listens at a path for one peer at a time. A socket that nobody listens on any more is replaced.
   *
   * TapnetError INVALID_STATE when the slot is taken; SystemError for a path that cannot be made. caps: none
   */
  addStream(slot: number, path: string, mode = MODE): void {
    removeSocket(path);
    this.#native.addStream(slot, path, mode);
    this.#paths.set(slot, path);
  }

  /** Receives at `local` what the peer sends from `remote`, and sends there. The peer need not be there yet. caps: none */
  addDgram(slot: number, local: string, remote: string, mode = MODE): void {
    removeSocket(local);
    this.#native.addDgram(slot, local, remote, mode);
    this.#paths.set(slot, local);
    this.#datagramPorts.add(slot);
    this.#checkLater();
  }

  /** Everything that an interface receives, and sends there. SystemError ENODEV. caps: NET_RAW */
  addPacket(slot: number, ifindex: number, receiveBytes = RECEIVE_BYTES): void {
    this.#native.addPacket(slot, ifindex, receiveBytes);
  }

  /** A TAP without a virtio header; its descriptor stays the caller's and may be closed. caps: none */
  addTap(slot: number, descriptor: number): void {
    this.#native.addTap(slot, descriptor);
  }

  /**
   * One end of a feed (`capture-feed.ts`): frames sent to the slot are its messages, and it ends when nobody has the other end any
   * more. Returns the other end's descriptor, which is the caller's. caps: none
   */
  addFeed(slot: number): number {
    return this.#native.addFeed(slot);
  }

  /** Frames that wait are lost. False when the slot is free already. */
  remove(slot: number): boolean {
    if (!this.#native.remove(slot)) return false;
    this.#forget(slot);
    return true;
  }

  /** Fills the batch with what is there, a fair share of each port, sets its count and returns it. Never blocks. */
  receive(batch: PortColumns): number {
    const received = this.#native.receive(batch.memory, batch.port.length, batch.receiveBytes, batch.rowBytes);
    batch.count = received & (EVENTS_WAIT - 1);
    if (received >= EVENTS_WAIT) this.#tellEvents();
    return batch.count;
  }

  /** Sends whole frames and returns how many were taken. */
  send({ bytes, columns, port, count }: PortFrames): number {
    if (this.#closed !== undefined) return 0;
    return this.#native.send(bytes, columns, port.length, count);
  }

  counts(slot: number): PortCounts {
    return this.#native.counts(slot);
  }

  /** Whether waiting for frames keeps the process alive. */
  setReferenced(referenced: boolean): void {
    this.#native.setReferenced(referenced);
  }

  /** Ends all links and removes their files; resolves when the kernel has let go. May be called again. */
  close(): Promise<void> {
    if (this.#closed !== undefined) return this.#closed;
    this.#closed = this.#native.close();
    for (const slot of [...this.#paths.keys()]) this.#forget(slot);
    systemClock.cancel(this.#check);
    return this.#closed;
  }

  #forget(slot: number): void {
    const path = this.#paths.get(slot);
    this.#paths.delete(slot);
    this.#datagramPorts.delete(slot);
    if (path !== undefined) removeSocket(path);
  }

  #tellEvents(): void {
    const events = this.#native.events();
    for (let index = 0; index + 1 < events.length; index += 2) {
      const event = EVENT[events[index + 1] as keyof typeof EVENT];
      this.#listener.onEvent(events[index], event);
    }
  }

  /** Nothing tells when a datagram peer comes or is replaced. */
  #checkLater(): void {
    this.#check ??= systemClock.after(PEER_CHECK_MS, () => {
      this.#check = undefined;
      if (this.#closed !== undefined || this.#datagramPorts.size === 0) return;
      this.#native.checkPeers();
      this.#checkLater();
    });
  }
}

function removeSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
}
