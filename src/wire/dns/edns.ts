import { readUint16 } from "./bytes.js";
import { DNSSEC_OK, EDNS_OPTION, TYPE } from "./numbers.js";
import type { RecordCursor } from "./record-cursor.js";
import type { MessageWriter } from "./writer.js";

/** One EDNS option; the value is left as it is, also of options without a name here. */
export interface EdnsOption {
  readonly code: number;
  readonly value: Uint8Array;
}

/** The OPT record of a message (RFC 6891 §6.1), without the upper bits of the response code: the message has them. */
export interface Edns {
  readonly udpPayloadBytes: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  /** The 15 flags beside DO; senders set none (RFC 6891 §6.1.4). */
  readonly reservedFlags: number;
  readonly options: readonly EdnsOption[];
}

/** Reads the OPT record at which the cursor stands; undefined where its options run past its end. */
export function parseEdns(cursor: RecordCursor): { edns: Edns; extendedRcode: number } | undefined {
  const { bytes, dataOffset, dataLength } = cursor;
  const options: EdnsOption[] = [];
  const end = dataOffset + dataLength;
  for (let at = dataOffset; at < end; ) {
    const next = at + 4 + (at + 4 <= end ? readUint16(bytes, at + 2) : 0);
    if (next > end) return undefined;
    options.push({ code: readUint16(bytes, at), value: bytes.slice(at + 4, next) });
    at = next;
  }
  const flags = cursor.ttlSeconds & 0xffff;
  const edns = {
    udpPayloadBytes: cursor.class,
    version: (cursor.ttlSeconds >>> 16) & 255,
    dnssecOk: (flags & DNSSEC_OK) !== 0,
    reservedFlags: flags & ~DNSSEC_OK,
    options,
  };
  return { edns, extendedRcode: cursor.ttlSeconds >>> 24 };
}

/** Writes the OPT record; false where there is no room. */
export function emitEdns(writer: MessageWriter, edns: Edns, extendedRcode: number): boolean {
  const flags = edns.reservedFlags | (edns.dnssecOk ? DNSSEC_OK : 0);
  const start = beginOpt(writer, edns.udpPayloadBytes, extendedRcode, edns.version, flags);
  if (start === 0) return false;
  for (const { code, value } of edns.options) {
    if (!writeOption(writer, code, value, 0, value.length)) return false;
  }
  writer.closeData(start);
  return true;
}

/** Starts an OPT record; returns where its options start, to be given to `closeData` after the last, or 0 without room. */
export function beginOpt(
  writer: MessageWriter,
  udpPayloadBytes: number,
  extendedRcode: number,
  version: number,
  flags: number,
): number {
  const ttl = ((extendedRcode << 24) | (version << 16) | flags) >>> 0;
  return writer.writeByte(0) && writer.writeRecordFixed(TYPE.OPT, udpPayloadBytes, ttl) ? writer.position : 0;
}

/** Writes one option whose value stands at `offset` of `value`. */
export function writeOption(writer: MessageWriter, code: number, value: Uint8Array, offset: number, length: number): boolean {
  return writer.writeUint16(code) && writer.writeUint16(length) && writer.writeBytes(value, offset, length);
}

/** The info code of the first extended error (RFC 8914 §2); undefined where there is none. */
export function parseExtendedError({ options }: Edns): number | undefined {
  const found = options.find(({ code, value }) => code === EDNS_OPTION.extendedError && value.length >= 2);
  return found === undefined ? undefined : readUint16(found.value, 0);
}

/** One option in words, as dig shows it. */
export function describeOption({ code, value }: EdnsOption): string {
  const hex = Buffer.from(value).toString("hex");
  if (code === EDNS_OPTION.cookie) return `cookie ${hex}`;
  if (code === EDNS_OPTION.keepalive) return value.length === 2 ? `keepalive ${readUint16(value, 0) / 10} s` : "keepalive";
  if (code === EDNS_OPTION.padding) return `padding ${value.length}`;
  if (code === EDNS_OPTION.extendedError && value.length >= 2) {
    const text = Buffer.from(value.subarray(2)).toString("utf8");
    return `extended error ${readUint16(value, 0)}${text === "" ? "" : ` (${text})`}`;
  }
  return hex === "" ? `option ${code}` : `option ${code} ${hex}`;
}

/** Whether a record at which a cursor stands is an OPT record where one may stand (RFC 6891 §6.1.1). */
export function isOpt(cursor: RecordCursor): boolean {
  return cursor.type === TYPE.OPT && cursor.bytes[cursor.ownerOffset] === 0;
}
