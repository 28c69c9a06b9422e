import { formatIpv4, type Ipv4Address, parseIpv4 } from "../../base/ipv4-address.js";
import { formatIpv6, type Ipv6Address, parseIpv6 } from "../../base/ipv6-address.js";
import { readUint16, readUint32 } from "./bytes.js";
import { expandName, formatCharacters, formatName, NAME_LIMIT, parseName, readCharacter, skipName } from "./name.js";
import { formatType, parseType } from "./numbers.js";
import type { MessageWriter } from "./writer.js";

/** One parameter of a service binding (RFC 9460 §2.2); the value is left as it is. */
export interface ServiceParameter {
  readonly key: number;
  readonly value: Uint8Array;
}

/** What each kind of field is in a repr. */
export interface FieldValue {
  u8: number;
  u16: number;
  u32: number;
  /** Seconds since 1970, modulo 2³² (RFC 4034 §3.1.5). */
  time: number;
  type: number;
  ipv4: Ipv4Address;
  ipv6: Ipv6Address;
  /** Text of `formatName`. */
  name: string;
  /** A length byte and as many bytes (RFC 1035 §3.3). */
  string: Uint8Array;
  /** The same, written without quotes. */
  tag: Uint8Array;
  /** One string or more, up to the end. */
  strings: readonly Uint8Array[];
  /** Everything up to the end, in the spelling that people know. */
  text: Uint8Array;
  hex: Uint8Array;
  base64: Uint8Array;
  /** A length byte and as many bytes, in hexadecimal, or `-` (RFC 5155 §3.3). */
  salt: Uint8Array;
  /** A length byte and as many bytes, in base 32 (RFC 5155 §3.3). */
  hash: Uint8Array;
  /** A type bitmap (RFC 4034 §4.1.2), ascending. */
  types: readonly number[];
  parameters: readonly ServiceParameter[];
}
export type FieldKind = keyof FieldValue;

/** Data being parsed: `at` moves on, up to `end`; names may point back to `start`, the message's first byte. */
export interface RdataInput {
  readonly bytes: Uint8Array;
  readonly start: number;
  at: number;
  readonly end: number;
}

