/** Composes a reply in place. */

import type { Ipv4Address } from "../../base/ipv4-address.js";
import * as area from "./area.js";
import { OP, OPTION } from "./codes.js";
import * as header from "./header.js";
import type { OptionSet } from "./option-set.js";
import type { Dhcp4Request } from "./request.js";

const OVERLOAD_OPTION_BYTES = 3;
const OVERLOAD_FILE = 1;
const OVERLOAD_SNAME = 2;
const END_BYTES = 1;

/**
 * A cursor that writes one reply; reused for the next.
 *
 * Options go into the options field while they fit, then into `file` and `sname` where those are free (option 52, RFC 2132 §9.3),
 * and are left out after that, so callers write the important ones first. Each byte of the reply is written, whatever was there.
 */
export class Dhcp4Writer {
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #start = 0;
  #at = 0;
  #end = 0;
  #isReserved = false;
  /** Where the next option goes in `file` and `sname`; -1 when the field holds a name, or may not be used. */
  #fileAt = -1;
  #snameAt = -1;
  /** The reply in which an option was written last, by number, so that nothing has to be cleared between replies. */
  readonly #written = new Uint32Array(256);
  #generation = 0;
  /** Options of this reply that found no place. */
  omitted = 0;

  /**
   * Starts the answer to `request` at `offset`: `limit` bytes at most. Fields are those of RFC 2131 table 3: transaction, flags,
   * relay and hardware address from the request, everything else zero. `tailBytes` are kept free behind the other options.
   */
  begin(request: Dhcp4Request, bytes: Uint8Array, view: DataView, offset: number, limit: number, tailBytes: number): void {
    this.#bytes = bytes;
    this.#view = view;
    this.#start = offset;
    this.#at = offset + header.FIELD.options;
    this.#end = offset + limit - END_BYTES - tailBytes - OVERLOAD_OPTION_BYTES;
    this.#isReserved = true;
    this.#fileAt = offset + header.FIELD.file;
    this.#snameAt = offset + header.FIELD.sname;
    this.#nextGeneration();
    this.omitted = 0;
    bytes.fill(0, offset, offset + header.FIELD.options);
    view.setUint8(offset, OP.reply);
    view.setUint8(offset + header.FIELD.htype, request.htype);
    view.setUint8(offset + header.FIELD.hlen, request.hlen);
    view.setUint32(offset + header.FIELD.xid, request.xid);
    view.setUint16(offset + header.FIELD.flags, request.flags);
    view.setUint32(offset + header.FIELD.giaddr, request.giaddr);
    view.setUint32(offset + header.FIELD.cookie, header.MAGIC_COOKIE);
    const from = request.offset + header.FIELD.chaddr;
    const to = offset + header.FIELD.chaddr;
    for (let index = 0; index < header.CHADDR_BYTES; index++) bytes[to + index] = request.bytes[from + index];
  }

  set ciaddr(address: Ipv4Address) {
    this.#view.setUint32(this.#start + header.FIELD.ciaddr, address);
  }

  set yiaddr(address: Ipv4Address) {
    this.#view.setUint32(this.#start + header.FIELD.yiaddr, address);
  }

  set siaddr(address: Ipv4Address) {
    this.#view.setUint32(this.#start + header.FIELD.siaddr, address);
  }

  set flags(flags: number) {
    this.#view.setUint16(this.#start + header.FIELD.flags, flags);
  }

  /** The boot file's name and the server's, as octets; either field then takes no options. Cut off before the closing zero. */
  boot(file: Uint8Array, sname: Uint8Array): void {
    if (file.length > 0) {
      this.#copyName(file, this.#start + header.FIELD.file, header.FILE_BYTES);
      this.#fileAt = -1;
    }
    if (sname.length > 0) {
      this.#copyName(sname, this.#start + header.FIELD.sname, header.SNAME_BYTES);
      this.#snameAt = -1;
    }
  }

