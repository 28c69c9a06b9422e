/** IPv6 addresses as 16 bytes in a slab, without the bigint that `base` would make of each. */
export const ADDRESS_BYTES = 16;

/** Copies 16 bytes. A loop, because `set` would need a view of the source: an object per frame. */
export function copyAddress(from: Uint8Array, fromOffset: number, to: Uint8Array, toOffset: number): void {
  for (let index = 0; index < ADDRESS_BYTES; index++) to[toOffset + index] = from[fromOffset + index];
}

export function isSameAddress(a: DataView, aOffset: number, b: DataView, bOffset: number): boolean {
  return (
    a.getInt32(aOffset + 12) === b.getInt32(bOffset + 12) &&
    a.getInt32(aOffset) === b.getInt32(bOffset) &&
    a.getInt32(aOffset + 4) === b.getInt32(bOffset + 4) &&
    a.getInt32(aOffset + 8) === b.getInt32(bOffset + 8)
  );
}

/** ff00::/8 (RFC 4291 §2.7). */
export function isMulticast(view: DataView, offset: number): boolean {
  return view.getUint8(offset) === 0xff;
}

/** fe80::/10 (RFC 4291 §2.5.6). */
export function isLinkLocal(view: DataView, offset: number): boolean {
  return (view.getUint16(offset) & 0xffc0) === 0xfe80;
}

/** :: */
export function isUnspecified(view: DataView, offset: number): boolean {
  return view.getInt32(offset + 12) === 0 && hasNoPrefix(view, offset);
}

/** ::1 */
export function isLoopback(view: DataView, offset: number): boolean {
  return view.getInt32(offset + 12) === 1 && hasNoPrefix(view, offset);
}

function hasNoPrefix(view: DataView, offset: number): boolean {
  return (view.getInt32(offset) | view.getInt32(offset + 4) | view.getInt32(offset + 8)) === 0;
}
