/** Bytes kept for one frame. Control frames fit the usual 1,514; what is longer is dropped and counted by the socket. */
export const FRAME_SLOT_BYTES = 2048;

/** Bits of `ReceiveBatch.flags`. */
export const FRAME_FLAG = {
  /** The guest left the transport checksum to us (CHECKSUM_PARTIAL): there is nothing to verify. */
  checksumPartial: 1,
  /** The frame was longer than its slot: do not parse it. */
  truncated: 2,
} as const;

/**
 * Frames received in one go: one slab, one column per property, `count` rows.
 *
 * The frame socket fills it; it is valid until the next receive. To keep bytes, copy them.
 */
export class ReceiveBatch {
  readonly capacity: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Slot of the link that the frame came from. */
  readonly slot: Uint32Array;
  /** Where the frame starts in the slab, and its length, both in bytes. */
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  readonly flags: Uint8Array;
  count = 0;

  constructor(capacity = 256) {
    this.capacity = capacity;
    const slab = new ArrayBuffer(capacity * FRAME_SLOT_BYTES);
    this.bytes = new Uint8Array(slab);
    this.view = new DataView(slab);
    this.slot = new Uint32Array(capacity);
    this.offset = new Uint32Array(capacity);
    this.length = new Uint32Array(capacity);
    this.flags = new Uint8Array(capacity);
  }
}

/** Frames to be sent in one go; row n owns the bytes from n × FRAME_SLOT_BYTES. */
export class SendBatch {
  readonly capacity: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Interface on which each frame leaves. */
  readonly ifindex: Uint32Array;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  count = 0;

  constructor(capacity = 256) {
    this.capacity = capacity;
    const slab = new ArrayBuffer(capacity * FRAME_SLOT_BYTES);
    this.bytes = new Uint8Array(slab);
    this.view = new DataView(slab);
    this.ifindex = new Uint32Array(capacity);
    this.offset = new Uint32Array(capacity);
    this.length = new Uint32Array(capacity);
    for (let row = 0; row < capacity; row++) this.offset[row] = row * FRAME_SLOT_BYTES;
  }

  /** Appends a copy of one row of another batch. The caller has checked that there is room. */
  append(from: SendBatch, row: number): void {
    const start = from.offset[row];
    const length = from.length[row];
    const offset = this.count * FRAME_SLOT_BYTES + (start % FRAME_SLOT_BYTES);
    this.bytes.set(from.bytes.subarray(start, start + length), offset);
    this.ifindex[this.count] = from.ifindex[row];
    this.offset[this.count] = offset;
    this.length[this.count] = length;
    this.count++;
  }
}

/** The way out, one call a batch: the frame socket, or a simulated link. */
export interface Transmitter {
  /**
   * Sends every row and returns how many left; the rest is lost, as on any wire. Never throws, not even after the socket was
   * closed. The batch may be reused at once.
   */
  send(batch: SendBatch): number;
}
