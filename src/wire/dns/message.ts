import { readUint16 } from "./bytes.js";
import { describeOption, type Edns, emitEdns, isOpt, parseEdns } from "./edns.js";
import { expandName, formatName, NAME_LIMIT, parseName, skipName } from "./name.js";
import {
  CLASS,
  FIELD,
  FLAG,
  formatClass,
  formatOpcode,
  formatRcode,
  formatType,
  HEADER_BYTES,
  MESSAGE_BYTES_MOST,
  OPCODE_SHIFT,
  RCODE,
  TYPE,
} from "./numbers.js";
import { type AnyRdata, emitRdata, formatRdata, type KnownType, parseRdata, type Rdata } from "./rdata.js";
import { RecordCursor, SECTION } from "./record-cursor.js";
import { MessageWriter } from "./writer.js";

export interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** A resource record (RFC 1035 §4.1.3). */
export interface ResourceRecord {
  /** Text of `formatName`: no final dot, the root is `.`. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttlSeconds: number;
  readonly data: AnyRdata;
}

/** A whole message as a value. Nothing in it refers to the bytes it came from. */
export interface Message {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  /** The Z bit: must be zero (RFC 1035 §4.1.1), and survives all the same. */
  readonly reserved: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** With the upper bits from the OPT record. */
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  /** Without OPT. */
  readonly additionals: readonly ResourceRecord[];
  readonly edns: Edns | undefined;
}

export type MessageFault =
  | "dns-short"
  | "dns-name"
  | "dns-question"
  | "dns-record"
  | "dns-rdata"
  | "dns-opt"
  | "dns-opt-twice"
  | "dns-trailing";

const EMPTY: Message = {
  id: 0,
  response: false,
  opcode: 0,
  authoritative: false,
  truncated: false,
  recursionDesired: false,
  recursionAvailable: false,
  reserved: false,
  authenticData: false,
  checkingDisabled: false,
  rcode: RCODE.NOERROR,
  questions: [],
  answers: [],
  authorities: [],
  additionals: [],
  edns: undefined,
};

/** A message with the given fields; all others are zero, false or empty. */
export function makeMessage(fields: Partial<Message>): Message {
  return { ...EMPTY, ...fields };
}

/** A record of a known type in class IN. */
export function makeRecord<Name extends KnownType>(
  type: Name,
  name: string,
  ttlSeconds: number,
  data: Rdata<Name>,
): ResourceRecord {
  return { name, type: TYPE[type], class: CLASS.IN, ttlSeconds, data };
}

/** Narrows a record to the fields of one known type. */
export function isRecord<Name extends KnownType>(
  record: ResourceRecord,
  type: Name,
): record is ResourceRecord & { readonly data: Rdata<Name> } {
  return record.type === TYPE[type] && !(record.data instanceof Uint8Array);
}

const scratchName = new Uint8Array(NAME_LIMIT.nameBytes);
const cursor = new RecordCursor();
const writer = new MessageWriter(false);
const emitted = new Uint8Array(MESSAGE_BYTES_MOST);

/** Reads a whole message of `length` bytes at `offset`; the value, or the fault. Never throws. */
export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Message | MessageFault {
  if (!cursor.begin(bytes, offset, length)) return length < HEADER_BYTES ? "dns-short" : "dns-question";
  const questions = parseQuestions(bytes, offset, length);
  if (questions === undefined) return "dns-name";
  const sections: ResourceRecord[][] = [[], [], []];
  let edns: Edns | undefined;
  let extendedRcode = 0;
  while (cursor.next()) {
    if (cursor.section === SECTION.additional && isOpt(cursor)) {
      if (edns !== undefined) return "dns-opt-twice";
      const opt = parseEdns(cursor);
      if (opt === undefined) return "dns-opt";
      ({ edns, extendedRcode } = opt);
      continue;
    }
    const record = parseRecord();
    if (typeof record === "string") return record;
    sections[cursor.section].push(record);
  }
  if (cursor.malformed) return "dns-record";
  if (cursor.position !== cursor.end) return "dns-trailing";
  const [answers, authorities, additionals] = sections;
  const header = parseHeader(bytes, offset, extendedRcode);
  return { ...header, questions, answers, authorities, additionals, edns };
}

function parseHeader(bytes: Uint8Array, offset: number, extendedRcode: number): Message {
  const flags = readUint16(bytes, offset + FIELD.flags);
  return {
    ...EMPTY,
    id: readUint16(bytes, offset + FIELD.id),
    response: (flags & FLAG.response) !== 0,
    opcode: (flags & FLAG.opcode) >>> OPCODE_SHIFT,
    authoritative: (flags & FLAG.authoritative) !== 0,
    truncated: (flags & FLAG.truncated) !== 0,
    recursionDesired: (flags & FLAG.recursionDesired) !== 0,
    recursionAvailable: (flags & FLAG.recursionAvailable) !== 0,
    reserved: (flags & FLAG.reserved) !== 0,
    authenticData: (flags & FLAG.authenticData) !== 0,
    checkingDisabled: (flags & FLAG.checkingDisabled) !== 0,
    rcode: (extendedRcode << 4) | (flags & FLAG.rcode),
  };
}

/** The caller has checked that the questions are all there. */
function parseQuestions(bytes: Uint8Array, offset: number, length: number): Question[] | undefined {
  const questions: Question[] = [];
  let at = offset + HEADER_BYTES;
  for (let left = readUint16(bytes, offset + FIELD.questions); left > 0; left--) {
    if (expandName(bytes, offset, offset + length, at, scratchName) === 0) return undefined;
    at = skipName(bytes, at, offset + length) + 4;
    questions.push({ name: formatName(scratchName), type: readUint16(bytes, at - 4), class: readUint16(bytes, at - 2) });
  }
  return questions;
}

function parseRecord(): ResourceRecord | MessageFault {
  const { bytes, start, end, type, ttlSeconds } = cursor;
  if (expandName(bytes, start, end, cursor.ownerOffset, scratchName) === 0) return "dns-name";
  const name = formatName(scratchName);
  const data = parseRdata(type, cursor.class, bytes, start, cursor.dataOffset, cursor.dataLength);
  return data === undefined ? "dns-rdata" : { name, type, class: cursor.class, ttlSeconds, data };
}

/**
 * The message as bytes, names compressed. OPT is the first additional record, so that a signature can stay the last.
 * Throws a RangeError for a name that is none and for a message over 65,535 bytes: mistakes in the program.
 */
export function emit(message: Message): Uint8Array {
  writer.begin(emitted, 0, emitted.length);
  writer.writeHeader(message.id, headerFlags(message));
  writer.setCount(FIELD.questions, message.questions.length);
  writer.setCount(FIELD.answers, message.answers.length);
  writer.setCount(FIELD.authorities, message.authorities.length);
  writer.setCount(FIELD.additionals, message.additionals.length + (message.edns === undefined ? 0 : 1));
  const fits =
    message.questions.every(emitQuestion) &&
    message.answers.every(emitRecord) &&
    message.authorities.every(emitRecord) &&
    (message.edns === undefined || emitEdns(writer, message.edns, message.rcode >>> 4)) &&
    message.additionals.every(emitRecord);
  if (!fits) throw new RangeError(`a DNS message is at most ${MESSAGE_BYTES_MOST} bytes`);
  return emitted.slice(0, writer.position);
}

function headerFlags(message: Message): number {
  return (
    (message.response ? FLAG.response : 0) |
    (message.opcode << OPCODE_SHIFT) |
    (message.authoritative ? FLAG.authoritative : 0) |
    (message.truncated ? FLAG.truncated : 0) |
    (message.recursionDesired ? FLAG.recursionDesired : 0) |
    (message.recursionAvailable ? FLAG.recursionAvailable : 0) |
    (message.reserved ? FLAG.reserved : 0) |
    (message.authenticData ? FLAG.authenticData : 0) |
    (message.checkingDisabled ? FLAG.checkingDisabled : 0) |
    (message.rcode & FLAG.rcode)
  );
}

function emitQuestion(question: Question): boolean {
  return emitName(question.name) && writer.writeUint16(question.type) && writer.writeUint16(question.class);
}

function emitRecord(record: ResourceRecord): boolean {
  if (!emitName(record.name) || !writer.writeRecordFixed(record.type, record.class, record.ttlSeconds)) return false;
  const dataStart = writer.position;
  if (!emitRdata(writer, record.type, record.data)) return false;
  writer.closeData(dataStart);
  return true;
}

function emitName(text: string): boolean {
  const name = parseName(text);
  if (name === undefined) throw new RangeError(`not a domain name: ${text}`);
  return writer.writeName(name);
}

/** One record as in a master file. */
export function describeRecord(record: ResourceRecord): string {
  const owner = record.name === "." ? "." : `${record.name}.`;
  const kind = `${formatClass(record.class)} ${formatType(record.type)}`;
  return `${owner} ${record.ttlSeconds} ${kind} ${formatRdata(record.type, record.data)}`;
}

/** One line as tcpdump prints it: `4711+ [1au] A? web1.tapnet.internal. (49)`, `4711* 1/0/0 A 10.77.0.10 (54)`. */
export function describe(bytes: Uint8Array, offset = 0, length = bytes.length - offset): string {
  const message = parse(bytes, offset, length);
  if (typeof message === "string") return `[${message}] (${length})`;
  const question = message.questions.map(({ name, type }) => `${formatType(type)}? ${name === "." ? "." : `${name}.`}`).join(" ");
  const options = message.edns === undefined ? "" : ` [${["edns", ...message.edns.options.map(describeOption)].join(", ")}]`;
  const opcode = message.opcode === 0 ? "" : ` ${formatOpcode(message.opcode)}`;
  if (!message.response) return `${message.id}${message.recursionDesired ? "+" : ""}${opcode}${options} ${question} (${length})`;
  const flags = `${message.authoritative ? "*" : ""}${message.recursionAvailable ? "" : "-"}${message.truncated ? "|" : ""}`;
  const rcode = message.rcode === RCODE.NOERROR ? "" : ` ${formatRcode(message.rcode)}`;
  const counts = `${message.answers.length}/${message.authorities.length}/${message.additionals.length}`;
  const answers = message.answers
    .map((record) => `${formatType(record.type)} ${formatRdata(record.type, record.data)}`)
    .join(", ");
  return `${message.id}${flags}${opcode}${rcode} ${counts}${options}${answers === "" ? "" : ` ${answers}`} (${length})`;
}
