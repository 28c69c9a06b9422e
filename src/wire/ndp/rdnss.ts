/** Recursive DNS Server option (RFC 8106 §5.1). */

import { type Ipv6Address, readIpv6, writeIpv6 } from "../../base/ipv6-address.js";
import { OPTION } from "./codes.js";
import * as option from "./option.js";

export const FIELD = { reserved: 2, lifetime: 4, addresses: 8 } as const;

export interface RecursiveDns {
  readonly lifetimeSeconds: number;
  /** One or more. */
  readonly addresses: readonly Ipv6Address[];
}

export function check(view: DataView, offset: number): "ndp-option-malformed" | undefined {
  const total = option.bytes(view, offset);
  return total < 24 || total % 16 !== 8 ? "ndp-option-malformed" : undefined;
}

export function parse(view: DataView, offset: number): RecursiveDns {
  const addresses: Ipv6Address[] = [];
  const end = option.next(view, offset);
  for (let at = offset + FIELD.addresses; at < end; at += 16) addresses.push(readIpv6(view, at));
  return { lifetimeSeconds: view.getUint32(offset + FIELD.lifetime), addresses };
}

export function emittedBytes(repr: RecursiveDns): number {
  return FIELD.addresses + repr.addresses.length * 16;
}

export function emit(repr: RecursiveDns, view: DataView, offset: number): number {
  const total = emittedBytes(repr);
  option.emitHeader(OPTION.recursiveDns, total, view, offset);
  view.setUint16(offset + FIELD.reserved, 0);
  view.setUint32(offset + FIELD.lifetime, repr.lifetimeSeconds);
  for (const [index, address] of repr.addresses.entries()) writeIpv6(view, offset + FIELD.addresses + index * 16, address);
  return total;
}
