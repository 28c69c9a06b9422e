import { readUint16, writeUint16 } from "../../wire/dns/bytes.js";

const LENGTH_BYTES = 2;
/** A buffer that had to grow beyond this is given back with its message. */
const KEEP_BYTES_MOST = 2048;

/**
 * Cuts a stream into messages, each behind its length in two bytes (RFC 1035 §4.2.2). Holds no more than the message that is
 * not whole yet.
 */
export class StreamFraming {
  #pending = new Uint8Array(0);
  #pendingLength = 0;
  readonly #messageBytesMost: number;

  constructor(messageBytesMost: number) {
    this.#messageBytesMost = messageBytesMost;
  }

  /** Whether a message has begun and is not whole. */
  get isPartial(): boolean {
    return this.#pendingLength > 0;
  }

  /**
   * Takes the next bytes of the stream and hands out each message that is whole now; the bytes are lent for the call. False
   * where a message is announced that is longer than any may be, or `take` returned false; the rest is forgotten then.
   */
  push(chunk: Uint8Array, take: (bytes: Uint8Array, offset: number, length: number) => boolean): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#pendingLength === 0 && at + LENGTH_BYTES <= chunk.length) {
        const length = readUint16(chunk, at);
        if (length > this.#messageBytesMost) return false;
        if (at + LENGTH_BYTES + length <= chunk.length) {
          if (!take(chunk, at + LENGTH_BYTES, length)) return false;
          at += LENGTH_BYTES + length;
          continue;
        }
      }
      at += this.#keep(chunk, at);
      if (this.#announced() > this.#messageBytesMost || (this.#isWhole() && !this.#takePending(take))) return false;
    }
    return true;
  }

  #takePending(take: (bytes: Uint8Array, offset: number, length: number) => boolean): boolean {
    const pending = this.#pending;
    const length = this.#pendingLength - LENGTH_BYTES;
    this.#pendingLength = 0;
    if (pending.length > KEEP_BYTES_MOST) this.#pending = new Uint8Array(0);
    return take(pending, LENGTH_BYTES, length);
  }

  /** The length of the message that has begun; 0 while that is not known. */
  #announced(): number {
    return this.#pendingLength < LENGTH_BYTES ? 0 : readUint16(this.#pending, 0);
  }

  #isWhole(): boolean {
    return this.#pendingLength >= LENGTH_BYTES && this.#pendingLength === LENGTH_BYTES + readUint16(this.#pending, 0);
  }

  /** Keeps bytes up to the end of the message, or of its length; returns how many. */
  #keep(chunk: Uint8Array, at: number): number {
    const target = this.#pendingLength < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + readUint16(this.#pending, 0);
    const taken = Math.min(target - this.#pendingLength, chunk.length - at);
    if (this.#pendingLength + taken > this.#pending.length) {
      const grown = new Uint8Array(Math.max(this.#pendingLength + taken, Math.min(target, this.#pending.length * 2)));
      grown.set(this.#pending.subarray(0, this.#pendingLength));
      this.#pending = grown;
    }
    this.#pending.set(chunk.subarray(at, at + taken), this.#pendingLength);
    this.#pendingLength += taken;
    return taken;
  }
}

/** A message with its length in front, as one piece: two writes would be two segments (RFC 7766 §8). */
export function frameMessage(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  const framed = new Uint8Array(LENGTH_BYTES + length);
  writeUint16(framed, 0, length);
  framed.set(bytes.subarray(offset, offset + length), LENGTH_BYTES);
  return framed;
}
