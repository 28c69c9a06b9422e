import { readUint16 } from "./bytes.js";
import { FoldedName } from "./folded-name.js";
import { skipName } from "./name.js";
import { DNSSEC_OK, EDNS_OPTION, FIELD, FLAG, HEADER_BYTES, OPCODE_SHIFT, RECORD_FIXED_BYTES, TYPE } from "./numbers.js";

/** Why a message is no question that we can answer. */
export type QueryFault =
  | "dns-short"
  | "dns-response"
  | "dns-opcode"
  | "dns-question-count"
  | "dns-question"
  | "dns-sections"
  | "dns-record"
  | "dns-opt"
  | "dns-opt-twice"
  | "dns-option"
  | "dns-cookie-length"
  | "dns-keepalive-length"
  | "dns-edns-version";

/** Records that a question may carry behind it: OPT, and a signature (TSIG or SIG(0)) that we do not check. */
const ADDITIONALS_MOST = 4;
/** A client cookie alone, or with a server cookie of 8 to 32 bytes (RFC 7873 §4). */
const COOKIE_BYTES = { client: 8, least: 16, most: 40 } as const;

/**
 * One question as it stands in a datagram: a cursor, filled by `check` and reused for the next one.
 *
 * Offsets count from the start of the bytes given to `check`.
 */
export class Query {
  id = 0;
  /** The header's second word as it came. */
  flags = 0;
  /** Where the name stands, in the case in which it was asked. */
  nameOffset = 0;
  /** The name; of length 0 where there is no question (RFC 7873 §5.4). */
  readonly name: FoldedName;
  type = 0;
  class = 0;
  /** First byte after the question; where there is none, after the header. */
  questionEnd = 0;
  hasEdns = false;
  /** The asker's own limit, never under 512 (RFC 6891 §6.2.3). */
  udpPayloadBytes = 0;
  dnssecOk = false;
  /** The COOKIE option's value; length 0 where there was none. */
  cookieOffset = 0;
  cookieLength = 0;
  /** The asker would keep its TCP connection (RFC 7828). */
  wantsKeepalive = false;
  /** A fault only over TCP, so it is told when there is no other. */
  #keepaliveFault = false;

  constructor(seed: number) {
    this.name = new FoldedName(seed);
  }

  get hasQuestion(): boolean {
    return this.name.length > 0;
  }

  get opcode(): number {
    return (this.flags & FLAG.opcode) >>> OPCODE_SHIFT;
  }

  get recursionDesired(): boolean {
    return (this.flags & FLAG.recursionDesired) !== 0;
  }

  get checkingDisabled(): boolean {
    return (this.flags & FLAG.checkingDisabled) !== 0;
  }

  /**
   * Reads `length` bytes from `offset`; the fault, or undefined. Whatever the fault, the fields that stand in front of it are
   * filled, so that the refusal can echo them.
   */
  check(bytes: Uint8Array, offset: number, length: number): QueryFault | undefined {
    this.#clear(offset);
    if (length < HEADER_BYTES) return "dns-short";
    this.id = readUint16(bytes, offset + FIELD.id);
    this.flags = readUint16(bytes, offset + FIELD.flags);
    if ((this.flags & FLAG.response) !== 0) return "dns-response";
    const end = offset + length;
    if ((this.flags & FLAG.opcode) !== 0) return this.#refused(bytes, offset, end, "dns-opcode");
    const questions = readUint16(bytes, offset + FIELD.questions);
    if (questions > 1) return this.#refused(bytes, offset, end, "dns-question-count");
    if (questions === 1 && !this.#readQuestion(bytes, end)) return "dns-question";
    const answers = readUint16(bytes, offset + FIELD.answers);
    const authorities = readUint16(bytes, offset + FIELD.authorities);
    const additionals = readUint16(bytes, offset + FIELD.additionals);
    // An IXFR question carries the SOA that the asker has (RFC 1995 §3); its refusal is the answering function's.
    if (answers !== 0 || authorities > (this.type === TYPE.IXFR ? 1 : 0) || additionals > ADDITIONALS_MOST) {
      return this.#refused(bytes, offset, end, "dns-sections");
    }
    const fault = this.#readRecords(bytes, this.questionEnd, end, authorities, additionals);
    if (fault !== undefined) return fault;
    // No question at all is only allowed to ask for a cookie (RFC 7873 §5.4).
    if (questions === 0 && this.cookieLength === 0) return "dns-question-count";
    return this.#keepaliveFault ? "dns-keepalive-length" : undefined;
  }

  /**
   * Reads what is in a message that is refused whatever is in it: its question, where it is one, and OPT, since the refusal has
   * one then (RFC 6891 §6.1.1). Returns the fault.
   */
  #refused(bytes: Uint8Array, offset: number, end: number, fault: QueryFault): QueryFault {
    const questions = readUint16(bytes, offset + FIELD.questions);
    if (questions === 1 && !this.hasQuestion && !this.#readQuestion(bytes, end)) return fault;
    let at = this.questionEnd;
    for (let left = questions === 1 ? 0 : questions; left > 0; left--) {
      const type = skipName(bytes, at, end);
      if (type === 0 || type + 4 > end) return fault;
      at = type + 4;
    }
    const before = readUint16(bytes, offset + FIELD.answers) + readUint16(bytes, offset + FIELD.authorities);
    this.#readRecords(bytes, at, end, before, readUint16(bytes, offset + FIELD.additionals));
    return fault;
  }

  #clear(offset: number): void {
    this.id = 0;
    this.flags = 0;
    this.nameOffset = offset + HEADER_BYTES;
    this.name.clear();
    this.type = 0;
    this.class = 0;
    this.questionEnd = offset + HEADER_BYTES;
    this.hasEdns = false;
    this.udpPayloadBytes = 0;
    this.dnssecOk = false;
    this.cookieOffset = 0;
    this.cookieLength = 0;
    this.wantsKeepalive = false;
    this.#keepaliveFault = false;
  }

