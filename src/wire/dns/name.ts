/** What RFC 1035 §2.3.4 allows: bytes of a name with its length bytes and the root's zero, bytes of a label, and so labels. */
export const NAME_LIMIT = { nameBytes: 255, labelBytes: 63, labels: 127 } as const;

/** The two upper bits of a length byte that is a compression pointer (RFC 1035 §4.1.4). */
export const POINTER_BITS = 0xc0;
/** How often one name may jump. A pointer leads to a label, or it says nothing; so no honest name jumps more often. */
const JUMPS_MOST = NAME_LIMIT.labels;

/** Each byte with ASCII capitals made small, which is how names compare (RFC 4343 §3). */
export const FOLD = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));

const HASH_FACTOR = 0x0100_0193;

/** One step of the hash of a label or name; `byte` is folded. */
export function hashByte(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, HASH_FACTOR);
}

/** Spreads a hash over all its bits, so that any of them can pick a bucket. */
export function finishHash(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x21f0_aaad);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

const parsed = new Uint8Array(NAME_LIMIT.nameBytes + 1);

/**
 * Text (RFC 1035 §5.1: `\.`, `\032`) to an uncompressed wire name; the final dot may be missing, `.` is the root.
 *
 * Undefined for an empty label, a label over 63 bytes, a name over 255 bytes, a broken escape, or anything but printable
 * ASCII outside an escape. Case is kept.
 */
export function parseName(text: string): Uint8Array | undefined {
  if (text === ".") return Uint8Array.of(0);
  const wire = parsed;
  let labelStart = 0;
  let length = 1;
  for (let at = 0; at < text.length; ) {
    if (text[at] === ".") {
      if (!closeLabel(wire, labelStart, length)) return undefined;
      labelStart = length++;
      at++;
      continue;
    }
    const character = readCharacter(text, at);
    // One byte stays for the root.
    if (character === undefined || length >= NAME_LIMIT.nameBytes - 1) return undefined;
    wire[length++] = character.byte;
    at += character.width;
  }
  // Nothing at all is no name. A final dot has left an open label of no bytes: its length byte is the root's.
  if (length === 1) return undefined;
  if (length === labelStart + 1) wire[labelStart] = 0;
  else if (closeLabel(wire, labelStart, length)) wire[length++] = 0;
  else return undefined;
  return wire.slice(0, length);
}

function closeLabel(wire: Uint8Array, labelStart: number, end: number): boolean {
  const bytes = end - labelStart - 1;
  if (bytes < 1 || bytes > NAME_LIMIT.labelBytes) return false;
  wire[labelStart] = bytes;
  return true;
}

/** One character of text in master file format, plain or escaped: its byte, and how many characters of text it took. */
export function readCharacter(text: string, at: number): { byte: number; width: number } | undefined {
  const code = text.charCodeAt(at);
  if (code > 0x20 && code < 0x7f && code !== 0x5c) return { byte: code, width: 1 };
  if (code !== 0x5c) return undefined;
  const decimal = /^\d{3}/.exec(text.slice(at + 1, at + 4))?.[0];
  if (decimal !== undefined) return Number(decimal) <= 255 ? { byte: Number(decimal), width: 4 } : undefined;
  const escaped = text.charCodeAt(at + 1);
  return escaped >= 0x20 && escaped < 0x7f && !(escaped >= 0x30 && escaped <= 0x39) ? { byte: escaped, width: 2 } : undefined;
}

/** Letters, digits, hyphen and underscore: what hardly any name has others than. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) => (/[\w-]/.test(String.fromCharCode(byte)) ? 1 : 0));
const plainText = Buffer.alloc(NAME_LIMIT.nameBytes);
const DOT = 0x2e;

/** An uncompressed wire name as text, without the final dot (the root is `.`); `parseName` gives the same bytes back. */
export function formatName(wire: Uint8Array, offset = 0): string {
  if (wire[offset] === 0) return ".";
  let length = 0;
  let isPlain = 1;
  for (let at = offset; wire[at] !== 0; ) {
    const end = at + wire[at] + 1;
    plainText[length++] = DOT;
    for (at++; at < end; at++) {
      isPlain &= PLAIN[wire[at]];
      plainText[length++] = wire[at];
    }
  }
  return isPlain === 1 ? plainText.toString("latin1", 1, length) : formatEscaped(wire, offset);
}

