/**
 * The internet checksum (RFC 1071): the ones-complement sum of 16-bit words.
 *
 * A *sum* is a plain number that may be handed from region to region before it is folded; only the last region may have an
 * odd length. Words are read four bytes at a time, because the sum of 32-bit words folds to the sum of their halves.
 */

const TWO_32 = 0x1_0000_0000;

/** Adds a region to a sum. Exact for any region below 4 MiB. The caller has checked the bounds. */
export function sum(view: DataView, offset: number, length: number, initial = 0): number {
  let even = initial;
  let odd = 0;
  let at = offset;
  const blocks = offset + (length & ~15);
  for (; at < blocks; at += 16) {
    even += view.getUint32(at) + view.getUint32(at + 4);
    odd += view.getUint32(at + 8) + view.getUint32(at + 12);
  }
  const words = offset + (length & ~3);
  for (; at < words; at += 4) even += view.getUint32(at);
  if ((length & 2) !== 0) {
    even += view.getUint16(at);
    at += 2;
  }
  if ((length & 1) !== 0) odd += view.getUint8(at) << 8;
  return even + odd;
}

/** Folds a sum to 16 bits; 0xffff over a region that includes its own checksum means intact. */
export function fold(partial: number): number {
  const low = partial >>> 0;
  let folded = (low & 0xffff) + (low >>> 16) + (partial - low) / TWO_32;
  folded = (folded & 0xffff) + (folded >>> 16);
  return (folded & 0xffff) + (folded >>> 16);
}

/** The checksum to write: the complement of the folded sum. The field itself must be zero, or left out. */
export function complement(partial: number): number {
  return ~fold(partial) & 0xffff;
}

/** Checksum of one region. */
export function checksum(view: DataView, offset: number, length: number, initial = 0): number {
  return complement(sum(view, offset, length, initial));
}

/** Whether a region that includes its own checksum is intact. */
export function verify(view: DataView, offset: number, length: number, initial = 0): boolean {
  return fold(sum(view, offset, length, initial)) === 0xffff;
}

/** Sum of the IPv4 pseudo header (RFC 768, RFC 9293 §3.1). */
export function pseudoHeaderIpv4(source: number, destination: number, protocol: number, lengthBytes: number): number {
  return source + destination + protocol + lengthBytes;
}

/** Sum of the IPv6 pseudo header (RFC 8200 §8.1); both addresses lie side by side at `addressesOffset`, as in the header. */
export function pseudoHeaderIpv6(view: DataView, addressesOffset: number, nextHeader: number, lengthBytes: number): number {
  return sum(view, addressesOffset, 32, nextHeader + lengthBytes);
}

/** A checksum after one 16-bit word under it has changed (RFC 1624 §3, equation 3). */
export function update16(old: number, wordBefore: number, wordAfter: number): number {
  return complement((~old & 0xffff) + (~wordBefore & 0xffff) + wordAfter);
}

/** A checksum after 32 aligned bits under it have changed: an IPv4 address, for example. */
export function update32(old: number, before: number, after: number): number {
  return complement((~old & 0xffff) + (~before >>> 0) + after);
}
