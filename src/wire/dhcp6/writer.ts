/**
 * Composes a message in place: options one behind another, containers opened and closed around them.
 *
 * A write that does not fit is left out and sets `overflowed`; the caller looks once, at the end.
 */

import { type Ipv6Address, writeIpv6 } from "../../base/ipv6-address.js";
import { copyIn } from "../octets.js";
import * as ia from "./ia.js";
import * as iaAddress from "./ia-address.js";
import * as iaPrefix from "./ia-prefix.js";
import * as message from "./message.js";
import * as option from "./option.js";

export class Dhcp6Writer {
  view: DataView = new DataView(new ArrayBuffer(0));
  position = 0;
  overflowed = false;
  #limit = 0;

  /** Starts a message at `offset`; nothing is written at or behind `limit`. */
  begin(view: DataView, offset: number, limit: number, type: number, transactionId: number): void {
    this.view = view;
    this.position = offset;
    this.#limit = limit;
    this.overflowed = false;
    if (this.#reserve(message.HEADER_BYTES)) this.position += message.emitHeader(type, transactionId, view, offset);
  }

  /** An option whose data is `bytes`. */
  octets(code: number, bytes: Uint8Array): void {
    if (!this.#header(code, bytes.length)) return;
    this.position += copyIn(bytes, this.view, this.position);
  }

  /** An option whose data is copied from another view. */
  copied(code: number, from: DataView, offset: number, length: number): void {
    if (!this.#header(code, length)) return;
    for (let index = 0; index < length; index++) this.view.setUint8(this.position + index, from.getUint8(offset + index));
    this.position += length;
  }

  empty(code: number): void {
    this.#header(code, 0);
  }

  uint8(code: number, value: number): void {
    if (!this.#header(code, 1)) return;
    this.view.setUint8(this.position, value);
    this.position += 1;
  }

  uint32(code: number, value: number): void {
    if (!this.#header(code, 4)) return;
    this.view.setUint32(this.position, value);
    this.position += 4;
  }

  /** Opens an IA_NA or IA_PD; options follow until `close`. Returns what `close` needs. */
  openIa(code: number, iaid: number, t1Seconds: number, t2Seconds: number): number {
    const mark = this.position;
    if (!this.#header(code, ia.HEADER_BYTES)) return mark;
    this.view.setUint32(this.position + ia.FIELD.iaid, iaid);
    ia.setTimes(this.view, this.position, t1Seconds, t2Seconds);
    this.position += ia.HEADER_BYTES;
    return mark;
  }

  /** Opens an IA_TA. */
  openTemporaryIa(code: number, iaid: number): number {
    const mark = this.position;
    if (!this.#header(code, ia.TEMPORARY_HEADER_BYTES)) return mark;
    this.view.setUint32(this.position, iaid);
    this.position += ia.TEMPORARY_HEADER_BYTES;
    return mark;
  }

  address(code: number, address: Ipv6Address, preferredSeconds: number, validSeconds: number): void {
    if (!this.#header(code, iaAddress.HEADER_BYTES)) return;
    writeIpv6(this.view, this.position + iaAddress.FIELD.address, address);
    this.view.setUint32(this.position + iaAddress.FIELD.preferred, preferredSeconds);
    this.view.setUint32(this.position + iaAddress.FIELD.valid, validSeconds);
    this.position += iaAddress.HEADER_BYTES;
  }

  prefix(code: number, prefix: Ipv6Address, prefixLength: number, preferredSeconds: number, validSeconds: number): void {
    if (!this.#header(code, iaPrefix.HEADER_BYTES)) return;
    this.view.setUint32(this.position + iaPrefix.FIELD.preferred, preferredSeconds);
    this.view.setUint32(this.position + iaPrefix.FIELD.valid, validSeconds);
    this.view.setUint8(this.position + iaPrefix.FIELD.prefixLength, prefixLength);
    writeIpv6(this.view, this.position + iaPrefix.FIELD.prefix, prefix);
    this.position += iaPrefix.HEADER_BYTES;
  }

  /** Ends a container: its length is set to what was written since. */
  close(mark: number): void {
    if (this.overflowed) return;
    this.view.setUint16(mark + option.FIELD.length, this.position - mark - option.HEADER_BYTES);
  }

  #header(code: number, dataBytes: number): boolean {
    if (!this.#reserve(option.HEADER_BYTES + dataBytes)) return false;
    this.position += option.emitHeader(code, dataBytes, this.view, this.position);
    return true;
  }

  #reserve(bytes: number): boolean {
    if (this.overflowed || this.position + bytes > this.#limit) this.overflowed = true;
    return !this.overflowed;
  }
}
