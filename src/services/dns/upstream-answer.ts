import { readUint16, readUint32, writeUint16, writeUint32 } from "../../wire/dns/bytes.js";
import { isOpt } from "../../wire/dns/edns.js";
import { expandName, NAME_LIMIT, nameLength, sameName } from "../../wire/dns/name.js";
import { CLASS, EDNS_OPTION, FIELD, FLAG, HEADER_BYTES, MESSAGE_BYTES_MOST, RCODE, TYPE } from "../../wire/dns/numbers.js";
import { COPY, copyRdata } from "../../wire/dns/rdata-copy.js";
import { RecordCursor, SECTION } from "../../wire/dns/record-cursor.js";
import { MessageWriter } from "../../wire/dns/writer.js";
import { namesPrivateAddress } from "./private-addresses.js";
import { NO_EXTENDED_ERROR, STORED, STORED_HEADER_BYTES } from "./stored-reply.js";

/** What came back from upstream, once it is known to belong to the question. */
export type Outcome =
  /** Ready in `stored`. */
  | "answer"
  /** TC: ask again over a stream. */
  | "truncated"
  /** The server could not answer; another may. */
  | "servfail"
  | "refused"
  /** The server does not understand EDNS, or not ours. */
  | "no-edns"
  | "bad-cookie"
  | "malformed"
  /** The aliases go round in a circle, or on and on. */
  | "endless"
  /** An address of a private network under a name of the outside world. */
  | "private-address";

/** Records of one answer, and aliases on the way through it. */
const RECORDS_MOST = 1000;
const ALIASES_MOST = 16;
/** With so many records of its set each one is compared. */
const REPEATED_MOST = 32;
const ALIGN_BYTES = 8;
/** RFC 8767 §4 speaks of a week at most; a day is what resolvers keep. RFC 2308 §5: negative answers up to three hours. */
const TTL_MOST_SECONDS = 86_400;
const NEGATIVE_TTL_MOST_SECONDS = 10_800;

/**
 * Reads answers from upstream and makes stored answers of them (`stored-reply.ts`).
 *
 * Nothing is passed on as it came: each record is taken apart and written anew, so a broken one is found here. In the answer
 * section only the asked name stands, and what its aliases lead to; OPT and signatures over the message are left behind, all
 * other sections are kept. One reader serves one forwarder: its result is valid until the next `read`.
 */
export class AnswerReader {
  /** The stored answer; starts at 0. */
  readonly stored: Uint8Array;
  /** Whether it may be kept: something to keep, and a TTL over zero. */
  cacheable = false;
  /** The COOKIE option that came with it; length 0 where there was none. */
  cookieOffset = 0;
  cookieLength = 0;
  hasEdns = false;
  readonly #cursor = new RecordCursor();
  readonly #writer = new MessageWriter(true);
  readonly #message = new Uint8Array(MESSAGE_BYTES_MOST);
  readonly #ttlOffset = new Uint16Array(RECORDS_MOST);
  readonly #owner = new Uint8Array(NAME_LIMIT.nameBytes);
  /** The asked name and what its aliases lead to, one after the other, 255 bytes each. */
  readonly #chain = new Uint8Array((ALIASES_MOST + 1) * NAME_LIMIT.nameBytes);
  #chainLength = 0;
  #records = 0;
  readonly #sectionRecords = new Uint16Array(3);
  /** The records of one name and type that are being read: whose, where they begin among all, and the least of their TTLs. */
  readonly #setOwner = new Uint8Array(NAME_LIMIT.nameBytes);
  #setSection = 0;
  #setType = 0;
  #setStart = 0;
  #setTtl = 0;
  #ttlSeconds = 0;
  #hasSoa = false;
  #hasAsked = false;
  #extendedRcode = 0;
  #extendedError = NO_EXTENDED_ERROR;

  constructor() {
    this.stored = new Uint8Array(
      STORED_HEADER_BYTES + NAME_LIMIT.nameBytes + MESSAGE_BYTES_MOST + RECORDS_MOST * 2 + ALIGN_BYTES,
    );
  }

