import type { Clock } from "../../base/clock.js";
import { readUint16, readUint32, writeUint16 } from "../../wire/dns/bytes.js";
import { beginOpt, writeOption } from "../../wire/dns/edns.js";
import { expandName, NAME_LIMIT, POINTER_BITS } from "../../wire/dns/name.js";
import {
  CLASS,
  DNSSEC_OK,
  EDNS_OPTION,
  EXTENDED_ERROR,
  FIELD,
  FLAG,
  HEADER_BYTES,
  MESSAGE_BYTES_MOST,
  PLAIN_UDP_BYTES,
  RCODE,
  TYPE,
} from "../../wire/dns/numbers.js";
import type { Query } from "../../wire/dns/query.js";
import { COPY, copyRdata } from "../../wire/dns/rdata-copy.js";
import { RecordCursor } from "../../wire/dns/record-cursor.js";
import { MessageWriter } from "../../wire/dns/writer.js";
import { type CookieJar, FULL_COOKIE_BYTES } from "./cookies.js";
import type { NameNode, RecordSet } from "./name-tree.js";
import { flagsFor, NO_EXTENDED_ERROR, STORED, storedToMessage, writeStored } from "./stored-reply.js";
import type { View } from "./views.js";
import type { Zone } from "./zone.js";

const OPT_BYTES = 11;
const OPTION_HEADER_BYTES = 4;
/** An extended error is its code alone. */
const EXTENDED_ERROR_BYTES = OPTION_HEADER_BYTES + 2;
const COOKIE_BYTES = OPTION_HEADER_BYTES + FULL_COOKIE_BYTES;
const KEEPALIVE_BYTES = OPTION_HEADER_BYTES + 2;
/** A pointer, type, class, TTL, length and an IPv4 address. */
const ADDRESS_RECORD_BYTES = 16;

/** What the transport of a reply tells its writer. */
export interface ReplyTransport {
  readonly overStream: boolean;
  readonly keepaliveMs: number;
  readonly address: Uint8Array;
  readonly addressOffset: number;
  readonly addressBytes: number;
}

/**
 * Writes one reply: `begin`, any of the `write…`, `finish`. A cursor, reused; allocates nothing but for `appendStored`.
 *
 * Where records do not all fit, those that do are kept and TC is set: resolvers that never ask over TCP still get something.
 */
export class ReplyWriter {
  readonly #writer = new MessageWriter(true);
  readonly #cookies: CookieJar;
  readonly #clock: Clock;
  readonly #udpBytesMost: number;
  readonly #option = new Uint8Array(FULL_COOKIE_BYTES);
  readonly #message = new Uint8Array(MESSAGE_BYTES_MOST);
  readonly #owner = new Uint8Array(NAME_LIMIT.nameBytes);
  readonly #cursor = new RecordCursor();
  #bytes: Uint8Array = this.#message;
  #query!: Query;
  #transport!: ReplyTransport;
  #limit = 0;
  #questionNoted = false;
  #answers = 0;
  #authorities = 0;
  #additionals = 0;
  /** Flags to be set in the header beside those that follow from the question. */
  flags = 0;
  rcode = 0;
  extendedError: number = NO_EXTENDED_ERROR;

  constructor(cookies: CookieJar, clock: Clock, udpBytesMost: number) {
    this.#cookies = cookies;
    this.#clock = clock;
    this.#udpBytesMost = udpBytesMost;
  }