function formatEscaped(wire: Uint8Array, offset: number): string {
  const labels: string[] = [];
  for (let at = offset; wire[at] !== 0; at += wire[at] + 1) {
    labels.push(formatCharacters(wire.subarray(at + 1, at + 1 + wire[at]), '."\\();@$'));
  }
  return labels.join(".");
}

/** Bytes as text of a master file: those of `special` behind a backslash, those that do not print as `\DDD`. */
export function formatCharacters(bytes: Uint8Array, special: string): string {
  let text = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    if (special.includes(character)) text += `\\${character}`;
    else if (byte > 0x20 && byte < 0x7f) text += character;
    else text += `\\${String(byte).padStart(3, "0")}`;
  }
  return text;
}

/** How many bytes an uncompressed wire name takes; the caller knows that it is whole. */
export function nameLength(bytes: Uint8Array, offset = 0): number {
  let at = offset;
  while (bytes[at] !== 0) at += bytes[at] + 1;
  return at + 1 - offset;
}

/** Whether two uncompressed wire names are the same, but for case. */
export function sameName(one: Uint8Array, oneOffset: number, other: Uint8Array, otherOffset: number): boolean {
  for (let index = 0; ; ) {
    const length = one[oneOffset + index];
    if (length !== other[otherOffset + index]) return false;
    if (length === 0) return true;
    for (const end = index + length + 1; index < end; index++) {
      if (FOLD[one[oneOffset + index]] !== FOLD[other[otherOffset + index]]) return false;
    }
  }
}

/** A copy of an uncompressed wire name in small letters. */
export function foldName(name: Uint8Array): Uint8Array {
  return name.map((byte) => FOLD[byte]);
}

/** Whether `name` is `ancestor` or stands below it; both uncompressed. */
export function isAtOrBelow(name: Uint8Array, ancestor: Uint8Array): boolean {
  for (let at = 0; ; at += name[at] + 1) {
    const rest = name.length - at;
    if (rest === ancestor.length) return sameName(name, at, ancestor, 0);
    if (rest < ancestor.length) return false;
  }
}

/**
 * The first byte after a possibly compressed name that starts at `at`; 0 where it is malformed or runs past `end`.
 * Pointers are not followed: `expandName` does.
 */
export function skipName(bytes: Uint8Array, at: number, end: number): number {
  for (let next = at; next < end; ) {
    const length = bytes[next];
    if (length === 0) return next + 1;
    if (length >= POINTER_BITS) return next + 2 <= end ? next + 2 : 0;
    if (length > NAME_LIMIT.labelBytes) return 0;
    next += length + 1;
  }
  return 0;
}

/**
 * Writes the name that starts at `at`, uncompressed, to `out`, which has room for 255 bytes from `outOffset`. Returns its
 * length; 0 where it is malformed.
 *
 * Each pointer must lead in front of the run of labels that it ends, and not into the header (RFC 1035 §4.1.4: "a prior
 * occurrence"), so every jump goes back and no name has a cycle.
 */
export function expandName(bytes: Uint8Array, start: number, end: number, at: number, out: Uint8Array, outOffset = 0): number {
  let written = 0;
  let jumps = 0;
  let runStart = at;
  for (let next = at; next < end; ) {
    const length = bytes[next];
    if (length >= POINTER_BITS) {
      if (next + 1 >= end || ++jumps > JUMPS_MOST) return 0;
      const target = start + (((length & ~POINTER_BITS) << 8) | bytes[next + 1]);
      if (target >= runStart || target < start + 12) return 0;
      next = target;
      runStart = target;
      continue;
    }
    const most = length === 0 ? NAME_LIMIT.nameBytes : NAME_LIMIT.nameBytes - 1;
    if (length > NAME_LIMIT.labelBytes || next + length >= end || written + length + 1 > most) return 0;
    for (const stop = next + length + 1; next < stop; ) out[outOffset + written++] = bytes[next++];
    if (length === 0) return written;
  }
  return 0;
}
