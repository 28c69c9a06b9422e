import { type Mac, readMac } from "../../base/mac.js";
import { HOST_LITTLE_ENDIAN, NETLINK_ALIGN_BYTES, NETLINK_FLAG, NETLINK_HEADER_BYTES } from "../netlink.js";

/** `struct nlattr`: length and type, two bytes each. */
export const ATTRIBUTE_HEADER_BYTES = 4;
/** Says that an attribute's value is attributes; the newer parts of the kernel insist on it. */
export const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;
const FIRST_BYTES = 1024;
const NOTHING = new Uint8Array(0);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Composes netlink messages in a row, in one buffer that grows and is used again.
 *
 * `begin` starts a message, the `put…` methods add its fixed header and its attributes, `end` closes it. Sequence number and
 * port are the socket's to fill in.
 */
export class MessageWriter {
  /** Made when there is something to put into it. */
  #bytes = NOTHING;
  #view = new DataView(NOTHING.buffer);
  #length = 0;
  #start = 0;

  /** All messages so far; valid until the next one is begun. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  begin(type: number, flags: number): void {
    this.#start = this.#length;
    const offset = this.#room(NETLINK_HEADER_BYTES);
    this.#view.setUint16(offset + 4, type, HOST_LITTLE_ENDIAN);
    this.#view.setUint16(offset + 6, flags | NETLINK_FLAG.request, HOST_LITTLE_ENDIAN);
  }

  end(): void {
    this.#view.setUint32(this.#start, this.#length - this.#start, HOST_LITTLE_ENDIAN);
  }

  /** Room for the message's fixed header, zeroed; returns where it starts in `view`. */
  putHeader(lengthBytes: number): number {
    return this.#room(lengthBytes);
  }

  /** The buffer under the messages; valid until something is added. */
  get view(): DataView {
    return this.#view;
  }

  putU8(type: number, value: number): void {
    const offset = this.#attribute(type, 1);
    this.#view.setUint8(offset, value);
  }

  putU16(type: number, value: number): void {
    const offset = this.#attribute(type, 2);
    this.#view.setUint16(offset, value, HOST_LITTLE_ENDIAN);
  }

  putU32(type: number, value: number): void {
    const offset = this.#attribute(type, 4);
    this.#view.setUint32(offset, value, HOST_LITTLE_ENDIAN);
  }

  /** nftables has its numbers in network order. */
  putU32NetworkOrder(type: number, value: number): void {
    const offset = this.#attribute(type, 4);
    this.#view.setUint32(offset, value);
  }

  putU64(type: number, value: bigint): void {
    const offset = this.#attribute(type, 8);
    this.#view.setBigUint64(offset, value, HOST_LITTLE_ENDIAN);
  }

  putU64NetworkOrder(type: number, value: bigint): void {
    const offset = this.#attribute(type, 8);
    this.#view.setBigUint64(offset, value);
  }

  /** With the zero byte at its end that the kernel wants. */
  putString(type: number, value: string): void {
    const text = encoder.encode(value);
    const offset = this.#attribute(type, text.length + 1);
    this.#bytes.set(text, offset);
  }

  /** Without a zero byte: an empty text is an empty attribute. */
  putText(type: number, value: string): void {
    const text = encoder.encode(value);
    const offset = this.#attribute(type, text.length);
    this.#bytes.set(text, offset);
  }

  putValue(type: number, value: Uint8Array): void {
    const offset = this.#attribute(type, value.length);
    this.#bytes.set(value, offset);
  }

  /** An attribute of `lengthBytes` zeroes; returns where its value starts in `view`. */
  putBytes(type: number, lengthBytes: number): number {
    return this.#attribute(type, lengthBytes);
  }

  /** Starts an attribute whose value is attributes; hand the result to `endNested`. */
  beginNested(type: number): number {
    return this.#attribute(type, 0) - ATTRIBUTE_HEADER_BYTES;
  }

  endNested(nested: number): void {
    this.#view.setUint16(nested, this.#length - nested, HOST_LITTLE_ENDIAN);
  }

