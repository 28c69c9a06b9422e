/** Octets in and out of a DataView, for reprs and composed messages; the hot path copies by offset within one slab instead. */

/** A copy of `length` bytes: nothing refers to the view afterwards. */
export function copyOut(view: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length).slice();
}

/** Writes `octets` at `offset`; returns how many. The caller made room. A loop, since `set` would need a view of the target. */
export function copyIn(octets: Uint8Array, view: DataView, offset: number): number {
  for (let index = 0; index < octets.length; index++) view.setUint8(offset + index, octets[index]);
  return octets.length;
}

/** Lower-case hex without separators. */
export function hex(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += octet.toString(16).padStart(2, "0");
  return text;
}