  /**
   * Reads the message of `length` bytes at `offset`, an answer to the question for `name` (folded, whole) and `type`. Private
   * addresses in it are refused unless `allowPrivate`.
   */
  read(bytes: Uint8Array, offset: number, length: number, name: Uint8Array, type: number, allowPrivate: boolean): Outcome {
    this.#reset();
    const flags = readUint16(bytes, offset + FIELD.flags);
    if ((flags & FLAG.truncated) !== 0) return "truncated";
    if (!this.#scan(bytes, offset, length)) return "malformed";
    const rcode = (this.#extendedRcode << 4) | (flags & FLAG.rcode);
    // YXDOMAIN: a DNAME leads to a name that would be too long (RFC 6672 §2.2). That is an answer.
    if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN && rcode !== RCODE.YXDOMAIN) return refusal(rcode);
    const fault = this.#copyRecords(bytes, offset, length, name, type, allowPrivate);
    if (fault !== undefined) return fault;
    this.#decideCaching(rcode);
    this.#finish(name, type, (flags & FLAG.authenticData) | rcode);
    return "answer";
  }

  #reset(): void {
    this.cacheable = false;
    this.cookieOffset = 0;
    this.cookieLength = 0;
    this.hasEdns = false;
    this.#chainLength = 0;
    this.#records = 0;
    this.#sectionRecords.fill(0);
    this.#ttlSeconds = TTL_MOST_SECONDS;
    this.#hasSoa = false;
    this.#hasAsked = false;
    this.#extendedRcode = 0;
    this.#extendedError = NO_EXTENDED_ERROR;
  }

  /** Checks that every record is where the header says, and reads OPT. */
  #scan(bytes: Uint8Array, offset: number, length: number): boolean {
    const cursor = this.#cursor;
    if (!cursor.begin(bytes, offset, length)) return false;
    for (let records = 0; cursor.next(); records++) {
      if (records === RECORDS_MOST) return false;
      if (cursor.section === SECTION.additional && isOpt(cursor) && (this.hasEdns || !this.#readOpt())) return false;
    }
    return !cursor.malformed;
  }

  #readOpt(): boolean {
    const { bytes, dataOffset, dataLength, ttlSeconds } = this.#cursor;
    this.hasEdns = true;
    this.#extendedRcode = ttlSeconds >>> 24;
    const end = dataOffset + dataLength;
    for (let at = dataOffset; at < end; ) {
      if (at + 4 > end) return false;
      const code = readUint16(bytes, at);
      const length = readUint16(bytes, at + 2);
      if (at + 4 + length > end) return false;
      if (code === EDNS_OPTION.cookie && this.cookieLength === 0) {
        this.cookieOffset = at + 4;
        this.cookieLength = length;
      } else if (code === EDNS_OPTION.extendedError && length >= 2 && this.#extendedError === NO_EXTENDED_ERROR) {
        this.#extendedError = readUint16(bytes, at + 4);
      }
      at += 4 + length;
    }
    return true;
  }