  /** No overloading: BOOTP clients do not know it (RFC 1534 §2), and a DHCPNAK has nothing to put there. */
  withoutOverload(): void {
    this.#fileAt = -1;
    this.#snameAt = -1;
    if (this.#isReserved) this.#end += OVERLOAD_OPTION_BYTES;
    this.#isReserved = false;
  }

  /** Whether the reply has this option already. */
  has(code: number): boolean {
    return this.#written[code] === this.#generation;
  }

  uint8(code: number, value: number): void {
    const at = this.#place(code, 3);
    if (at < 0) return;
    this.#bytes[at] = code;
    this.#bytes[at + 1] = 1;
    this.#bytes[at + 2] = value;
  }

  uint32(code: number, value: number): void {
    const at = this.#place(code, 6);
    if (at < 0) return;
    this.#bytes[at] = code;
    this.#bytes[at + 1] = 4;
    this.#view.setUint32(at + 2, value);
  }

  /** Copies a value of up to 255 bytes. */
  octets(code: number, from: Uint8Array, fromOffset: number, length: number): void {
    const at = this.#place(code, length + area.OPTION_HEADER_BYTES);
    if (at < 0) return;
    this.#bytes[at] = code;
    this.#bytes[at + 1] = length;
    for (let index = 0; index < length; index++) this.#bytes[at + 2 + index] = from[fromOffset + index];
  }

  /** Copies an option of a set, if the set has it and the reply has not. */
  fromSet(set: OptionSet, code: number): void {
    const length = set.lengths[code];
    if (length === 0 || this.has(code)) return;
    const at = this.#place(code, length);
    if (at < 0) return;
    const from = set.offsets[code];
    for (let index = 0; index < length; index++) this.#bytes[at + index] = set.block[from + index];
  }

  /**
   * Ends the reply: option 52 if it is needed, then the client's option `tailCode` as it came (the one that must be last, split
   * as it must be; 0 for none), the end option, and zeros up to 300 bytes. Returns the length of the message.
   */
  finish(request: Dhcp4Request, tailCode: number): number {
    const overload =
      this.#closeField(this.#fileAt, header.FIELD.file, OVERLOAD_FILE) |
      this.#closeField(this.#snameAt, header.FIELD.sname, OVERLOAD_SNAME);
    if (overload !== 0) {
      this.#bytes[this.#at] = OPTION.overload;
      this.#bytes[this.#at + 1] = 1;
      this.#bytes[this.#at + 2] = overload;
      this.#at += OVERLOAD_OPTION_BYTES;
    }
    if (tailCode !== 0) this.#copyTail(request, tailCode);
    this.#bytes[this.#at++] = OPTION.end;
    const least = this.#start + header.BOOTP_MESSAGE_BYTES;
    while (this.#at < least) this.#bytes[this.#at++] = 0;
    return this.#at - this.#start;
  }

  #nextGeneration(): void {
    this.#generation = (this.#generation + 1) >>> 0;
    if (this.#generation !== 0) return;
    this.#generation = 1;
    this.#written.fill(0);
  }

  /** Finds a place for an option; -1, and it is counted as left out, when there is none. */
  #place(code: number, length: number): number {
    let at = -1;
    if (this.#at + length <= this.#end) {
      at = this.#at;
      this.#at += length;
    } else if (this.#fits(this.#fileAt, header.FIELD.file + header.FILE_BYTES, length)) {
      at = this.#fileAt;
      this.#fileAt += length;
    } else if (this.#fits(this.#snameAt, header.FIELD.sname + header.SNAME_BYTES, length)) {
      at = this.#snameAt;
      this.#snameAt += length;
    }
    if (at < 0) this.omitted++;
    else this.#written[code] = this.#generation;
    return at;
  }

  #fits(at: number, fieldEnd: number, length: number): boolean {
    return at >= 0 && at + length + END_BYTES <= this.#start + fieldEnd;
  }

  /** Ends a field that took options; returns its bit for option 52. */
  #closeField(at: number, field: number, bit: number): number {
    if (at <= this.#start + field) return 0;
    this.#bytes[at] = OPTION.end;
    return bit;
  }

  #copyTail(request: Dhcp4Request, code: number): void {
    const from = request.bytesOf(code);
    const length = request.lengthOf(code);
    const start = request.offsetOf(code);
    let copied = 0;
    do {
      const part = Math.min(area.VALUE_LIMIT_BYTES, length - copied);
      this.#bytes[this.#at] = code;
      this.#bytes[this.#at + 1] = part;
      this.#at += area.OPTION_HEADER_BYTES;
      for (let index = 0; index < part; index++) this.#bytes[this.#at + index] = from[start + copied + index];
      this.#at += part;
      copied += part;
    } while (copied < length);
  }

  #copyName(name: Uint8Array, at: number, fieldBytes: number): void {
    const length = Math.min(name.length, fieldBytes - 1);
    for (let index = 0; index < length; index++) this.#bytes[at + index] = name[index];
  }
}
