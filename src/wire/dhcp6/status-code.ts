/** Status Code option (RFC 8415 §21.13): a code, and a sentence in UTF-8 for people. */

import { copyIn } from "../octets.js";

export const HEADER_BYTES = 2;

export interface StatusCode {
  readonly status: number;
  /** What was not UTF-8 shows as U+FFFD. */
  readonly message: string;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

export function check(length: number): "dhcp6-option-malformed" | undefined {
  return length < HEADER_BYTES ? "dhcp6-option-malformed" : undefined;
}

export function status(view: DataView, offset: number): number {
  return view.getUint16(offset);
}

/** The sentence; `length` is the option's whole data. */
export function message(view: DataView, offset: number, length: number): string {
  return decoder.decode(new Uint8Array(view.buffer, view.byteOffset + offset + HEADER_BYTES, length - HEADER_BYTES));
}

export function emittedBytes(repr: StatusCode): number {
  return HEADER_BYTES + encoder.encode(repr.message).length;
}

export function emit(repr: StatusCode, view: DataView, offset: number): number {
  view.setUint16(offset, repr.status);
  return HEADER_BYTES + copyIn(encoder.encode(repr.message), view, offset + HEADER_BYTES);
}
