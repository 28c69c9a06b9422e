/**
 * Theory of operation
 *
 * What leaves is gathered as rows of port, offset and length over one slab, and goes out with one call at the end of the batch:
 * forwarded frames where they were received, frames of our own (answers, errors, fragments) in the room behind. When either the
 * rows or that room are used up, what has gathered leaves at once and both begin anew: a transmitter takes or copies everything
 * before it returns.
 */
import type { Counters } from "../../base/counters.js";
import { type FrameColumns, frameColumns } from "../../base/frame-columns.js";
import type { ForwardBatch } from "./batch.js";
import { COUNT, type Reason } from "./reasons.js";

/** Frames to be sent, in columns; row n is `length[n]` bytes from `offset[n]` of `bytes`, for `port[n]`. */
export interface OutgoingFrames extends FrameColumns {
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** The way out: the ports' links. */
export interface FrameTransmitter {
  /**
   * Sends every row, frames of one port in their order, and returns how many were taken; the rest is lost, as on any wire. One
   * port that takes nothing does not keep the others waiting. Never throws. The bytes may be overwritten at once.
   */
  transmit(frames: OutgoingFrames): number;
  /**
   * The same for the last frames of a batch, where they may leave later: they stay as they are until another batch is
   * processed. What it returns may be of frames before.
   */
  transmitLast?(frames: OutgoingFrames): number;
}

const ROWS = 8192;
const ALIGNMENT = 16;
/** In front of a frame of our own: see `HEADROOM_BYTES`. */
const HEADROOM = 16;

export class Output implements OutgoingFrames {
  readonly columns: Uint8Array;
  readonly port: Uint32Array;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  count = 0;
  #batch!: ForwardBatch;
  #own = 0;
  readonly #transmitter: FrameTransmitter;
  readonly #counters: Counters<Reason>;

  constructor(transmitter: FrameTransmitter, counters: Counters<Reason>) {
    ({ columns: this.columns, port: this.port, offset: this.offset, length: this.length } = frameColumns(ROWS));
    this.#transmitter = transmitter;
    this.#counters = counters;
  }

  get bytes(): Uint8Array {
    return this.#batch.bytes;
  }

  get view(): DataView {
    return this.#batch.view;
  }

  /** What is added from now on lies in the slab of this batch. */
  begin(batch: ForwardBatch): void {
    this.#batch = batch;
    this.#own = batch.receiveBytes;
  }

  add(port: number, offset: number, length: number): void {
    if (this.count === ROWS) this.flush();
    const row = this.count++;
    this.port[row] = port;
    this.offset[row] = offset;
    this.length[row] = length;
  }

  /**
   * Where a frame of our own may be written; it is valid until the next call that asks for room or flushes, unless it is added
   * first. Zero, and counted, where it could never fit.
   */
  room(length: number): number {
    const batch = this.#batch;
    const needed = (length + HEADROOM + ALIGNMENT) & -ALIGNMENT;
    if (this.#own + needed > batch.bytes.length) this.flush();
    if (this.#own + needed > batch.bytes.length) {
      this.#counters.count(COUNT["no-room"]);
      return 0;
    }
    const at = this.#own + HEADROOM;
    this.#own += needed;
    return at;
  }

  flush(): void {
    this.#own = this.#batch.receiveBytes;
    if (this.count > 0) this.#done(this.#transmitter.transmit(this));
  }

  /** The batch is at its end. */
  end(): void {
    if (this.count > 0) this.#done(this.#transmitter.transmitLast?.(this) ?? this.#transmitter.transmit(this));
  }

  #done(taken: number): void {
    if (taken < this.count) this.#counters.count(COUNT.unsent, this.count - taken);
    this.count = 0;
  }
}
