/** Bytes of a row by default: an Ethernet frame with a tag, and what is kept free in front of it. */
const ROW_BYTES = 2048;
/** Kept free in front of each received frame: where QEMU's stream framing has its length. */
export const HEADROOM_BYTES = 16;
const RECEIVE_BYTES = 1 << 20;
const OWN_BYTES = 1 << 18;
const LEAST_ROWS = 16;
/** The smallest frame with its framing: so many rows are filled by one read of a stream. */
const ROWS = 8192;
/** All columns together: a multiple of 64. */
const COLUMNS_BYTES = 13 * ROWS;

/** Bits of `ForwardBatch.flags`; the same as FRAME_FLAG of `frame/batch.ts`. */
export const FORWARD_FLAG = { checksumPartial: 1, truncated: 2 } as const;

/**
 * Frames received from many ports in one go, in one slab; valid until the next receive.
 *
 * It is one piece of memory, the columns and then the slab, since each array that is handed to native code takes 40 ns or more,
 * and a frame alone would pay for seven.
 *
 * Receivers write below `receiveBytes`; behind it is room for frames that the engine makes itself (answers, errors,
 * fragments), so that all of what leaves lies in one slab and leaves with one call. The engine rewrites frames where they
 * lie.
 */
export class ForwardBatch {
  /** All of it, in the order in which `native/port_socket.cc` cuts it up. */
  readonly memory: Uint8Array;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes for frames that are received; the slab is longer. */
  readonly receiveBytes: number;
  /** Bytes that a receiver of single frames takes for each: headroom and the longest frame. */
  readonly rowBytes: number;
  readonly port: Uint32Array;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  readonly flags: Uint8Array;
  count = 0;

  /** `frameBytes` is the longest frame that shall fit a row. */
  constructor(frameBytes = ROW_BYTES - HEADROOM_BYTES) {
    this.rowBytes = Math.max(ROW_BYTES, (frameBytes + HEADROOM_BYTES + 63) & ~63);
    this.receiveBytes = Math.max(RECEIVE_BYTES, this.rowBytes * LEAST_ROWS);
    const memory = new ArrayBuffer(COLUMNS_BYTES + this.receiveBytes + Math.max(OWN_BYTES, this.rowBytes * 4));
    this.memory = new Uint8Array(memory);
    this.port = new Uint32Array(memory, 0, ROWS);
    this.offset = new Uint32Array(memory, 4 * ROWS, ROWS);
    this.length = new Uint32Array(memory, 8 * ROWS, ROWS);
    this.flags = new Uint8Array(memory, 12 * ROWS, ROWS);
    this.bytes = new Uint8Array(memory, COLUMNS_BYTES);
    this.view = new DataView(memory, COLUMNS_BYTES);
  }

  /** Appends a copy of one frame: for links that hand over one at a time. False when there is no room. */
  append(port: number, frame: Uint8Array, flags = 0): boolean {
    const row = this.count;
    const last = row === 0 ? 0 : this.offset[row - 1] + this.length[row - 1];
    const offset = ((last + 15) & ~15) + HEADROOM_BYTES;
    if (row === this.port.length || offset + frame.length > this.receiveBytes) return false;
    this.bytes.set(frame, offset);
    this.port[row] = port;
    this.offset[row] = offset;
    this.length[row] = frame.length;
    this.flags[row] = flags;
    this.count++;
    return true;
  }
}
