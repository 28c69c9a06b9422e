/** Octets in and out of a DataView, for reprs and composed messages; the hot path copies by offset within one slab instead. */

/** A copy of `length` bytes: nothing refers to the view afterwards. */
export function copyOut(view: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length).slice();
}

/** Writes `octets` at `offset`; returns how many. The caller made room. */
export function copyIn(octets: Uint8Array, view: DataView, offset: number): number {
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(octets, offset);
  return octets.length;
}

/** Lower-case hex without separators. */
export function hex(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += octet.toString(16).padStart(2, "0");
  return text;
}