  /** The name of a question cannot be compressed: nothing stands in front of it but the header. */
  #readQuestion(bytes: Uint8Array, end: number): boolean {
    const { name, nameOffset } = this;
    // Type and class follow the name.
    if (!name.read(bytes, nameOffset, end - 4)) return false;
    const at = nameOffset + name.length;
    this.type = readUint16(bytes, at);
    this.class = readUint16(bytes, at + 2);
    this.questionEnd = at + 4;
    return true;
  }

  /**
   * Reads so many records from `start` on, of which the additional ones are the last. Bytes behind them are ignored: nothing of
   * them is ever passed on.
   */
  #readRecords(bytes: Uint8Array, start: number, end: number, before: number, additionals: number): QueryFault | undefined {
    let at = start;
    for (let index = 0; index < before + additionals; index++) {
      const fixed = skipName(bytes, at, end);
      if (fixed === 0 || fixed + RECORD_FIXED_BYTES > end) return "dns-record";
      const next = fixed + RECORD_FIXED_BYTES + readUint16(bytes, fixed + 8);
      if (next > end) return "dns-record";
      if (readUint16(bytes, fixed) === TYPE.OPT && index >= before) {
        if (this.hasEdns) return "dns-opt-twice";
        if (bytes[at] !== 0) return "dns-opt";
        const fault = this.#readOpt(bytes, fixed, next);
        if (fault !== undefined) return fault;
      }
      at = next;
    }
    return undefined;
  }

  /** RFC 6891 §6.1.2: the class is the payload size, the TTL is extended RCODE, version, flags. */
  #readOpt(bytes: Uint8Array, fixed: number, end: number): QueryFault | undefined {
    this.hasEdns = true;
    this.udpPayloadBytes = Math.max(512, readUint16(bytes, fixed + 2));
    this.dnssecOk = (readUint16(bytes, fixed + 6) & DNSSEC_OK) !== 0;
    if (bytes[fixed + 5] !== 0) return "dns-edns-version";
    for (let at = fixed + RECORD_FIXED_BYTES; at < end; ) {
      if (at + 4 > end) return "dns-option";
      const length = readUint16(bytes, at + 2);
      if (at + 4 + length > end) return "dns-option";
      const fault = this.#readOption(readUint16(bytes, at), at + 4, length);
      if (fault !== undefined) return fault;
      at += 4 + length;
    }
    return undefined;
  }

  #readOption(code: number, at: number, length: number): QueryFault | undefined {
    if (code === EDNS_OPTION.cookie && this.cookieLength === 0) {
      if (length !== COOKIE_BYTES.client && (length < COOKIE_BYTES.least || length > COOKIE_BYTES.most))
        return "dns-cookie-length";
      this.cookieOffset = at;
      this.cookieLength = length;
    } else if (code === EDNS_OPTION.keepalive) {
      // RFC 7828 §3.2.1: a question's option says no time-out.
      if (length === 0) this.wantsKeepalive = true;
      else this.#keepaliveFault = true;
    }
    return undefined;
  }
}
