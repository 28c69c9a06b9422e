/** A field of options: `options`, and `file` and `sname` when they are overloaded (RFC 2132 §2, §9.3). */

import { OPTION } from "./codes.js";

/** Code and length in front of each value. */
export const OPTION_HEADER_BYTES = 2;

/** Values longer than this are split (RFC 3396). */
export const VALUE_LIMIT_BYTES = 255;

/** A walk ran into an option that claims more than its field has left. */
export const OVERRUN = -2;
/** A walk came to the end option, or to the end of the field. */
export const DONE = -1;

/** Offset of the first option from `at` on, skipping pads; `DONE` or `OVERRUN` when there is none. */
export function first(bytes: Uint8Array, at: number, end: number): number {
  let found = at;
  while (found < end && bytes[found] === OPTION.pad) found++;
  if (found >= end || bytes[found] === OPTION.end) return DONE;
  if (found + OPTION_HEADER_BYTES > end || found + OPTION_HEADER_BYTES + bytes[found + 1] > end) return OVERRUN;
  return found;
}

/** Offset of the option behind the one at `at`; as `first`. */
export function next(bytes: Uint8Array, at: number, end: number): number {
  return first(bytes, at + OPTION_HEADER_BYTES + bytes[at + 1], end);
}

/** Bytes that a value takes with its headers, split where it must be. An empty value is one header. */
export function optionBytes(valueBytes: number): number {
  return valueBytes + OPTION_HEADER_BYTES * Math.max(1, Math.ceil(valueBytes / VALUE_LIMIT_BYTES));
}

/** Writes an option, split where it must be; returns the bytes written. The caller made room. */
export function emitOption(code: number, value: Uint8Array, bytes: Uint8Array, offset: number): number {
  let at = offset;
  let from = 0;
  do {
    const length = Math.min(VALUE_LIMIT_BYTES, value.length - from);
    bytes[at] = code;
    bytes[at + 1] = length;
    for (let index = 0; index < length; index++) bytes[at + 2 + index] = value[from + index];
    at += OPTION_HEADER_BYTES + length;
    from += length;
  } while (from < value.length);
  return at - offset;
}
