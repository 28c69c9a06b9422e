/**
 * The internet checksum (RFC 1071): the ones-complement sum of 16-bit words.
 *
 * A *sum* is a small integer that may be handed from region to region before it is folded; only the last region may have an odd
 * length. Bytes are read four at a time and their halves added apart, in integers: a sum that outgrew 31 bits would become an
 * object on the heap at the next call.
 */

/** Adds a region of at most 64 KiB to a sum. The caller has checked the bounds. */
export function sum(view: DataView, offset: number, length: number, initial = 0): number {
  let high = 0;
  let low = initial;
  let at = offset;
  const blocks = offset + (length & ~15);
  for (; at < blocks; at += 16) {
    const first = view.getInt32(at);
    const second = view.getInt32(at + 4);
    const third = view.getInt32(at + 8);
    const fourth = view.getInt32(at + 12);
    high += (first >>> 16) + (second >>> 16) + (third >>> 16) + (fourth >>> 16);
    low += (first & 0xffff) + (second & 0xffff) + (third & 0xffff) + (fourth & 0xffff);
  }
  const words = offset + (length & ~3);
  for (; at < words; at += 4) {
    const word = view.getInt32(at);
    high += word >>> 16;
    low += word & 0xffff;
  }
  if ((length & 2) !== 0) {
    low += view.getUint16(at);
    at += 2;
  }
  if ((length & 1) !== 0) low += view.getUint8(at) << 8;
  return (high & 0xffff) + (high >>> 16) + (low & 0xffff) + (low >>> 16);
}

/** Folds a sum to 16 bits; 0xffff over a region that includes its own checksum means intact. */
export function fold(partial: number): number {
  const once = (partial & 0xffff) + (partial >>> 16);
  return (once & 0xffff) + (once >>> 16);
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
  return (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + lengthBytes;
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
  const removed = (~before >>> 16) + (~before & 0xffff);
  return complement((~old & 0xffff) + removed + (after >>> 16) + (after & 0xffff));
}
