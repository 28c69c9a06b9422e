/**
 * Theory of operation
 *
 * A capture of ports whose frames pass this process and no interface: guests' sockets. Whoever captures gets one end of a pair of
 * sockets, sets his filter there as on a packet socket, and reads it with `CaptureSocket`; into the other end goes a copy of each
 * frame, with a header that says what the kernel would have said. The filter runs before a frame takes room, and times are the
 * kernel's, when the copy is made.
 *
 * Nobody waits for who captures: what finds no room is lost and counted, and the count travels with the next message. Where none
 * follows, one without a frame does. While nobody captures, forwarding costs one comparison a batch.
 */
import { systemClock, type Timer } from "../base/clock.js";
import { frameColumns } from "../base/frame-columns.js";
import { type PortColumns, type PortFrames, PortSocket } from "./port-socket.js";

/** Of a message: the header, and the frame without its VLAN tag. Big-endian. The same numbers as in native/capture_feed.h. */
const FIELD = { outgoing: 0, tagged: 1, tagType: 2, tag: 4, length: 8, lost: 12, frame: 16 } as const;

const ADDRESSES_BYTES = 12;
const TAG_BYTES = 4;
const TAG_TYPES: ReadonlySet<number> = new Set([0x8100, 0x88a8]);
/** As much as one message carries; `kFrameMost` of native/port_link.h. */
const MESSAGE_MOST = 65_535 + 18;
const SLAB_BYTES = 1 << 20;
const ROWS = 4096;
const TELL_MS = 100;
const ROW_BYTES = 256;

const NO_FRAMES: PortColumns = {
  memory: new Uint8Array(64 + ROW_BYTES),
  port: new Uint32Array(1),
  receiveBytes: ROW_BYTES,
  rowBytes: ROW_BYTES,
  count: 0,
};

/** Frames that pass, received or to be sent. */
type SeenFrames = Omit<PortFrames, "columns">;

/** A capture under way. */
interface Feed {
  /** The port that is captured. */
  readonly port: number;
  /** Its own, among feeds. */
  readonly slot: number;
  /** Frames lost, as far as they were told. */
  told: number;
}

export class CaptureFeeds {
  #feeds: readonly Feed[] = [];
  #socket: PortSocket | undefined;
  #tell: Timer | undefined;
  /** Messages on their way out, in columns. */
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  readonly #columns = frameColumns(ROWS);
  #count = 0;
  #filled = 0;

  /** Whether anybody captures. */
  get any(): boolean {
    return this.#feeds.length > 0;
  }

  /**
   * Begins a capture of a port; returns the descriptor of the end that is read, which is the caller's to hand over and close. It
   * shows nothing before it has a filter. caps: none; NET_ADMIN for as much memory as it wants
   */
  open(port: number): number {
    this.#socket ??= new PortSocket({ onReadable: () => this.#notice(), onEvent: (slot) => this.#end(slot) });
    this.#socket.setReferenced(false);
    if (this.#bytes.length === 0) {
      this.#bytes = new Uint8Array(SLAB_BYTES);
      this.#view = new DataView(this.#bytes.buffer);
    }
    let slot = 0;
    while (this.#feeds.some((feed) => feed.slot === slot)) slot++;
    const end = this.#socket.addFeed(slot);
    this.#feeds = [...this.#feeds, { port, slot, told: 0 }];
    this.#tellLater();
    return end;
  }

  /** Whoever captures the port sees its end. */
  forget(port: number): void {
    for (const feed of this.#feeds) if (feed.port === port) this.#end(feed.slot);
  }

  /** Copies those of the frames that are a captured port's: `outgoing` where we send them there. */
  copy(frames: SeenFrames, outgoing: boolean): void {
    for (const feed of this.#feeds) {
      const lost = this.#lostBy(feed);
      for (let row = 0; row < frames.count; row++) {
        if (frames.port[row] === feed.port) this.#add(feed, frames, row, outgoing, lost);
      }
    }
    this.#flush();
  }

  /** Ends all captures. May be called again. */
  async close(): Promise<void> {
    this.#feeds = [];
    systemClock.cancel(this.#tell);
    this.#tell = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.close();
  }

  #add(feed: Feed, frames: SeenFrames, row: number, outgoing: boolean, lost: number): void {
    const [from, whole] = [frames.offset[row], frames.length[row]];
    const type = whole >= ADDRESSES_BYTES + TAG_BYTES + 2 ? typeOf(frames.bytes, from) : 0;
    const isTagged = TAG_TYPES.has(type);
    const kept = isTagged ? whole - TAG_BYTES : whole;
    const message = this.#begin(feed, Math.min(FIELD.frame + kept, MESSAGE_MOST), lost);
    this.#view.setUint8(message + FIELD.outgoing, outgoing ? 1 : 0);
    this.#view.setUint32(message + FIELD.length, kept);
    const to = message + FIELD.frame;
    const end = from + Math.min(whole, MESSAGE_MOST - FIELD.frame);
    if (!isTagged) {
      this.#bytes.set(frames.bytes.subarray(from, end), to);
      return;
    }
    this.#view.setUint8(message + FIELD.tagged, 1);
    this.#bytes.set(frames.bytes.subarray(from + ADDRESSES_BYTES, from + ADDRESSES_BYTES + TAG_BYTES), message + FIELD.tagType);
    this.#bytes.set(frames.bytes.subarray(from, from + ADDRESSES_BYTES), to);
    this.#bytes.set(frames.bytes.subarray(from + ADDRESSES_BYTES + TAG_BYTES, end), to + ADDRESSES_BYTES);
  }

  /** Room for a message with an empty header; returns where it begins. */
  #begin(feed: Feed, length: number, lost: number): number {
    if (this.#count === ROWS || this.#filled + length > SLAB_BYTES) this.#flush();
    feed.told = lost;
    const [row, message] = [this.#count++, this.#filled];
    this.#filled += length;
    this.#columns.port[row] = feed.slot;
    this.#columns.offset[row] = message;
    this.#columns.length[row] = length;
    this.#bytes.fill(0, message, message + FIELD.frame);
    this.#view.setUint32(message + FIELD.lost, lost);
    return message;
  }

  #flush(): void {
    const count = this.#count;
    this.#count = 0;
    this.#filled = 0;
    if (count === 0) return;
    this.#socket?.send({ bytes: this.#bytes, ...this.#columns, count });
  }

  #lostBy({ slot }: Feed): number {
    return this.#socket?.counts(slot).lost ?? 0;
  }

  #tellLater(): void {
    this.#tell ??= systemClock.after(TELL_MS, () => {
      this.#tell = undefined;
      if (!this.any) return;
      for (const feed of this.#feeds) {
        const lost = this.#lostBy(feed);
        if (lost === feed.told || this.#socket?.counts(feed.slot).waitingBytes !== 0) continue;
        this.#begin(feed, FIELD.frame, lost);
      }
      this.#flush();
      this.#tellLater();
    });
  }

  /** Feeds hear nothing but that their other end is gone. */
  #notice(): void {
    this.#socket?.receive(NO_FRAMES);
  }

  #end(slot: number): void {
    this.#feeds = this.#feeds.filter((feed) => feed.slot !== slot);
    this.#socket?.remove(slot);
    if (!this.any) void this.close();
  }
}

function typeOf(bytes: Uint8Array, frame: number): number {
  return (bytes[frame + ADDRESSES_BYTES] << 8) | bytes[frame + ADDRESSES_BYTES + 1];
}
