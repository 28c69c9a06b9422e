/**
 * The frames of one interface as they pass, both ways, or those of a feed (`capture-feed.ts`).
 *
 * A capture is opened by whoever may, and may be read by another process: the descriptor is handed over, and with it the right to
 * see that interface. Frames that nobody reads in time are dropped by the kernel and counted.
 */
import { addon } from "./addon.js";
import { type FilterInstruction, filterWords } from "./frame-socket.js";
import type { NativeCaptureSocket } from "./native.js";

/** Frames received in one call, a row each. */
export class CaptureBatch {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  /** Bytes that the frame had on the link; what is kept may be less. */
  readonly original: Uint32Array;
  /** 1: the host sent it out by this interface; 0: it came in. */
  readonly flags: Uint8Array;
  /** When the kernel took it, since 1970. */
  readonly seconds: Uint32Array;
  readonly nanoseconds: Uint32Array;
  count = 0;

  /** Room for so many frames of at most `frameBytes`. */
  constructor(rows: number, frameBytes: number) {
    this.bytes = new Uint8Array(rows * (frameBytes + TAG_BYTES));
    this.view = new DataView(this.bytes.buffer);
    this.offset = new Uint32Array(rows);
    this.length = new Uint32Array(rows);
    this.original = new Uint32Array(rows);
    this.flags = new Uint8Array(rows);
    this.seconds = new Uint32Array(rows);
    this.nanoseconds = new Uint32Array(rows);
  }
}

export const CAPTURE_OUTGOING = 1;

/** The kernel takes a VLAN tag out of a frame; it is put back. */
const TAG_BYTES = 4;
/** Half a second of a gigabit. */
const RECEIVE_BYTES = 64 * 1024 * 1024;

export interface CaptureCounts {
  /** Frames that the filter let in, those that were dropped included. */
  readonly received: number;
  readonly dropped: number;
}

export class CaptureSocket {
  readonly #native: NativeCaptureSocket;

  private constructor(native: NativeCaptureSocket) {
    this.#native = native;
  }

  /** Opens a capture that sees nothing until `setFilter`. caps: NET_RAW; NET_ADMIN for as much memory as it wants */
  static open(ifindex: number, receiveBytes = RECEIVE_BYTES): CaptureSocket {
    return new CaptureSocket(new (addon().CaptureSocket)(-1, ifindex, receiveBytes));
  }

  /** Takes over one that another process has opened; the descriptor is its own from then on. caps: none */
  static adopt(descriptor: number): CaptureSocket {
    return new CaptureSocket(new (addon().CaptureSocket)(descriptor, 0, 1));
  }

  /** The descriptor; it stays this object's to close. */
  get fd(): number {
    return this.#native.fd();
  }

  /** Lets these frames in from now on. SystemError EINVAL where the kernel refuses the program. */
  setFilter(filter: readonly FilterInstruction[]): void {
    this.#native.setFilter(filterWords(filter));
  }

  /** Fills the batch with what waits, 64 frames at most, sets its count and returns it. Never blocks. */
  receive(batch: CaptureBatch): number {
    const { bytes, offset, length, original, flags, seconds, nanoseconds } = batch;
    batch.count = this.#native.receive(bytes, offset, length, original, flags, seconds, nanoseconds);
    return batch.count;
  }

  counts(): CaptureCounts {
    return this.#native.counts();
  }

  /** Whether it is the end of a feed, whose frames pass another process. */
  get fed(): boolean {
    return this.#native.fed();
  }

  /** Whether the interface is gone for good, or the process that feeds it. */
  vanished(): boolean {
    return this.#native.vanished();
  }

  /** Calls while frames wait, and when the interface goes away. It keeps the process alive until `close`. */
  watch(onReadable: () => void): void {
    this.#native.watch(onReadable);
  }

  /** May be called again. Later use throws TapnetError `CLOSED`. */
  close(): void {
    this.#native.close();
  }
}
