/** Small, so that little is kept for nothing where one of many is left. */
const CHUNK_BYTES = 4096;

let chunk = new Uint8Array(0);
let used = 0;

/**
 * A copy of some bytes of `from`, for a short piece that is kept for long. Each array of its own would take 130 bytes more: a
 * buffer, and a place for what is in it. Not to be written to.
 */
export function keepBytes(from: ArrayLike<number>, start = 0, end = from.length): Uint8Array {
  const length = end - start;
  if (length > CHUNK_BYTES / 8) return Uint8Array.from({ length }, (_, index) => from[start + index]);
  if (used + length > chunk.length) {
    chunk = new Uint8Array(CHUNK_BYTES);
    used = 0;
  }
  const kept = chunk.subarray(used, used + length);
  for (let index = 0; index < length; index++) kept[index] = from[start + index];
  used += length;
  return kept;
}
