/**
 * Rows of octet strings, each behind its 16-bit length: User Class (RFC 8415 §21.15), the data of Vendor Class (§21.16) and
 * Boot File Parameters (RFC 5970 §3.2).
 */

import { copyIn, copyOut } from "../octets.js";

const LENGTH_BYTES = 2;

export function check(view: DataView, offset: number, length: number): "dhcp6-option-malformed" | undefined {
  const end = offset + length;
  let at = offset;
  while (at < end) {
    if (end - at < LENGTH_BYTES) return "dhcp6-option-malformed";
    at += LENGTH_BYTES + view.getUint16(at);
  }
  return at === end ? undefined : "dhcp6-option-malformed";
}

export function parse(view: DataView, offset: number, length: number): Uint8Array[] {
  const items: Uint8Array[] = [];
  for (let at = offset; at < offset + length; at += LENGTH_BYTES + view.getUint16(at)) {
    items.push(copyOut(view, at + LENGTH_BYTES, view.getUint16(at)));
  }
  return items;
}

export function emittedBytes(items: readonly Uint8Array[]): number {
  let total = 0;
  for (const item of items) total += LENGTH_BYTES + item.length;
  return total;
}

export function emit(items: readonly Uint8Array[], view: DataView, offset: number): number {
  let at = offset;
  for (const item of items) {
    view.setUint16(at, item.length);
    at += LENGTH_BYTES;
    at += copyIn(item, view, at);
  }
  return at - offset;
}
