import { readUint16 } from "./bytes.js";
import { expandName, NAME_LIMIT, skipName } from "./name.js";
import { CLASS, TYPE } from "./numbers.js";
import { type KnownType, LAYOUT, type Layout } from "./rdata.js";
import type { FieldKind } from "./rdata-fields.js";
import type { MessageWriter } from "./writer.js";

/** How `copyRdata` ended. */
export const COPY = { done: 0, malformed: 1, full: 2 } as const;

/** How a kind of field is walked over: a step of so many bytes, or one of these. */
const STEP = { name: -1, counted: -2, strings: -3, types: -4, parameters: -5, rest: -6 } as const;

const STEP_OF: Readonly<Record<FieldKind, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  time: 4,
  type: 2,
  ipv4: 4,
  ipv6: 16,
  name: STEP.name,
  string: STEP.counted,
  tag: STEP.counted,
  salt: STEP.counted,
  hash: STEP.counted,
  strings: STEP.strings,
  types: STEP.types,
  parameters: STEP.parameters,
  text: STEP.rest,
  hex: STEP.rest,
  base64: STEP.rest,
};

interface Walk {
  readonly steps: Int8Array;
  readonly compress: boolean;
  readonly internetOnly: boolean;
}

const rows: readonly [number, Walk][] = Object.entries(LAYOUT).map(([name, layout]: [string, Layout]) => {
  const steps = Int8Array.from(Object.values(layout.fields), (kind) => STEP_OF[kind]);
  return [TYPE[name as KnownType], { steps, compress: layout.compress === true, internetOnly: layout.internetOnly === true }];
});
const walkOfType = new Array<Walk | undefined>(Math.max(...rows.map(([type]) => type)) + 1).fill(undefined);
for (const [type, walk] of rows) walkOfType[type] = walk;

const expanded = new Uint8Array(NAME_LIMIT.nameBytes);
/** What a step over malformed data comes to: further than any data ends. */
const NOWHERE = 0x7fff_ffff;

/**
 * Writes the data of a record of another message, its names expanded and, where the type allows it, compressed anew.
 * Allocates nothing. Data that `parseRdata` would refuse is refused here: who passes on what he has not looked at hands his
 * clients whatever a server makes up.
 */
export function copyRdata(
  writer: MessageWriter,
  type: number,
  classNumber: number,
  bytes: Uint8Array,
  start: number,
  offset: number,
  length: number,
): (typeof COPY)[keyof typeof COPY] {
  const walk = type < walkOfType.length ? walkOfType[type] : undefined;
  const end = offset + length;
  if (walk === undefined || (walk.internetOnly && classNumber !== CLASS.IN)) {
    return writer.writeBytes(bytes, offset, length) ? COPY.done : COPY.full;
  }
  const { steps, compress } = walk;
  let at = offset;
  // What stands since the last name is copied in one piece.
  let copied = offset;
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index];
    if (step !== STEP.name) {
      at = step > 0 ? at + step : stepOver(step, bytes, at, end);
      if (at > end) return COPY.malformed;
      continue;
    }
    const next = skipName(bytes, at, end);
    if (next === 0 || expandName(bytes, start, end, at, expanded) === 0) return COPY.malformed;
    if (at > copied && !writer.writeBytes(bytes, copied, at - copied)) return COPY.full;
    if (!(compress ? writer.writeName(expanded) : writer.writePlainName(expanded))) return COPY.full;
    at = next;
    copied = next;
  }
  if (at !== end) return COPY.malformed;
  return end === copied || writer.writeBytes(bytes, copied, end - copied) ? COPY.done : COPY.full;
}

/** The first byte after a field of variable length; beyond `end` where it is malformed. */
function stepOver(step: number, bytes: Uint8Array, at: number, end: number): number {
  switch (step) {
    case STEP.counted:
      return overCounted(bytes, at, end);
    case STEP.strings:
      return overStrings(bytes, at, end);
    case STEP.types:
      return overTypes(bytes, at, end);
    case STEP.parameters:
      return overParameters(bytes, at, end);
    default:
      return end;
  }
}

function overCounted(bytes: Uint8Array, at: number, end: number): number {
  return at < end ? at + 1 + bytes[at] : NOWHERE;
}

/** One string at least (RFC 1035 §3.3.14). */
function overStrings(bytes: Uint8Array, at: number, end: number): number {
  let next = overCounted(bytes, at, end);
  while (next < end) next = overCounted(bytes, next, end);
  return next;
}

/** Windows ascend; each has 1 to 32 bytes (RFC 4034 §4.1.2). */
function overTypes(bytes: Uint8Array, at: number, end: number): number {
  let lastWindow = -1;
  let next = at;
  while (next < end) {
    if (next + 2 > end || bytes[next] <= lastWindow || bytes[next + 1] < 1 || bytes[next + 1] > 32) return NOWHERE;
    lastWindow = bytes[next];
    next += 2 + bytes[next + 1];
  }
  return next;
}

/** Keys ascend (RFC 9460 §2.2). */
function overParameters(bytes: Uint8Array, at: number, end: number): number {
  let lastKey = -1;
  let next = at;
  while (next < end) {
    if (next + 4 > end || readUint16(bytes, next) <= lastKey) return NOWHERE;
    lastKey = readUint16(bytes, next);
    next += 4 + readUint16(bytes, next + 2);
  }
  return next;
}