  #copyRecords(
    bytes: Uint8Array,
    offset: number,
    length: number,
    name: Uint8Array,
    type: number,
    allowPrivate: boolean,
  ): Outcome | undefined {
    const writer = this.#writer;
    writer.begin(this.#message, 0, this.#message.length);
    writer.writeName(name);
    writer.writeUint32((type << 16) | CLASS.IN);
    this.#chain.set(name);
    this.#chainLength = 1;
    const cursor = this.#cursor;
    cursor.begin(bytes, offset, length);
    this.#setType = 0;
    while (cursor.next()) {
      if (cursor.class !== CLASS.IN || isTransport(cursor.type)) continue;
      if (expandName(bytes, offset, cursor.end, cursor.ownerOffset, this.#owner) === 0) return "malformed";
      if (cursor.section === SECTION.answer) {
        if (!this.#belongs()) continue;
        const fault = this.#followAlias(type);
        if (fault !== undefined) return fault;
      }
      const fault = this.#copyRecord(allowPrivate);
      if (fault !== undefined) return fault;
    }
    this.#endSet();
    return undefined;
  }

  /** Whether the record is one more of the set that is being read. Signatures of several sets are no set. */
  #continuesSet(): boolean {
    const { section, type } = this.#cursor;
    return (
      type === this.#setType && section === this.#setSection && type !== TYPE.RRSIG && sameName(this.#owner, 0, this.#setOwner, 0)
    );
  }

  #beginSet(ttl: number): void {
    const { section, type } = this.#cursor;
    this.#setOwner.set(this.#owner);
    this.#setSection = section;
    this.#setType = type;
    this.#setStart = this.#records;
    this.#setTtl = ttl;
  }

  /** RFC 2181 §5.2: the records of one name and type have one TTL. Where they came with several, the least is taken. */
  #endSet(): void {
    if (this.#records - this.#setStart < 2) return;
    for (let index = this.#setStart; index < this.#records; index++) {
      writeUint32(this.#message, this.#ttlOffset[index], this.#setTtl);
    }
  }

  /** Whether the record whose data begins at `data` stands in its set already (RFC 2181 §5). Of long sets only the last are looked at. */
  #isRepeated(data: number): boolean {
    const message = this.#message;
    const length = this.#writer.position - data;
    for (let index = Math.max(this.#setStart, this.#records - REPEATED_MOST); index < this.#records; index++) {
      const other = this.#ttlOffset[index] + 6;
      if (readUint16(message, other - 2) !== length) continue;
      let same = 0;
      while (same < length && message[other + same] === message[data + same]) same++;
      if (same === length) return true;
    }
    return false;
  }

  /** Whether the owner is the asked name or what its aliases led to; a DNAME (RFC 6672) stands above one of them. */
  #belongs(): boolean {
    const rest = this.#cursor.type === TYPE.DNAME || this.#cursor.type === TYPE.RRSIG;
    for (let link = this.#chainLength - 1; link >= 0; link--) {
      let at = link * NAME_LIMIT.nameBytes;
      for (;;) {
        if (sameName(this.#chain, at, this.#owner, 0)) return true;
        if (!rest || this.#chain[at] === 0) break;
        at += this.#chain[at] + 1;
      }
    }
    return false;
  }

  #followAlias(asked: number): Outcome | undefined {
    const { bytes, start, end, type, dataOffset } = this.#cursor;
    if (type === asked) this.#hasAsked = true;
    if (type !== TYPE.CNAME || asked === TYPE.CNAME) return undefined;
    if (this.#chainLength > ALIASES_MOST) return "endless";
    const target = this.#chainLength * NAME_LIMIT.nameBytes;
    if (expandName(bytes, start, end, dataOffset, this.#chain, target) === 0) return "malformed";
    for (let link = 0; link < this.#chainLength; link++) {
      if (sameName(this.#chain, link * NAME_LIMIT.nameBytes, this.#chain, target)) return "endless";
    }
    this.#chainLength++;
    return undefined;
  }

  #copyRecord(allowPrivate: boolean): Outcome | undefined {
    const { bytes, start, section, type, dataOffset, dataLength } = this.#cursor;
    const writer = this.#writer;
    if (!allowPrivate && section !== SECTION.authority && namesPrivateAddress(type, bytes, dataOffset, dataLength))
      return "private-address";
    // RFC 2181 §8: a TTL with its top bit set is zero.
    const ttl = this.#cursor.ttlSeconds > 0x7fff_ffff ? 0 : Math.min(this.#cursor.ttlSeconds, TTL_MOST_SECONDS);
    const continues = this.#continuesSet();
    const recordStart = writer.position;
    if (!writer.writeName(this.#owner) || !writer.writeRecordFixed(type, CLASS.IN, ttl)) return "malformed";
    const data = writer.position;
    if (copyRdata(writer, type, CLASS.IN, bytes, start, dataOffset, dataLength) !== COPY.done) return "malformed";
    writer.closeData(data);
    if (continues) {
      this.#setTtl = Math.min(this.#setTtl, ttl);
      if (this.#isRepeated(data)) {
        writer.rewind(recordStart);
        return undefined;
      }
    } else {
      this.#endSet();
      this.#beginSet(ttl);
    }
    this.#ttlOffset[this.#records++] = data - 6;
    this.#sectionRecords[section]++;
    if (section !== SECTION.additional) this.#ttlSeconds = Math.min(this.#ttlSeconds, ttl);
    if (section === SECTION.authority && type === TYPE.SOA) this.#noteSoa(data);
    return undefined;
  }

  /** RFC 2308 §5: a "no" is kept for the lesser of the SOA's own TTL and its MINIMUM field, and says so when it is repeated. */
  #noteSoa(data: number): void {
    const minimum = readUint32(this.#message, this.#writer.position - 4);
    const ttl = Math.min(readUint32(this.#message, data - 6), minimum, NEGATIVE_TTL_MOST_SECONDS);
    this.#hasSoa = true;
    if (this.#hasAsked) return;
    writeUint32(this.#message, data - 6, ttl);
    this.#ttlSeconds = Math.min(this.#ttlSeconds, ttl);
  }

  /** A "no" without SOA is not kept (RFC 2308 §5); neither is an alias that leads nowhere. */
  #decideCaching(rcode: number): void {
    const worthKeeping = (this.#hasSoa && rcode !== RCODE.YXDOMAIN) || (rcode === RCODE.NOERROR && this.#hasAsked);
    this.cacheable = worthKeeping && this.#ttlSeconds > 0;
  }

  #finish(name: Uint8Array, type: number, headerFlags: number): void {
    const { stored } = this;
    const bodyStart = HEADER_BYTES + name.length + 4;
    const bodyBytes = this.#writer.position - bodyStart;
    // Without aliases "no such name" holds for every type (RFC 2308 §5).
    const everyType = (headerFlags & FLAG.rcode) === RCODE.NXDOMAIN && this.#sectionRecords[SECTION.answer] === 0;
    stored.fill(0, 0, STORED_HEADER_BYTES);
    writeUint32(stored, STORED.ttlSeconds, this.#ttlSeconds);
    writeUint16(stored, STORED.type, everyType ? 0 : type);
    writeUint16(stored, STORED.headerFlags, headerFlags);
    stored[STORED.nameBytes] = name.length;
    writeUint16(stored, STORED.answers, this.#sectionRecords[SECTION.answer]);
    writeUint16(stored, STORED.authorities, this.#sectionRecords[SECTION.authority]);
    writeUint16(stored, STORED.additionals, this.#sectionRecords[SECTION.additional]);
    writeUint16(stored, STORED.bodyBytes, bodyBytes);
    writeUint16(stored, STORED.extendedError, this.#extendedError);
    stored.set(name, STORED_HEADER_BYTES);
    const body = STORED_HEADER_BYTES + name.length;
    stored.set(this.#message.subarray(bodyStart, this.#writer.position), body);
    let at = body + bodyBytes;
    for (let index = 0; index < this.#records; index++, at += 2) writeUint16(stored, at, this.#ttlOffset[index] - bodyStart);
    const total = Math.ceil(at / ALIGN_BYTES) * ALIGN_BYTES;
    stored.fill(0, at, total);
    writeUint32(stored, STORED.totalBytes, total);
  }

  /** The name that the aliases of the last answer ended at; the asked name where there were none. */
  get lastName(): Uint8Array {
    const at = (this.#chainLength - 1) * NAME_LIMIT.nameBytes;
    return this.#chain.slice(at, at + nameLength(this.#chain, at));
  }
}

function refusal(rcode: number): Outcome {
  if (rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || rcode === RCODE.BADVERS) return "no-edns";
  if (rcode === RCODE.BADCOOKIE) return "bad-cookie";
  return rcode === RCODE.REFUSED || rcode === RCODE.NOTAUTH ? "refused" : "servfail";
}

/** Records about the message itself, which end at each hop (RFC 6891 §6.1.1, RFC 8945 §5.1, RFC 2931). */
function isTransport(type: number): boolean {
  return type === TYPE.OPT || type === TYPE.TSIG || type === TYPE.SIG || type === TYPE.TKEY;
}
