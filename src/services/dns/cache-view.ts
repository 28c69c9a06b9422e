import { TapnetError } from "../../base/errors.js";
import { readUint16, readUint32 } from "../../wire/dns/bytes.js";
import { formatName, isAtOrBelow, nameLength, parseName } from "../../wire/dns/name.js";
import { FLAG, formatRcode, formatType } from "../../wire/dns/numbers.js";
import type { AnswerCache } from "./cache.js";
import { STORED, STORED_HEADER_BYTES } from "./stored-reply.js";

/** A cached answer, for people. */
export interface CachedAnswer {
  readonly name: string;
  /** `*` where it says that the name does not exist, which holds for every type. */
  readonly type: string;
  readonly rcode: string;
  /** What is left of its time; negative where it has expired. */
  readonly ttlSeconds: number;
  readonly hits: number;
  readonly bytes: number;
}

/** What a cache holds, the oldest first. */
export function describeCache(cache: AnswerCache, nowSeconds: number): CachedAnswer[] {
  const { bytes } = cache;
  return [...cache.entries()].map((base) => {
    const type = readUint16(bytes, base + STORED.type);
    const age = nowSeconds - readUint32(bytes, base + STORED.storedSeconds);
    return {
      name: formatName(bytes, base + STORED_HEADER_BYTES),
      type: type === 0 ? "*" : formatType(type),
      rcode: formatRcode(readUint16(bytes, base + STORED.headerFlags) & FLAG.rcode),
      ttlSeconds: readUint32(bytes, base + STORED.ttlSeconds) - age,
      hits: bytes[base + STORED.hits],
      bytes: readUint32(bytes, base + STORED.totalBytes),
    };
  });
}

/** Forgets the answers for a name and all below it, or everything; returns how many. */
export function flushCache(cache: AnswerCache, text: string | undefined): number {
  const { count } = cache;
  if (text === undefined) {
    cache.clear();
    return count;
  }
  const name = parseName(text);
  if (name === undefined) throw new TapnetError("DNS_NAME", `${text} is not a domain name`);
  for (const base of [...cache.entries()]) {
    const at = base + STORED_HEADER_BYTES;
    if (isAtOrBelow(cache.bytes.subarray(at, at + nameLength(cache.bytes, at)), name)) cache.remove(base);
  }
  return count - cache.count;
}
