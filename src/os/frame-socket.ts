/**
 * Theory of operation
 *
 * The control frames of all links come in through one `FrameSocket`, in batches, and replies leave through it, in batches. This
 * is tier `packet`: a packet socket for each link with a classic BPF filter that lets only control frames up, all of them in
 * one epoll. It needs no more than NET_RAW, so it also works rootless; it sees a frame before netfilter does.
 *
 * A wake-up hands over one batch, with at most a fair share of it for each link; the rest waits in the kernel for the next
 * one, and other events come in between. A link that floods fills its own queue and loses its own frames. Replies leave through
 * one socket with protocol 0, which receives nothing.
 *
 * An interface that disappears leaves by itself and is reported once, within half a second; one that goes down stays and
 * receives again when it comes up. Links may be added and removed at any time, also while a batch is being handled.
 */
import { systemClock, type Timer } from "../base/clock.js";
import { addon } from "./addon.js";
import type { NativeFrameSocket } from "./native.js";

/** Columns of received frames, as `ReceiveBatch` of `frame` has them. All have one element a row, `bytes` a slot a row. */
export interface ReceiveColumns {
  readonly bytes: Uint8Array;
  readonly slot: Uint32Array;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  /** 1: the sender left the transport checksum to us; 2: the frame is longer than its slot. */
  readonly flags: Uint8Array;
  count: number;
}

/** Columns of frames to be sent, as `SendBatch` of `frame` has them. */
export interface SendColumns {
  readonly bytes: Uint8Array;
  readonly ifindex: Uint32Array;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  readonly count: number;
}

/** One instruction of classic BPF (linux/filter.h). */
export interface FilterInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

export interface FrameListener {
  /** There are frames: call `receive`. What one batch does not hold comes with the next call. */
  onReadable(): void;
  /** The interface of this link is gone. Its slot is free already. */
  onLinkGone(slot: number): void;
}

export interface FrameLinkOptions {
  /** Memory for frames that wait to be received; more for links with many clients. Default 128 KiB, about 150 frames. */
  readonly receiveBytes?: number | undefined;
  /** Whether a physical interface lets in multicast frames for groups that the host has not joined. Default false. */
  readonly allMulticast?: boolean | undefined;
}

/** Since the socket was opened, over all links. */
export interface FrameCounts {
  readonly received: number;
  /** Frames that found their link's queue full. */
  readonly receiveDrops: number;
  /** Frames left out because they were tagged for a VLAN: the kernel takes the tag away, so they would look untagged. */
  readonly tagged: number;
  readonly sent: number;
  /** Frames that the kernel refused: link down or gone, queue full, row nonsense. */
  readonly sendErrors: number;
}

/** Where control frames come from and replies go to, whichever tier brings them. */
export interface FrameSource {
  add(slot: number, ifindex: number, filter: readonly FilterInstruction[], options?: FrameLinkOptions): void;
  setFilter(slot: number, filter: readonly FilterInstruction[]): void;
  remove(slot: number): boolean;
  receive(): number;
  send(batch: SendColumns): number;
  drops(slot: number): number;
  counts(): FrameCounts;
  close(): void;
}

const RECEIVE_BYTES = 128 * 1024;
/** Frames of one link in one batch, when many links wait; few share the batch among them. */
const BUDGET_FRAMES = 16;
const DOWN_CHECK_MS = 250;

export class FrameSocket implements FrameSource {
  readonly #native: NativeFrameSocket;
  readonly #batch: ReceiveColumns;
  readonly #listener: FrameListener;
  #links = 0;
  #check: Timer | undefined;

  /**
   * `batch` is what `receive` fills; it stays the caller's. Waiting keeps the process alive until `close`.
   *
   * caps: NET_RAW
   */
  constructor(batch: ReceiveColumns, listener: FrameListener) {
    this.#batch = batch;
    this.#listener = listener;
    this.#native = new (addon().FrameSocket)();
    // Bound, not wrapped: a function of our own would be compiled by the first frame.
    this.#native.watch(listener.onReadable.bind(listener));
  }

  /**
   * Starts to receive from an interface; its frames carry `slot`. A link that is down starts when it comes up.
   *
   * TapnetError INVALID_STATE when the slot is taken; SystemError ENODEV when there is no such interface, EINVAL when the kernel
   * refuses the filter. caps: NET_RAW
   */
  add(slot: number, ifindex: number, filter: readonly FilterInstruction[], options: FrameLinkOptions = {}): void {
    const words = filterWords(filter);
    this.#native.add(slot, ifindex, words, options.receiveBytes ?? RECEIVE_BYTES, options.allMulticast ?? false);
    this.#links++;
  }

  /** Replaces a link's filter in one step. Frames that wait already have passed the one of before. */
  setFilter(slot: number, filter: readonly FilterInstruction[]): void {
    this.#native.setFilter(slot, filterWords(filter));
  }

  /** Frames that wait are lost. False when the slot is free already. */
  remove(slot: number): boolean {
    if (!this.#native.remove(slot)) return false;
    this.#links--;
    return true;
  }

  /**
   * Fills the batch with what waits, of each link at most an equal share of the batch or 16 frames, sets its count and returns
   * it. Never blocks.
   */
  receive(): number {
    const batch = this.#batch;
    const budget = Math.max(BUDGET_FRAMES, Math.floor(batch.slot.length / Math.max(1, this.#links)));
    batch.count = this.#native.receive(batch.bytes, batch.slot, batch.offset, batch.length, batch.flags, budget);
    if (this.#check === undefined && this.#native.down() > 0) this.#checkLater();
    return batch.count;
  }

  /** Sends whole frames and returns how many the kernel took; those that it refused are counted and never block the others. */
  send(batch: SendColumns): number {
    return this.#native.send(batch.bytes, batch.ifindex, batch.offset, batch.length, batch.count);
  }

  /** Frames that this link lost because its queue was full, since it was added. */
  drops(slot: number): number {
    return this.#native.drops(slot);
  }

  counts(): FrameCounts {
    return this.#native.counts();
  }

  /** Whether waiting for frames keeps the process alive. */
  setReferenced(referenced: boolean): void {
    this.#native.setReferenced(referenced);
  }

  /** May be called again, also while a batch is being handled. Later use throws TapnetError `CLOSED`. */
  close(): void {
    void this.closeLater();
  }

  /**
   * As `close`; resolves when the kernel has let go of the sockets.
   *
   * It takes 10 ms for each, side by side on many threads. Who ends the process before that leaves the rest to the kernel, which
   * does it one by one: 10 s for a thousand links.
   */
  async closeLater(): Promise<void> {
    systemClock.cancel(this.#check);
    await this.#native.close();
  }

  /** A link that went down may be gone for good a moment later, and nothing tells. */
  #checkLater(): void {
    this.#check = systemClock.after(DOWN_CHECK_MS, () => {
      this.#check = undefined;
      const vanished = this.#native.removeVanished();
      if (this.#native.down() > 0) this.#checkLater();
      this.#links -= vanished.length;
      for (const slot of vanished) this.#listener.onLinkGone(slot);
    });
  }
}

/** A program as the addon takes it: two words for each instruction. */
export function filterWords(filter: readonly FilterInstruction[]): Uint32Array {
  const words = new Uint32Array(filter.length * 2);
  filter.forEach(({ code, jt, jf, k }, index) => {
    words[index * 2] = code | (jt << 16) | (jf << 24);
    words[index * 2 + 1] = k;
  });
  return words;
}