  #attribute(type: number, valueBytes: number): number {
    const offset = this.#room(ATTRIBUTE_HEADER_BYTES + valueBytes);
    this.#view.setUint16(offset, ATTRIBUTE_HEADER_BYTES + valueBytes, HOST_LITTLE_ENDIAN);
    this.#view.setUint16(offset + 2, type, HOST_LITTLE_ENDIAN);
    return offset + ATTRIBUTE_HEADER_BYTES;
  }

  /** `lengthBytes` rounded up, zeroed, at the end. */
  #room(lengthBytes: number): number {
    const offset = this.#length;
    const end = offset + align(lengthBytes);
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.fill(0, offset, end);
    this.#length = end;
    return offset;
  }

  #grow(least: number): void {
    const grown = new Uint8Array(Math.max(least, FIRST_BYTES, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

function align(lengthBytes: number): number {
  return (lengthBytes + NETLINK_ALIGN_BYTES - 1) & ~(NETLINK_ALIGN_BYTES - 1);
}

/**
 * The attributes in a stretch of bytes. They are looked for each time: most messages have many and few are asked for, so an
 * index would cost more than it saves.
 */
export class Attributes {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #start: number;
  readonly #end: number;
  /** Length of the value that `#find` has found. */
  #length = 0;

  /** Attributes from `offset` to `end`. One that does not fit ends the list. `view` is on the same bytes. */
  constructor(
    bytes: Uint8Array,
    offset: number,
    end: number,
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  ) {
    this.bytes = bytes;
    this.view = view;
    this.#start = offset;
    this.#end = Math.min(end, bytes.length);
  }

  /** Undefined where it is absent or too short. */
  u8(type: number): number | undefined {
    const offset = this.#find(type, 1);
    return offset < 0 ? undefined : this.view.getUint8(offset);
  }

  u16(type: number): number | undefined {
    const offset = this.#find(type, 2);
    return offset < 0 ? undefined : this.view.getUint16(offset, HOST_LITTLE_ENDIAN);
  }

  u32(type: number): number | undefined {
    const offset = this.#find(type, 4);
    return offset < 0 ? undefined : this.view.getUint32(offset, HOST_LITTLE_ENDIAN);
  }

  u32NetworkOrder(type: number): number | undefined {
    const offset = this.#find(type, 4);
    return offset < 0 ? undefined : this.view.getUint32(offset);
  }

  /** nftables has its numbers in network order. A count beyond 2^53 loses its last digits. */
  u64NetworkOrder(type: number): number | undefined {
    const offset = this.#find(type, 8);
    return offset < 0 ? undefined : Number(this.view.getBigUint64(offset));
  }

  /** Without the zero byte at its end. */
  string(type: number): string | undefined {
    const value = this.value(type);
    return value && textOf(value);
  }

  /** Undefined where it is absent or no Ethernet address. */
  mac(type: number): Mac | undefined {
    const offset = this.#find(type, 6);
    return offset < 0 || this.#length !== 6 ? undefined : readMac(this.view, offset);
  }

  /** A view of the value, not a copy. */
  value(type: number): Uint8Array | undefined {
    const offset = this.#find(type, 0);
    return offset < 0 ? undefined : this.bytes.subarray(offset, offset + this.#length);
  }

  nested(type: number): Attributes | undefined {
    const offset = this.#find(type, 0);
    return offset < 0 ? undefined : new Attributes(this.bytes, offset, offset + this.#length, this.view);
  }

  /** Calls for each attribute in order, also for types that come more than once. */
  each(visit: (type: number, value: Uint8Array) => void): void {
    for (let offset = this.#start; this.#fits(offset); offset += align(this.view.getUint16(offset, HOST_LITTLE_ENDIAN))) {
      const end = offset + this.view.getUint16(offset, HOST_LITTLE_ENDIAN);
      const type = this.view.getUint16(offset + 2, HOST_LITTLE_ENDIAN) & TYPE_MASK;
      visit(type, this.bytes.subarray(offset + ATTRIBUTE_HEADER_BYTES, end));
    }
  }

  /** Where the value of the first attribute of this type starts; -1 where there is none with at least so many bytes. */
  #find(type: number, least: number): number {
    for (let offset = this.#start; this.#fits(offset); offset += align(this.view.getUint16(offset, HOST_LITTLE_ENDIAN))) {
      if ((this.view.getUint16(offset + 2, HOST_LITTLE_ENDIAN) & TYPE_MASK) !== type) continue;
      this.#length = this.view.getUint16(offset, HOST_LITTLE_ENDIAN) - ATTRIBUTE_HEADER_BYTES;
      return this.#length >= least ? offset + ATTRIBUTE_HEADER_BYTES : -1;
    }
    return -1;
  }

  #fits(offset: number): boolean {
    const room = this.#end - offset;
    if (room < ATTRIBUTE_HEADER_BYTES) return false;
    const length = this.view.getUint16(offset, HOST_LITTLE_ENDIAN);
    return length >= ATTRIBUTE_HEADER_BYTES && length <= room;
  }
}

/** Text up to its zero byte. Names are nearly always ASCII, for which a decoder costs more than it does. */
export function textOf(value: Uint8Array): string {
  let text = "";
  for (const octet of value) {
    if (octet === 0) break;
    if (octet > 0x7f) return decoder.decode(value.subarray(0, value.includes(0) ? value.indexOf(0) : value.length));
    text += String.fromCharCode(octet);
  }
  return text;
}
