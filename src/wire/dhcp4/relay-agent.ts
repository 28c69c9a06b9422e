/** Relay agent information (RFC 3046): suboptions with a code and a length each, without pad and end. */

/** A suboption as it is. */
export interface Suboption {
  readonly code: number;
  readonly data: Uint8Array;
}

/** Undefined when a suboption claims more than there is. */
export function parse(value: Uint8Array): Suboption[] | undefined {
  const list: Suboption[] = [];
  for (let at = 0; at < value.length; ) {
    if (at + 2 > value.length || at + 2 + value[at + 1] > value.length) return undefined;
    const end = at + 2 + value[at + 1];
    list.push({ code: value[at], data: value.slice(at + 2, end) });
    at = end;
  }
  return list;
}

export function emit(list: readonly Suboption[]): Uint8Array {
  return Uint8Array.from(list.flatMap(({ code, data }) => [code, data.length, ...data]));
}

/**
 * Offset of a suboption's data within `bytes`, its length in the octet before it; -1 when absent. Stops where it gets
 * malformed.
 */
export function find(bytes: Uint8Array, offset: number, length: number, wanted: number): number {
  const end = offset + length;
  for (let at = offset; at + 2 <= end && at + 2 + bytes[at + 1] <= end; at += 2 + bytes[at + 1]) {
    if (bytes[at] === wanted) return at + 2;
  }
  return -1;
}