  /** Starts the reply to a question that stands in `bytes`, at `start` of `out`, at most `limit` bytes long. */
  begin(query: Query, bytes: Uint8Array, transport: ReplyTransport, out: Uint8Array, start: number, limit: number): void {
    const asked = query.hasEdns ? Math.min(query.udpPayloadBytes, this.#udpBytesMost) : PLAIN_UDP_BYTES;
    this.#limit = start + (transport.overStream ? limit : Math.min(limit, asked));
    this.#query = query;
    this.#bytes = bytes;
    this.#transport = transport;
    this.#questionNoted = false;
    this.#answers = 0;
    this.#authorities = 0;
    this.#additionals = 0;
    this.flags = 0;
    this.rcode = 0;
    this.extendedError = NO_EXTENDED_ERROR;
    this.#writer.begin(out, start, this.#limit - this.#optBytes());
    this.#writer.writeBytes(bytes, query.nameOffset, query.questionEnd - query.nameOffset);
  }

  /** Takes back everything behind the question. */
  restart(): void {
    this.#writer.rewind(this.#writer.start + HEADER_BYTES + this.#query.questionEnd - this.#query.nameOffset);
    this.#answers = 0;
    this.#authorities = 0;
    this.#additionals = 0;
    this.#questionNoted = false;
    this.flags = 0;
  }

  #optBytes(): number {
    const { hasEdns, cookieLength, wantsKeepalive } = this.#query;
    if (!hasEdns) return 0;
    const keepalive = wantsKeepalive && this.#transport.overStream ? KEEPALIVE_BYTES : 0;
    return OPT_BYTES + EXTENDED_ERROR_BYTES + (cookieLength > 0 ? COOKIE_BYTES : 0) + keepalive;
  }

  /** Writes the records of one type under a node, as a view sees them; `owner` is null where it is the name of the question. */
  writeSets(node: NameNode, type: number, view: View, owner: Uint8Array | null): void {
    const { only } = node;
    if (only !== null) {
      if (only.isOneAddress && owner === null) this.#writeAddress(only);
      else this.#writeSet(only, only.ttlSeconds, owner);
      return;
    }
    let first: RecordSet | null = null;
    let ttl = 0;
    let count = 0;
    for (const set of node.sets) {
      if (set.type !== type || view.sees[set.network] !== 1) continue;
      // RFC 2181 §5.2: the records of one name and type have one TTL.
      ttl = first === null ? set.ttlSeconds : Math.min(ttl, set.ttlSeconds);
      first ??= set;
      count++;
    }
    if (first !== null && count === 1) {
      this.#writeSet(first, ttl, owner);
      return;
    }
    for (const set of node.sets) {
      if (set.type !== type || view.sees[set.network] !== 1) continue;
      for (const data of set.data) {
        if (!isRepeated(node, set, data, view) && !this.#writeRecord(type, ttl, data, owner)) return;
      }
    }
  }

  /** The answer that most questions get: one address under the name of the question. */
  #writeAddress(set: RecordSet): void {
    const writer = this.#writer;
    if (!writer.hasRoom(ADDRESS_RECORD_BYTES)) {
      this.flags |= FLAG.truncated;
      return;
    }
    writer.writePointer(HEADER_BYTES);
    writer.writeRecordFixed(TYPE.A, CLASS.IN, set.ttlSeconds);
    const dataStart = writer.position;
    writer.writeUint32(set.oneAddress);
    writer.closeData(dataStart);
    this.#answers++;
  }

  /** The first record changes from question to question, so that load spreads over several addresses. */
  #writeSet(set: RecordSet, ttl: number, owner: Uint8Array | null): void {
    const { data, type } = set;
    const count = data.length;
    const first = count === 1 ? 0 : this.#query.id % count;
    for (let index = 0; index < count; index++) {
      if (!this.#writeRecord(type, ttl, data[(first + index) % count], owner)) return;
    }
  }

