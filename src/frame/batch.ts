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
}