/** A word of a record's text; quotes and escapes are undone. */
export interface Token {
  /** As written, for numbers, addresses and names. */
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** How one kind of field is read, written and shown. `parse` and `read` give undefined for what is malformed. */
export interface FieldCodec<Value> {
  parse(input: RdataInput): Value | undefined;
  /** False where the message has no room. */
  emit(writer: MessageWriter, value: Value, compress: boolean): boolean;
  format(value: Value): string;
  /** Takes its words off the front of `tokens`. */
  read(tokens: Token[]): Value | undefined;
}

const scratchName = new Uint8Array(NAME_LIMIT.nameBytes);

export const FIELD_CODEC: { readonly [Kind in FieldKind]: FieldCodec<FieldValue[Kind]> } = {
  u8: integer(1),
  u16: integer(2),
  u32: integer(4),
  time: { ...integer(4), format: formatTime, read: (tokens) => readTime(tokens.shift()?.text) },
  type: { ...integer(2), format: formatType, read: (tokens) => parseType(tokens.shift()?.text ?? "") },
  ipv4: { ...integer(4), format: formatIpv4, read: (tokens) => parseIpv4(tokens.shift()?.text ?? "") },
  ipv6: {
    parse(input) {
      const high = parseHalf(input);
      const low = parseHalf(input);
      return high === undefined || low === undefined ? undefined : (high << 64n) | low;
    },
    emit(writer, value) {
      for (let shift = 96n; shift >= 0n; shift -= 32n) {
        if (!writer.writeUint32(Number((value >> shift) & 0xffff_ffffn))) return false;
      }
      return true;
    },
    format: formatIpv6,
    read: (tokens) => parseIpv6(tokens.shift()?.text ?? ""),
  },
  name: {
    parse(input) {
      const next = skipName(input.bytes, input.at, input.end);
      if (next === 0 || expandName(input.bytes, input.start, input.end, input.at, scratchName) === 0) return undefined;
      input.at = next;
      return formatName(scratchName);
    },
    emit(writer, value, compress) {
      const wire = parseName(value);
      if (wire === undefined) throw new RangeError(`not a domain name: ${value}`);
      return compress ? writer.writeName(wire) : writer.writePlainName(wire);
    },
    format: (value) => (value === "." ? "." : `${value}.`),
    read(tokens) {
      const wire = parseName(tokens.shift()?.text ?? "");
      return wire === undefined ? undefined : formatName(wire);
    },
  },
  string: { parse: parseCounted, emit: emitCounted, format: formatQuoted, read: (tokens) => readCounted(tokens.shift()) },
  tag: {
    parse: parseCounted,
    emit: emitCounted,
    format: (value) => formatCharacters(value, '"\\'),
    read: (tokens) => readCounted(tokens.shift()),
  },
  strings: {
    parse(input) {
      const strings: Uint8Array[] = [];
      while (input.at < input.end) {
        const string = parseCounted(input);
        if (string === undefined) return undefined;
        strings.push(string);
      }
      return strings.length === 0 ? undefined : strings;
    },
    emit: (writer, value) => value.every((string) => emitCounted(writer, string)),
    format: (value) => value.map(formatQuoted).join(" "),
    read(tokens) {
      const strings = tokens.splice(0).map(readCounted);
      return strings.length > 0 && strings.every((string) => string !== undefined) ? strings : undefined;
    },
  },
  text: { parse: parseRest, emit: emitRest, format: formatQuoted, read: (tokens) => tokens.shift()?.bytes },
  hex: { parse: parseRest, emit: emitRest, format: formatHex, read: (tokens) => readHex(joined(tokens)) },
  base64: {
    parse: parseRest,
    emit: emitRest,
    format: (value) => Buffer.from(value).toString("base64"),
    read: (tokens) => readBase64(joined(tokens)),
  },
  salt: {
    parse: parseCounted,
    emit: emitCounted,
    format: (value) => (value.length === 0 ? "-" : formatHex(value)),
    read(tokens) {
      const text = tokens.shift()?.text;
      return text === "-" ? new Uint8Array(0) : readHex(text ?? "");
    },
  },
  hash: {
    parse: parseCounted,
    emit: emitCounted,
    format: formatBase32,
    read: (tokens) => readBase32(tokens.shift()?.text ?? ""),
  },
  types: {
    parse: parseTypes,
    emit: emitTypes,
    format: (value) => value.map(formatType).join(" "),
    read(tokens) {
      const types = tokens.splice(0).map((token) => parseType(token.text));
      return types.every((type) => type !== undefined) ? [...new Set(types)].sort((one, other) => one - other) : undefined;
    },
  },
  parameters: { parse: parseParameters, emit: emitParameters, format: formatParameters, read: readParameters },
};

function integer(width: 1 | 2 | 4): FieldCodec<number> {
  return {
    parse(input) {
      const at = input.at;
      if (at + width > input.end) return undefined;
      input.at += width;
      if (width === 4) return readUint32(input.bytes, at);
      return width === 2 ? readUint16(input.bytes, at) : input.bytes[at];
    },
    emit(writer, value) {
      if (width === 4) return writer.writeUint32(value);
      return width === 2 ? writer.writeUint16(value) : writer.writeByte(value);
    },
    format: String,
    read(tokens) {
      const text = tokens.shift()?.text ?? "";
      const value = Number(text);
      return /^\d{1,10}$/.test(text) && value < 2 ** (8 * width) ? value : undefined;
    },
  };
}

function parseHalf(input: RdataInput): bigint | undefined {
  const high = FIELD_CODEC.u32.parse(input);
  const low = FIELD_CODEC.u32.parse(input);
  return high === undefined || low === undefined ? undefined : (BigInt(high) << 32n) | BigInt(low);
}

function parseCounted(input: RdataInput): Uint8Array | undefined {
  const { bytes, at, end } = input;
  if (at >= end || at + 1 + bytes[at] > end) return undefined;
  input.at = at + 1 + bytes[at];
  return bytes.slice(at + 1, input.at);
}

function emitCounted(writer: MessageWriter, value: Uint8Array): boolean {
  return writer.writeByte(value.length) && writer.writeBytes(value, 0, value.length);
}

function readCounted(token: Token | undefined): Uint8Array | undefined {
  return token === undefined || token.bytes.length > 255 ? undefined : token.bytes;
}

function parseRest(input: RdataInput): Uint8Array {
  const rest = input.bytes.slice(input.at, input.end);
  input.at = input.end;
  return rest;
}

function emitRest(writer: MessageWriter, value: Uint8Array): boolean {
  return writer.writeBytes(value, 0, value.length);
}

function parseTypes(input: RdataInput): number[] | undefined {
  const { bytes, end } = input;
  const types: number[] = [];
  let lastWindow = -1;
  while (input.at < end) {
    const window = bytes[input.at];
    const length = bytes[input.at + 1];
    const first = input.at + 2;
    if (first > end || window <= lastWindow || length < 1 || length > 32 || first + length > end) return undefined;
    for (let bit = 0; bit < length * 8; bit++) {
      if ((bytes[first + (bit >>> 3)] & (0x80 >>> (bit & 7))) !== 0) types.push(window * 256 + bit);
    }
    lastWindow = window;
    input.at = first + length;
  }
  return types;
}

function emitTypes(writer: MessageWriter, types: readonly number[]): boolean {
  for (let index = 0; index < types.length; ) {
    const window = types[index] >>> 8;
    const bitmap = new Uint8Array(32);
    let length = 0;
    for (; index < types.length && types[index] >>> 8 === window; index++) {
      const bit = types[index] & 255;
      bitmap[bit >>> 3] |= 0x80 >>> (bit & 7);
      length = (bit >>> 3) + 1;
    }
    if (!writer.writeByte(window) || !writer.writeByte(length) || !writer.writeBytes(bitmap, 0, length)) return false;
  }
  return true;
}

function parseParameters(input: RdataInput): ServiceParameter[] | undefined {
  const parameters: ServiceParameter[] = [];
  let lastKey = -1;
  while (input.at < input.end) {
    const key = FIELD_CODEC.u16.parse(input);
    const length = FIELD_CODEC.u16.parse(input);
    // RFC 9460 §2.2: keys ascend, none twice.
    if (key === undefined || length === undefined || key <= lastKey || input.at + length > input.end) return undefined;
    parameters.push({ key, value: input.bytes.slice(input.at, input.at + length) });
    input.at += length;
    lastKey = key;
  }
  return parameters;
}

function emitParameters(writer: MessageWriter, parameters: readonly ServiceParameter[]): boolean {
  return parameters.every(
    ({ key, value }) => writer.writeUint16(key) && writer.writeUint16(value.length) && emitRest(writer, value),
  );
}

function formatParameters(parameters: readonly ServiceParameter[]): string {
  return parameters.map(({ key, value }) => `key${key}${value.length === 0 ? "" : `=${formatQuoted(value)}`}`).join(" ");
}

/** The generic spelling of RFC 9460 §2.1, `key3="\001\187"`: it needs no knowledge of the key. */
function readParameters(tokens: Token[]): ServiceParameter[] | undefined {
  const parameters: ServiceParameter[] = [];
  for (const token of tokens.splice(0)) {
    const match = /^key(0|[1-9]\d{0,4})(?:=|$)/.exec(token.text);
    if (match === null || Number(match[1]) > 0xffff) return undefined;
    parameters.push({ key: Number(match[1]), value: token.bytes.slice(match[0].length) });
  }
  parameters.sort((one, other) => one.key - other.key);
  return parameters.every(({ key }, index) => index === 0 || key > parameters[index - 1].key) ? parameters : undefined;
}

/** `"printable \"text\""`, other bytes as `\DDD` (RFC 1035 §5.1). */
function formatQuoted(bytes: Uint8Array): string {
  return `"${formatCharacters(bytes, '"\\').replaceAll("\\032", " ")}"`;
}

function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replaceAll(/[-:T]|\..*$/g, "");
}

