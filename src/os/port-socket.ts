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
  /** There are frames: call `serve`, or `receive` until it returns zero. */
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

/**
 * Added to the number of rows: where events wait, where the event loop does, and for each frame that was not sent. The same
 * numbers as in native/port_socket.cc.
 */
const EVENTS_WAIT = 0x100_0000;
const LOOP_WAITS = 0x200_0000;
const UNSENT = 0x400_0000;
const NOTHING = new Uint8Array(0);

const MODE = 0o660;
const RECEIVE_BYTES = 1024 * 1024;
const PEER_CHECK_MS = 500;
/** Batches in one turn of the loop, while there is more: timers and other sockets have their turn in between. */
const BATCHES_A_TURN = 8;
/**
 * Of a thread that does nothing else: how long it waits for the next frame, and until its event loop has a turn. The kernel is
 * asked to wake it no sooner than other timers do, since to set the processor's costs microseconds in a virtual machine.
 */
const STAY_MS = 200;
const TURN_MS = 4;

export class PortSocket {
  readonly #native: NativePortSocket;
  readonly #listener: PortListener;
  /** Files of sockets, by slot. */
  readonly #paths = new Map<number, string>();
  readonly #datagramPorts = new Set<number>();
  /** Frames that leave with the next receive. */
  #later: Pick<PortFrames, "bytes" | "columns"> = { bytes: NOTHING, columns: NOTHING };
  #laterCount = 0;
  /** Frames of earlier ones that did not, and were not told. */
  #unsent = 0;
  /** Whether the event loop has something to do. */
  #loopWaits = false;
  /** The batch whose shape native code knows. */
  #shape: PortColumns | undefined;
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

  /**
   * Fills the batch with what is there, a fair share of each port, sets its count and returns it. Before, what `sendLater` was
   * given leaves. Never blocks.
   */
  receive(batch: PortColumns): number {
    return this.#receive(batch, 0);
  }

  /** Receives batch after batch and has each handled, while there is more and others need not wait for long. */
  serve(batch: PortColumns, handle: () => void): void {
    for (let turn = 0; turn < BATCHES_A_TURN && this.#receive(batch, 0) > 0; turn++) handle();
    this.#flush();
  }

  /**
   * The same on a thread that does nothing else: it waits for frames in the kernel from now on, without the event loop, until
   * none have come for a while. Then `onReadable` tells of the next. Timers of the thread may be late by that while.
   */
  serveAlone(batch: PortColumns, handle: () => void): void {
    this.#native.stay(true);
    this.#turn(batch, handle);
  }

  #turn(batch: PortColumns, handle: () => void): void {
    const end = systemClock.monotonicMs() + TURN_MS;
    let isIdle = false;
    do {
      isIdle = this.#receive(batch, STAY_MS) === 0;
      if (!isIdle) handle();
    } while (!isIdle && !this.#loopWaits && systemClock.monotonicMs() < end);
    if (this.#closed !== undefined) return;
    this.#flush();
    if (isIdle && !this.#loopWaits) this.#native.stay(false);
    else setImmediate(() => this.#turn(batch, handle));
  }

  #receive(batch: PortColumns, waitMs: number): number {
    if (this.#closed !== undefined) return 0;
    const { memory } = batch;
    if (batch !== this.#shape) {
      this.#native.shape(batch.port.length, batch.receiveBytes, batch.rowBytes);
      this.#shape = batch;
    }
    if (this.#laterCount > 0 && this.#later.bytes.buffer !== memory.buffer) this.#flush();
    const count = this.#laterCount;
    this.#laterCount = 0;
    const received = this.#native.receive(memory, waitMs, this.#later.columns, count);
    batch.count = received & (EVENTS_WAIT - 1);
    this.#loopWaits = false;
    if (received >= EVENTS_WAIT) this.#tell(received);
    return batch.count;
  }

  /** Sends whole frames and returns how many were taken. */
  send({ bytes, columns, count }: PortFrames): number {
    if (this.#closed !== undefined) return 0;
    this.#flush();
    return this.#native.send(bytes, columns, count);
  }

  /**
   * Sends whole frames of a batch with the next `receive` into it, in the same call; until then they must stay as they are.
   * Returns how many were taken as far as is known: those of an earlier call that were not are missing here.
   */
  sendLater(frames: PortFrames): number {
    if (this.#closed !== undefined) return 0;
    this.#flush();
    this.#later = frames;
    this.#laterCount = frames.count;
    const unsent = this.#unsent;
    this.#unsent = 0;
    return frames.count - unsent;
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

  #flush(): void {
    const count = this.#laterCount;
    if (count === 0) return;
    this.#laterCount = 0;
    const { bytes, columns } = this.#later;
    if (this.#closed === undefined) this.#unsent += count - this.#native.send(bytes, columns, count);
  }

  #tell(received: number): void {
    this.#unsent += Math.floor(received / UNSENT);
    this.#loopWaits = (received & LOOP_WAITS) !== 0;
    if ((received & EVENTS_WAIT) === 0) return;
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
