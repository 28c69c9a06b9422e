/** PREF64 option (RFC 8781 §4): the NAT64 prefix of the network. */

import type { Ipv6Address } from "../../base/ipv6-address.js";
import { OPTION } from "./codes.js";
import * as option from "./option.js";

export const BYTES = 16;

export const FIELD = { lifetimeAndLength: 2, prefix: 4 } as const;

/** Prefix lengths by their code (RFC 8781 §4). */
const LENGTHS = [96, 64, 56, 48, 40, 32] as const;

/** Lifetimes are written in units of eight seconds, at most this long. */
export const LIFETIME_MOST_SECONDS = 65_528;

export interface Pref64 {
  /** Bits behind `prefixLength` are zero. */
  readonly prefix: Ipv6Address;
  /** 96, 64, 56, 48, 40 or 32. */
  readonly prefixLength: number;
  /** A multiple of eight. */
  readonly lifetimeSeconds: number;
}

export function isPrefixLength(length: number): boolean {
  return (LENGTHS as readonly number[]).includes(length);
}

export function check(view: DataView, offset: number): "ndp-option-malformed" | undefined {
  const sound = option.bytes(view, offset) === BYTES && (view.getUint16(offset + FIELD.lifetimeAndLength) & 7) < LENGTHS.length;
  return sound ? undefined : "ndp-option-malformed";
}

export function parse(view: DataView, offset: number): Pref64 {
  const packed = view.getUint16(offset + FIELD.lifetimeAndLength);
  const prefixLength = LENGTHS[packed & 7];
  const high = view.getBigUint64(offset + FIELD.prefix) << 64n;
  const address = high | (BigInt(view.getUint32(offset + FIELD.prefix + 8)) << 32n);
  const hostBits = BigInt(128 - prefixLength);
  return { prefix: (address >> hostBits) << hostBits, prefixLength, lifetimeSeconds: packed & 0xfff8 };
}

/** A lifetime that is no multiple of eight is rounded up, one that is too long is cut. */
export function emit(repr: Pref64, view: DataView, offset: number): number {
  option.emitHeader(OPTION.pref64, BYTES, view, offset);
  const seconds = Math.min(Math.ceil(repr.lifetimeSeconds / 8) * 8, LIFETIME_MOST_SECONDS);
  view.setUint16(offset + FIELD.lifetimeAndLength, seconds | LENGTHS.indexOf(repr.prefixLength as (typeof LENGTHS)[number]));
  view.setBigUint64(offset + FIELD.prefix, repr.prefix >> 64n);
  view.setUint32(offset + FIELD.prefix + 8, Number((repr.prefix >> 32n) & 0xffff_ffffn));
  return BYTES;
}