function readTime(text = ""): number | undefined {
  if (/^\d{1,10}$/.test(text)) return Number(text) < 2 ** 32 ? Number(text) : undefined;
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text)?.slice(1).map(Number);
  if (match === undefined) return undefined;
  const seconds = Date.UTC(match[0], match[1] - 1, match[2], match[3], match[4], match[5]) / 1000;
  return seconds >= 0 && seconds < 2 ** 32 ? seconds : undefined;
}

function joined(tokens: Token[]): string {
  return tokens
    .splice(0)
    .map((token) => token.text)
    .join("");
}

function formatHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase();
}

export function readHex(text: string): Uint8Array | undefined {
  return /^(?:[0-9a-f]{2})*$/i.test(text) ? new Uint8Array(Buffer.from(text, "hex")) : undefined;
}

function readBase64(text: string): Uint8Array | undefined {
  return /^[0-9a-z+/]*={0,2}$/i.test(text) && text.length % 4 === 0 ? new Uint8Array(Buffer.from(text, "base64")) : undefined;
}

const BASE32_DIGITS = "0123456789abcdefghijklmnopqrstuv";

function formatBase32(bytes: Uint8Array): string {
  let text = "";
  for (let bit = 0; bit < bytes.length * 8; bit += 5) {
    const pair = (bytes[bit >>> 3] << 8) | (bytes[(bit >>> 3) + 1] ?? 0);
    text += BASE32_DIGITS[(pair >>> (11 - (bit & 7))) & 31];
  }
  return text;
}

function readBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let pending = 0;
  let bits = 0;
  let length = 0;
  for (const character of text.toLowerCase()) {
    const digit = BASE32_DIGITS.indexOf(character);
    if (digit < 0) return undefined;
    pending = ((pending << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[length++] = pending >>> bits;
    }
  }
  return bytes.length > 255 ? undefined : bytes;
}

/** Cuts a record's text into words; quoted ones may hold blanks. Undefined where a quote or an escape is not finished. */
export function tokenize(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  for (let at = 0; ; ) {
    while (text[at] === " " || text[at] === "\t") at++;
    if (at >= text.length) return tokens;
    const from = at;
    const bytes: number[] = [];
    let quoted = false;
    for (; at < text.length && (quoted || (text[at] !== " " && text[at] !== "\t")); ) {
      if (text[at] === '"') {
        quoted = !quoted;
        at++;
        continue;
      }
      const character = quoted && text[at] === " " ? { byte: 0x20, width: 1 } : readCharacter(text, at);
      if (character === undefined) return undefined;
      bytes.push(character.byte);
      at += character.width;
    }
    if (quoted) return undefined;
    tokens.push({ text: text.slice(from, at), bytes: Uint8Array.from(bytes) });
  }
}
