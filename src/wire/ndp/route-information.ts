/**
 * Route Information option (RFC 4191 §2.3): a more specific route through this router. The prefix is written as short as it
 * may be.
 */

import { type Ipv6Address, readIpv6, writeIpv6 } from "../../base/ipv6-address.js";
import { OPTION, PREFERENCE, type Preference, preferenceOf } from "./codes.js";
import * as option from "./option.js";

export const FIELD = { prefixLength: 2, flags: 3, lifetime: 4, prefix: 8 } as const;

export interface RouteInformation {
  /** Bits behind `prefixLength` are zero. */
  readonly prefix: Ipv6Address;
  readonly prefixLength: number;
  readonly preference: Preference;
  readonly lifetimeSeconds: number;
}

export function check(view: DataView, offset: number): "ndp-option-malformed" | undefined {
  const prefixLength = view.getUint8(offset + FIELD.prefixLength);
  const total = option.bytes(view, offset);
  const enough = total <= 24 && prefixLength <= 128 && total >= FIELD.prefix + prefixBytes(prefixLength);
  return enough ? undefined : "ndp-option-malformed";
}

/** Zero, eight or sixteen. */
function prefixBytes(prefixLength: number): number {
  return Math.ceil(prefixLength / 64) * 8;
}

export function parse(view: DataView, offset: number): RouteInformation {
  const prefixLength = view.getUint8(offset + FIELD.prefixLength);
  return {
    prefix: readPrefix(view, offset + FIELD.prefix, prefixLength),
    prefixLength,
    preference: preferenceOf((view.getUint8(offset + FIELD.flags) >>> 3) & 3),
    lifetimeSeconds: view.getUint32(offset + FIELD.lifetime),
  };
}

function readPrefix(view: DataView, offset: number, prefixLength: number): Ipv6Address {
  if (prefixLength === 0) return 0n;
  const address = prefixLength > 64 ? readIpv6(view, offset) : view.getBigUint64(offset) << 64n;
  const hostBits = BigInt(128 - prefixLength);
  return (address >> hostBits) << hostBits;
}

export function emittedBytes(repr: RouteInformation): number {
  return FIELD.prefix + prefixBytes(repr.prefixLength);
}

export function emit(repr: RouteInformation, view: DataView, offset: number): number {
  const total = emittedBytes(repr);
  option.emitHeader(OPTION.routeInformation, total, view, offset);
  view.setUint8(offset + FIELD.prefixLength, repr.prefixLength);
  view.setUint8(offset + FIELD.flags, PREFERENCE[repr.preference] << 3);
  view.setUint32(offset + FIELD.lifetime, repr.lifetimeSeconds);
  if (total === 16) view.setBigUint64(offset + FIELD.prefix, repr.prefix >> 64n);
  if (total === 24) writeIpv6(view, offset + FIELD.prefix, repr.prefix);
  return total;
}
