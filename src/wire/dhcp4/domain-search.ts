/**
 * Domain search list (RFC 3397): DNS names, which may point back to earlier octets of the option (RFC 1035 §4.1.4). Written
 * without pointers: some clients do not follow them. Names are text as in `domain-list.ts`.
 */

import * as domainList from "../domain-list.js";

const POINTER = 0xc0;
const LABEL_LIMIT_BYTES = 63;
const NAME_LIMIT_BYTES = 255;

/** Undefined for no name at all, for names that do not end, and for pointers that do not point back. */
export function parse(value: Uint8Array): string[] | undefined {
  const names: string[] = [];
  for (let at = 0; at < value.length; ) {
    const end = endOfName(value, at);
    const labels = end < 0 ? undefined : expand(value, at);
    if (labels === undefined) return undefined;
    const wire = Uint8Array.from([...labels, 0]);
    const parsed = domainList.parse(new DataView(wire.buffer), 0, wire.length);
    if (typeof parsed === "string") return undefined;
    names.push(parsed[0]);
    at = end;
  }
  return names.length === 0 ? undefined : names;
}

export function emit(names: readonly string[]): Uint8Array {
  const value = new Uint8Array(domainList.emittedBytes(names));
  domainList.emit(names, new DataView(value.buffer), 0);
  return value;
}

/** Where the name that starts at `start` ends in the row: behind its root label or its pointer; -1 when it does not end. */
function endOfName(value: Uint8Array, start: number): number {
  let at = start;
  while (at < value.length) {
    const octet = value[at];
    if (octet === 0) return at + 1;
    if (octet >= POINTER) return at + 2 <= value.length ? at + 2 : -1;
    if (octet > LABEL_LIMIT_BYTES) return -1;
    at += 1 + octet;
  }
  return -1;
}

/** The labels with lengths, pointers followed. Each pointer must lie before the one that led to it, so this ends. */
function expand(value: Uint8Array, start: number): number[] | undefined {
  const labels: number[] = [];
  let at = start;
  let limit = start;
  while (at < value.length && labels.length < NAME_LIMIT_BYTES) {
    const octet = value[at];
    if (octet === 0) return labels;
    if (octet >= POINTER) {
      const target = ((octet & 0x3f) << 8) | (value[at + 1] ?? 0);
      if (target >= limit) return undefined;
      limit = target;
      at = target;
      continue;
    }
    if (octet > LABEL_LIMIT_BYTES || at + 1 + octet > value.length) return undefined;
    for (let index = 0; index <= octet; index++) labels.push(value[at + index]);
    at += 1 + octet;
  }
  return undefined;
}
