import { readUint16, readUint32, writeUint16, writeUint32 } from "../../wire/dns/bytes.js";
import { FIELD, FLAG, HEADER_BYTES, TYPE } from "../../wire/dns/numbers.js";
import type { Query } from "../../wire/dns/query.js";
import type { MessageWriter } from "../../wire/dns/writer.js";

/**
 * Theory of operation
 *
 * An answer from upstream is kept as bytes that fit behind any asker's own question: the sections of a message, written by us,
 * whose compression pointers count from the start of the message. The question has the same length each time, so serving the
 * answer is a header, the asker's question as he spelled it, a copy of the body, and the age taken off each TTL. The offsets of
 * the TTLs stand behind the body; they are also where the records' ends are found when only some fit.
 *
 * Layout: fields as in `STORED`, the folded name, the body, two bytes for each TTL's offset in the body. All numbers are
 * big-endian.
 */
export const STORED = {
  /** Bytes of all of it, a multiple of 8. */
  totalBytes: 0,
  hash: 4,
  /** When it was made, and until when nobody upstream is asked again though it has expired; seconds of the monotonic clock. */
  storedSeconds: 8,
  holdSeconds: 12,
  ttlSeconds: 16,
  partition: 20,
  /** 0 where it holds for every type: the name does not exist (RFC 2308 §5). */
  type: 22,
  /** AD and the response code, as in a message's header. */
  headerFlags: 24,
  keyFlags: 26,
  state: 27,
  nameBytes: 28,
  hits: 29,
  answers: 30,
  authorities: 32,
  additionals: 34,
  bodyBytes: 36,
  /** Info code of an extended error that came with it, or `NO_EXTENDED_ERROR`. */
  extendedError: 38,
} as const;
export const STORED_HEADER_BYTES = 40;
export const NO_EXTENDED_ERROR = 0xffff;

/** Bits of `keyFlags`: answers with and without DNSSEC records, checked upstream or not, are different answers. */
export const KEY_FLAG = { dnssecOk: 1, checkingDisabled: 2 } as const;
/** Bits of `state`, which belongs to the cache. */
export const STATE = { referenced: 1, dead: 2 } as const;

export function keyFlagsOf(query: Query): number {
  return (query.dnssecOk ? KEY_FLAG.dnssecOk : 0) | (query.checkingDisabled ? KEY_FLAG.checkingDisabled : 0);
}

/** The flags of a stored answer as this asker may see them: AD only for who asked for it (RFC 6840 §5.8). */
export function flagsFor(query: Query, bytes: Uint8Array, base: number): number {
  const flags = readUint16(bytes, base + STORED.headerFlags);
  const wantsAd = query.dnssecOk || (query.flags & FLAG.authenticData) !== 0;
  return wantsAd ? flags : flags & ~FLAG.authenticData;
}

/**
 * Writes the sections of a stored answer behind a question of the same name, each TTL less `ageSeconds`; `staleTtlSeconds` over
 * zero sets all TTLs to it instead (RFC 8767 §4). Returns the flags that this adds: TC where a record that matters has no room.
 */
export function writeStored(
  writer: MessageWriter,
  bytes: Uint8Array,
  base: number,
  ageSeconds: number,
  staleTtlSeconds: number,
): number {
  const bodyBytes = readUint16(bytes, base + STORED.bodyBytes);
  const body = base + STORED_HEADER_BYTES + bytes[base + STORED.nameBytes];
  const answers = readUint16(bytes, base + STORED.answers);
  const authorities = readUint16(bytes, base + STORED.authorities);
  const records = answers + authorities + readUint16(bytes, base + STORED.additionals);
  const fitting = writer.hasRoom(bodyBytes)
    ? records
    : recordsFitting(bytes, body, bodyBytes, records, writer.limit - writer.position);
  const out = writer.position;
  const copied = fitting === records ? bodyBytes : recordEnd(bytes, body, bodyBytes, fitting);
  writer.writeBytes(bytes, body, copied);
  for (let index = 0; index < fitting; index++) {
    const at = readUint16(bytes, body + bodyBytes + index * 2);
    const ttl = readUint32(bytes, body + at);
    writeUint32(writer.out, out + at, staleTtlSeconds > 0 ? staleTtlSeconds : Math.max(0, ttl - ageSeconds));
  }
  setCounts(writer, fitting, answers, authorities);
  // Additional records are a courtesy (RFC 2181 §9). So is authority beside an answer; without one, it is the answer.
  const needed = answers > 0 ? answers : authorities;
  return fitting < needed ? FLAG.truncated : 0;
}

function setCounts(writer: MessageWriter, records: number, answers: number, authorities: number): void {
  writer.setCount(FIELD.answers, Math.min(records, answers));
  writer.setCount(FIELD.authorities, Math.min(Math.max(0, records - answers), authorities));
  writer.setCount(FIELD.additionals, Math.max(0, records - answers - authorities));
}

/** First byte of the body after its first `count` records. */
function recordEnd(bytes: Uint8Array, body: number, bodyBytes: number, count: number): number {
  if (count === 0) return 0;
  const ttl = readUint16(bytes, body + bodyBytes + (count - 1) * 2);
  return ttl + 6 + readUint16(bytes, body + ttl + 4);
}

function recordsFitting(bytes: Uint8Array, body: number, bodyBytes: number, records: number, room: number): number {
  let fitting = 0;
  while (fitting < records && recordEnd(bytes, body, bodyBytes, fitting + 1) <= room) fitting++;
  return fitting;
}

/**
 * The stored answer as a whole message with its own question, for readers of messages; `out` has room for 64 KiB. TTLs are as
 * they were stored. Returns the length.
 */
export function storedToMessage(bytes: Uint8Array, base: number, out: Uint8Array): number {
  const nameBytes = bytes[base + STORED.nameBytes];
  const name = base + STORED_HEADER_BYTES;
  const bodyBytes = readUint16(bytes, base + STORED.bodyBytes);
  out.fill(0, 0, HEADER_BYTES);
  writeUint16(out, FIELD.flags, FLAG.response | readUint16(bytes, base + STORED.headerFlags));
  writeUint16(out, FIELD.questions, 1);
  writeUint16(out, FIELD.answers, readUint16(bytes, base + STORED.answers));
  writeUint16(out, FIELD.authorities, readUint16(bytes, base + STORED.authorities));
  writeUint16(out, FIELD.additionals, readUint16(bytes, base + STORED.additionals));
  out.set(bytes.subarray(name, name + nameBytes), HEADER_BYTES);
  const type = readUint16(bytes, base + STORED.type);
  writeUint16(out, HEADER_BYTES + nameBytes, type === 0 ? TYPE.ANY : type);
  writeUint16(out, HEADER_BYTES + nameBytes + 2, 1);
  out.set(bytes.subarray(name + nameBytes, name + nameBytes + bodyBytes), HEADER_BYTES + nameBytes + 4);
  return HEADER_BYTES + nameBytes + 4 + bodyBytes;
}
