/**
 * Options of IPv4 on their way through a router (RFC 791 §3.1, RFC 1812 §5.3.13): record route and timestamps are filled in,
 * source routes are refused, everything else passes. What a fragment keeps of them is decided here as well.
 */
import { HEADER_BYTES } from "../../wire/ipv4.js";

const OPTION = { end: 0, noOperation: 1, recordRoute: 7, timestamp: 68, looseSource: 131, strictSource: 137 } as const;
const COPIED = 0x80;
const TIMESTAMP = { only: 0, withAddress: 1, prespecified: 3 } as const;
const DAY_MS = 86_400_000;

export const OPTIONS = { fine: 0, changed: 1, sourceRouted: 2, malformed: 3 } as const;
export type OptionsFinding = (typeof OPTIONS)[keyof typeof OPTIONS];

export class Ipv4Options {
  /** Offset of the mistake in the header, for a parameter problem, after `malformed`. */
  pointer = 0;

  /** Looks at all options of the header at `offset`; nothing is changed. */
  check(view: DataView, offset: number, headerBytes: number): OptionsFinding {
    let sourceRouted = false;
    for (let at = HEADER_BYTES; at < headerBytes; ) {
      const type = view.getUint8(offset + at);
      if (type === OPTION.end) break;
      if (type === OPTION.noOperation) {
        at++;
        continue;
      }
      const length = at + 1 < headerBytes ? view.getUint8(offset + at + 1) : 0;
      if (length < 2 || at + length > headerBytes) return this.#malformed(at);
      const fault = faultIn(view, offset + at, type, length);
      if (fault > 0) return this.#malformed(at + fault);
      if (type === OPTION.looseSource || type === OPTION.strictSource) sourceRouted = true;
      at += length;
    }
    return sourceRouted ? OPTIONS.sourceRouted : OPTIONS.fine;
  }

  /** Fills in record route and timestamp options of a header that `check` found fine: `address` is ours on the way out. */
  fill(view: DataView, offset: number, headerBytes: number, address: number, nowMs: number): OptionsFinding {
    let changed = false;
    for (let at = HEADER_BYTES; at < headerBytes; ) {
      const type = view.getUint8(offset + at);
      if (type === OPTION.end) break;
      if (type === OPTION.recordRoute) changed = recordRoute(view, offset + at, address) || changed;
      if (type === OPTION.timestamp) changed = stamp(view, offset + at, address, nowMs) || changed;
      at += type === OPTION.noOperation ? 1 : view.getUint8(offset + at + 1);
    }
    return changed ? OPTIONS.changed : OPTIONS.fine;
  }

  #malformed(pointer: number): OptionsFinding {
    this.pointer = pointer;
    return OPTIONS.malformed;
  }
}

/** Offset of what is wrong within one option; 0 for nothing. */
function faultIn(view: DataView, at: number, type: number, length: number): number {
  switch (type) {
    case OPTION.recordRoute:
    case OPTION.looseSource:
    case OPTION.strictSource:
      if (length < 3) return 1;
      return view.getUint8(at + 2) < 4 ? 2 : 0;
    case OPTION.timestamp:
      if (length < 4) return 1;
      return view.getUint8(at + 2) < 5 ? 2 : 0;
    default:
      return 0;
  }
}

function recordRoute(view: DataView, at: number, address: number): boolean {
  const length = view.getUint8(at + 1);
  const pointer = view.getUint8(at + 2);
  if (pointer + 3 > length) return false;
  view.setInt32(at + pointer - 1, address);
  view.setUint8(at + 2, pointer + 4);
  return true;
}

function stamp(view: DataView, at: number, address: number, nowMs: number): boolean {
  const length = view.getUint8(at + 1);
  const pointer = view.getUint8(at + 2);
  const kind = view.getUint8(at + 3) & 15;
  const needed = kind === TIMESTAMP.only ? 4 : 8;
  if (pointer + needed - 1 > length) return countOverflow(view, at);
  if (kind === TIMESTAMP.prespecified && view.getInt32(at + pointer - 1) !== address) return false;
  if (kind === TIMESTAMP.withAddress) view.setInt32(at + pointer - 1, address);
  else if (kind !== TIMESTAMP.only && kind !== TIMESTAMP.prespecified) return false;
  view.setUint32(at + pointer + needed - 5, Math.floor(nowMs) % DAY_MS);
  view.setUint8(at + 2, pointer + needed);
  return true;
}

/** Routers that found no room are counted in four bits, which stay at their end. */
function countOverflow(view: DataView, at: number): boolean {
  const overflow = view.getUint8(at + 3) >>> 4;
  if (overflow === 15) return false;
  view.setUint8(at + 3, ((overflow + 1) << 4) | (view.getUint8(at + 3) & 15));
  return true;
}

/** Blanks the options that only the first fragment carries (RFC 791: those whose copied flag is not set). */
export function keepCopiedOptions(view: DataView, offset: number, headerBytes: number): void {
  for (let at = HEADER_BYTES; at < headerBytes; ) {
    const type = view.getUint8(offset + at);
    if (type === OPTION.end) return;
    const length = type === OPTION.noOperation ? 1 : view.getUint8(offset + at + 1);
    if ((type & COPIED) === 0)
      for (let index = 0; index < length; index++) view.setUint8(offset + at + index, OPTION.noOperation);
    at += length;
  }
}