  #writeRecord(type: number, ttl: number, data: Uint8Array, owner: Uint8Array | null): boolean {
    const writer = this.#writer;
    const start = writer.position;
    const isPlain = type === TYPE.A || type === TYPE.AAAA;
    // Names in the data may end as the question does; those that addresses lead to never do.
    if (!isPlain && type !== TYPE.PTR) this.#noteQuestion();
    if (
      (owner === null ? writer.writePointer(HEADER_BYTES) : writer.writeName(owner)) &&
      writer.writeRecordFixed(type, CLASS.IN, ttl)
    ) {
      const dataStart = writer.position;
      if (
        isPlain
          ? writer.writeBytes(data, 0, data.length)
          : copyRdata(writer, type, CLASS.IN, data, 0, 0, data.length) === COPY.done
      ) {
        writer.closeData(dataStart);
        this.#answers++;
        return true;
      }
    }
    writer.rewind(start);
    this.flags |= FLAG.truncated;
    return false;
  }

  /** Writes a record that stands nowhere, under the name of the question. */
  writeSynthetic(type: number, ttlSeconds: number, data: Uint8Array): void {
    this.#writeRecord(type, ttlSeconds, data, null);
  }

  /** The SOA of the zone that the question's name is in, which makes a "no" something that can be kept (RFC 2308 §3). */
  writeDenial(zone: Zone): void {
    const writer = this.#writer;
    const { bytes, pointers, depth } = zone.denial;
    const { labelOffset, labelCount } = this.#query.name;
    const start = writer.position;
    if (!writer.writeBytes(bytes, 0, bytes.length)) {
      this.flags |= FLAG.truncated;
      return;
    }
    const target = (POINTER_BITS << 8) | (HEADER_BYTES + labelOffset[labelCount - depth]);
    for (let index = 0; index < pointers.length; index++) writeUint16(writer.out, start + pointers[index], target);
    this.#authorities++;
  }

  /** The same for any zone: that of an alias's target is not the question's. */
  writeSoa(zone: Zone): void {
    const writer = this.#writer;
    const start = writer.position;
    this.#noteQuestion();
    if (writer.writeName(zone.apex) && writer.writeRecordFixed(TYPE.SOA, CLASS.IN, zone.negativeTtlSeconds)) {
      const dataStart = writer.position;
      if (copyRdata(writer, TYPE.SOA, CLASS.IN, zone.soa, 0, 0, zone.soa.length) === COPY.done) {
        writer.closeData(dataStart);
        this.#authorities++;
        return;
      }
    }
    writer.rewind(start);
    this.flags |= FLAG.truncated;
  }

  #noteQuestion(): void {
    if (this.#questionNoted) return;
    this.#questionNoted = true;
    this.#writer.noteName(this.#writer.start + HEADER_BYTES);
  }

  /** The stored answer to this very question. `staleTtlSeconds` over zero: it has expired, and all TTLs become that. */
  writeStored(stored: Uint8Array, base: number, ageSeconds: number, staleTtlSeconds: number): void {
    const flags = flagsFor(this.#query, stored, base);
    this.flags |= (flags & ~FLAG.rcode) | writeStored(this.#writer, stored, base, ageSeconds, staleTtlSeconds);
    this.rcode = flags & FLAG.rcode;
    this.extendedError = readUint16(stored, base + STORED.extendedError);
    this.#answers = readUint16(this.#writer.out, this.#writer.start + FIELD.answers);
    this.#authorities = readUint16(this.#writer.out, this.#writer.start + FIELD.authorities);
    this.#additionals = readUint16(this.#writer.out, this.#writer.start + FIELD.additionals);
  }

  /**
   * Adds the sections of a stored answer to another question: what an alias of ours leads to, or the denial of a name above.
   * Never AD: not all of it was checked.
   */
  appendStored(stored: Uint8Array, base: number, ageSeconds: number, staleTtlSeconds: number): void {
    const length = storedToMessage(stored, base, this.#message);
    const cursor = this.#cursor;
    cursor.begin(this.#message, 0, length);
    this.#noteQuestion();
    this.rcode = readUint16(stored, base + STORED.headerFlags) & FLAG.rcode;
    while (cursor.next()) {
      const ttl = staleTtlSeconds > 0 ? staleTtlSeconds : Math.max(0, readUint32(this.#message, cursor.ttlOffset) - ageSeconds);
      if (!this.#copyRecord(cursor, ttl)) return;
    }
  }

  #copyRecord(cursor: RecordCursor, ttl: number): boolean {
    const writer = this.#writer;
    const { bytes, section, type, dataOffset, dataLength } = cursor;
    const start = writer.position;
    expandName(bytes, 0, cursor.end, cursor.ownerOffset, this.#owner);
    if (writer.writeName(this.#owner) && writer.writeRecordFixed(type, cursor.class, ttl)) {
      const dataStart = writer.position;
      if (copyRdata(writer, type, cursor.class, bytes, 0, dataOffset, dataLength) === COPY.done) {
        writer.closeData(dataStart);
        if (section === 0) this.#answers++;
        else if (section === 1) this.#authorities++;
        else this.#additionals++;
        return true;
      }
    }
    writer.rewind(start);
    if (section < 2) this.flags |= FLAG.truncated;
    return false;
  }

  /** Says that what was written has expired (RFC 8914 §4.4, §4.20). */
  noteStale(): void {
    this.extendedError = this.rcode === RCODE.NXDOMAIN ? EXTENDED_ERROR.staleNxdomainAnswer : EXTENDED_ERROR.staleAnswer;
  }

  /**
   * Writes header and OPT; returns the length of the message. `recursionAvailable` says whether anything is forwarded for
   * him.
   */
  finish(recursionAvailable: boolean): number {
    const writer = this.#writer;
    const query = this.#query;
    writer.limit = this.#limit;
    if (query.hasEdns) this.#writeOpt();
    const copied = query.flags & (FLAG.opcode | FLAG.recursionDesired | FLAG.checkingDisabled);
    const available = recursionAvailable ? FLAG.recursionAvailable : 0;
    writer.writeHeader(query.id, FLAG.response | copied | available | this.flags | (this.rcode & FLAG.rcode));
    writer.setCount(FIELD.questions, query.hasQuestion ? 1 : 0);
    writer.setCount(FIELD.answers, this.#answers);
    writer.setCount(FIELD.authorities, this.#authorities);
    writer.setCount(FIELD.additionals, this.#additionals + (query.hasEdns ? 1 : 0));
    return writer.position - writer.start;
  }

  /** The message that `finish` has just ended. */
  written(length: number): Uint8Array {
    const { out, start } = this.#writer;
    return out.subarray(start, start + length);
  }

  #writeOpt(): void {
    const writer = this.#writer;
    const query = this.#query;
    const option = this.#option;
    const optStart = beginOpt(writer, this.#udpBytesMost, this.rcode >>> 4, 0, query.dnssecOk ? DNSSEC_OK : 0);
    if (query.cookieLength > 0) {
      const { address, addressOffset, addressBytes } = this.#transport;
      const nowSeconds = Math.floor(this.#clock.nowMs() / 1000);
      this.#cookies.write(this.#bytes, query.cookieOffset, address, addressOffset, addressBytes, nowSeconds, option, 0);
      writeOption(writer, EDNS_OPTION.cookie, option, 0, FULL_COOKIE_BYTES);
    }
    if (query.wantsKeepalive && this.#transport.overStream) {
      writer.writeUint32((EDNS_OPTION.keepalive << 16) | 2);
      writer.writeUint16(Math.floor(this.#transport.keepaliveMs / 100));
    }
    if (this.extendedError !== NO_EXTENDED_ERROR) {
      writer.writeUint32((EDNS_OPTION.extendedError << 16) | 2);
      writer.writeUint16(this.extendedError);
    }
    writer.closeData(optStart);
  }
}

/** Whether an earlier set of the same type has the same data (RFC 2181 §5.5: no record stands twice in an answer). */
function isRepeated(node: NameNode, until: RecordSet, data: Uint8Array, view: View): boolean {
  for (const set of node.sets) {
    if (set === until) return false;
    if (set.type !== until.type || view.sees[set.network] !== 1) continue;
    if (set.data.some((other) => Buffer.compare(other, data) === 0)) return true;
  }
  return false;
}
