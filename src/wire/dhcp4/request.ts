/** What a server needs of a client's message, found once and kept as offsets: nothing is allocated per message. */

import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Mac } from "../../base/mac.js";
import * as area from "./area.js";
import { type Dhcp4Fault, OPTION } from "./codes.js";
import * as header from "./header.js";

const OVERLOAD_FILE = 1;
const OVERLOAD_SNAME = 2;

/**
 * A cursor over one message; `read` fills it, the next `read` overwrites it.
 *
 * Each option has one value: `bytesOf(code)` from `offsetOf(code)` on, `lengthOf(code)` bytes. That is the message itself, or a
 * buffer of this cursor for an option that came in several parts (RFC 3396).
 */
export class Dhcp4Request {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Where the message starts in `bytes`, and its length. */
  offset = 0;
  length = 0;
  op = 0;
  htype = 0;
  hlen = 0;
  xid = 0;
  flags = 0;
  ciaddr: Ipv4Address = 0;
  giaddr: Ipv4Address = 0;
  /** From `chaddr`; meaningful where `isEthernet`. */
  mac: Mac = 0;
  isEthernet = false;
  /** Option 53; 0 for a BOOTP message, which has none. */
  messageType = 0;
  /** Option 52 as the options field has it: which of `file` (1) and `sname` (2) hold options. */
  overload = 0;

  readonly #offsets = new Uint32Array(256);
  readonly #lengths = new Uint32Array(256);
  /** Generation in which an option was seen, so that nothing has to be cleared between messages. */
  readonly #seen = new Uint32Array(256);
  readonly #joined = new Uint32Array(256);
  #generation = 0;
  #partsBytes = new Uint8Array(2048);
  #partsView = new DataView(this.#partsBytes.buffer);
  #hasParts = false;

  /** Checks the whole message and finds the options. */
  read(bytes: Uint8Array, view: DataView, offset: number, length: number): Dhcp4Fault | undefined {
    const fault = header.check(view, offset, length);
    if (fault !== undefined) return fault;
    this.#readHeader(bytes, view, offset, length);
    if (!header.hasCookie(view, offset, length)) return undefined;
    if (!this.#walkAreas(false)) return "dhcp4-option-overrun";
    if (this.#hasParts) this.#joinParts();
    return this.#readType();
  }

  has(code: number): boolean {
    return this.#seen[code] === this.#generation;
  }

  /** The bytes in which the option's value lies. */
  bytesOf(code: number): Uint8Array {
    return this.#joined[code] === this.#generation ? this.#partsBytes : this.bytes;
  }

  offsetOf(code: number): number {
    return this.#offsets[code];
  }

  /** Bytes of the value; 0 when the option is absent. */
  lengthOf(code: number): number {
    return this.has(code) ? this.#lengths[code] : 0;
  }

  /** A 32-bit option, an address for example. The caller has checked that its length is 4. */
  uint32(code: number): number {
    return this.#viewOf(code).getUint32(this.#offsets[code]);
  }

  /** A 16-bit option. The caller has checked that its length is 2. */
  uint16(code: number): number {
    return this.#viewOf(code).getUint16(this.#offsets[code]);
  }

  #viewOf(code: number): DataView {
    return this.#joined[code] === this.#generation ? this.#partsView : this.view;
  }

  #readHeader(bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    this.bytes = bytes;
    this.view = view;
    this.offset = offset;
    this.length = length;
    this.op = header.op(view, offset);
    this.htype = header.htype(view, offset);
    this.hlen = header.hlen(view, offset);
    this.xid = header.xid(view, offset);
    this.flags = header.flags(view, offset);
    this.ciaddr = header.ciaddr(view, offset);
    this.giaddr = header.giaddr(view, offset);
    this.mac = header.mac(view, offset);
    this.isEthernet = this.htype === header.HTYPE_ETHERNET && this.hlen === 6;
    this.messageType = 0;
    this.overload = 0;
    this.#hasParts = false;
    this.#generation = (this.#generation + 1) >>> 0;
    if (this.#generation === 0) this.#forgetAll();
  }

  /** After 2³² messages the numbers of the generations begin anew. */
  #forgetAll(): void {
    this.#generation = 1;
    this.#seen.fill(0);
    this.#joined.fill(0);
  }

  #readType(): Dhcp4Fault | undefined {
    if (!this.has(OPTION.messageType)) return undefined;
    if (this.#lengths[OPTION.messageType] !== 1) return "dhcp4-option-length";
    this.messageType = this.bytesOf(OPTION.messageType)[this.#offsets[OPTION.messageType]];
    return this.messageType === 0 ? "dhcp4-option-length" : undefined;
  }

  /** The options field, then `file`, then `sname` (RFC 3396 §5); false when one overruns. */
  #walkAreas(copying: boolean): boolean {
    const start = this.offset;
    if (!this.#walk(start + header.FIELD.options, start + this.length, copying)) return false;
    if (!copying) this.overload = this.#readOverload();
    const file = start + header.FIELD.file;
    if ((this.overload & OVERLOAD_FILE) !== 0 && !this.#walk(file, file + header.FILE_BYTES, copying)) return false;
    const sname = start + header.FIELD.sname;
    return (this.overload & OVERLOAD_SNAME) === 0 || this.#walk(sname, sname + header.SNAME_BYTES, copying);
  }

  /** Read before the other fields are walked: an option 52 in those says nothing. */
  #readOverload(): number {
    const isOne = this.lengthOf(OPTION.overload) === 1 && this.#joined[OPTION.overload] !== this.#generation;
    return isOne ? this.bytes[this.#offsets[OPTION.overload]] : 0;
  }

  #walk(start: number, end: number, copying: boolean): boolean {
    const { bytes } = this;
    let at = area.first(bytes, start, end);
    for (; at >= 0; at = area.next(bytes, at, end)) {
      if (copying) this.#copyPart(at);
      else this.#note(bytes[at], at + area.OPTION_HEADER_BYTES, bytes[at + 1]);
    }
    return at === area.DONE;
  }

  #note(code: number, valueOffset: number, valueBytes: number): void {
    if (this.#seen[code] !== this.#generation) {
      this.#seen[code] = this.#generation;
      this.#offsets[code] = valueOffset;
      this.#lengths[code] = valueBytes;
      return;
    }
    this.#hasParts = true;
    this.#joined[code] = this.#generation;
    this.#lengths[code] += valueBytes;
  }

  /** Lays out a place for every option that came in parts, then copies the parts in one more walk. */
  #joinParts(): void {
    let used = 0;
    for (let code = 0; code < 256; code++) {
      if (this.#joined[code] !== this.#generation) continue;
      this.#offsets[code] = used;
      used += this.#lengths[code];
      this.#lengths[code] = 0;
    }
    if (used > this.#partsBytes.length) {
      this.#partsBytes = new Uint8Array(used);
      this.#partsView = new DataView(this.#partsBytes.buffer);
    }
    this.#walkAreas(true);
  }

  #copyPart(at: number): void {
    const code = this.bytes[at];
    if (this.#joined[code] !== this.#generation) return;
    const length = this.bytes[at + 1];
    const target = this.#offsets[code] + this.#lengths[code];
    for (let index = 0; index < length; index++) this.#partsBytes[target + index] = this.bytes[at + 2 + index];
    this.#lengths[code] += length;
  }
}
