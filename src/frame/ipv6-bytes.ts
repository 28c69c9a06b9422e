/**
 * IPv6 addresses as 16 bytes in a slab, without the bigint that `base` would make of each.
 */
export const ADDRESS_BYTES = 16;

/** Copies 16 bytes. A loop, because `set` would need a view of the source: an object per frame. */
export function copyAddress(from: Uint8Array, fromOffset: number, to: Uint8Array, toOffset: number): void {
  for (let index = 0; index < ADDRESS_BYTES; index++) to[toOffset + index] = from[fromOffset + index];
}

/** ff00::/8 (RFC 4291 §2.7). */
export function isMulticast(bytes: Uint8Array, offset: number): boolean {
  return bytes[offset] === 0xff;
}

/** fe80::/10 (RFC 4291 §2.5.6). */
export function isLinkLocal(bytes: Uint8Array, offset: number): boolean {
  return bytes[offset] === 0xfe && (bytes[offset + 1] & 0xc0) === 0x80;
}

export function isSameAddress(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): boolean {
  for (let index = 0; index < ADDRESS_BYTES; index++) if (a[aOffset + index] !== b[bOffset + index]) return false;
  return true;
}

/** ::1. */
export function isLoopback(bytes: Uint8Array, offset: number): boolean {
  for (let index = 0; index < ADDRESS_BYTES - 1; index++) if (bytes[offset + index] !== 0) return false;
  return bytes[offset + ADDRESS_BYTES - 1] === 1;
}

/** :: */
export function isUnspecified(bytes: Uint8Array, offset: number): boolean {
  for (let index = 0; index < ADDRESS_BYTES; index++) if (bytes[offset + index] !== 0) return false;
  return true;
}
