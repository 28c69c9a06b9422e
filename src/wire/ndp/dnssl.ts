/** DNS Search List option (RFC 8106 §5.2): uncompressed names, padded with zero octets. */

import * as domainList from "../domain-list.js";
import { OPTION } from "./codes.js";
import * as option from "./option.js";

export const FIELD = { reserved: 2, lifetime: 4, names: 8 } as const;

export interface DnsSearchList {
  readonly lifetimeSeconds: number;
  /** One or more, none empty. */
  readonly names: readonly string[];
}

export function check(view: DataView, offset: number): "ndp-option-malformed" | undefined {
  if (option.bytes(view, offset) < 16) return "ndp-option-malformed";
  const end = namesEnd(view, offset);
  return end === undefined || end === offset + FIELD.names ? "ndp-option-malformed" : undefined;
}

/** Where the names end and the padding starts; undefined when the names are broken. */
function namesEnd(view: DataView, offset: number): number | undefined {
  const end = option.next(view, offset);
  let at = offset + FIELD.names;
  while (at < end && view.getUint8(at) !== 0) {
    const next = domainList.nameEnd(view, at, end);
    if (typeof next === "string") return undefined;
    at = next;
  }
  return at;
}

export function parse(view: DataView, offset: number): DnsSearchList {
  const end = namesEnd(view, offset) ?? offset + FIELD.names;
  const names = domainList.parse(view, offset + FIELD.names, end - offset - FIELD.names);
  return { lifetimeSeconds: view.getUint32(offset + FIELD.lifetime), names: typeof names === "string" ? [] : names };
}

export function emittedBytes(repr: DnsSearchList): number {
  return option.padded(FIELD.names + domainList.emittedBytes(repr.names));
}

export function emit(repr: DnsSearchList, view: DataView, offset: number): number {
  const total = emittedBytes(repr);
  option.emitHeader(OPTION.dnsSearchList, total, view, offset);
  view.setUint16(offset + FIELD.reserved, 0);
  view.setUint32(offset + FIELD.lifetime, repr.lifetimeSeconds);
  let at = offset + FIELD.names + domainList.emit(repr.names, view, offset + FIELD.names);
  while (at < offset + total) view.setUint8(at++, 0);
  return total;
}
