/** What a router has to know of extension headers all the same (RFC 8200 §4): few packets have any. */
import * as icmpv6 from "../../wire/icmpv6.js";
import { EXTENSION_HEADERS_MOST, FIELD, HEADER_BYTES, isExtension, NEXT_HEADER } from "../../wire/ipv6.js";

const PAD1 = 0;
/** Of an option's type: what a node does that does not know it. Zero: it goes on. */
const UNKNOWN_BITS = 0xc0;
const FRAGMENT_OFFSET = 0xfff8;
const FRAGMENT_BYTES = 8;
/** Informational messages have the high bit (RFC 4443 §2.1). */
const INFORMATIONAL = 0x80;

/**
 * Whether a packet carries something about which no error may be originated (RFC 4443 §2.4 e): an ICMPv6 error, a redirect, what
 * may be a piece of one, or what cannot be told. The packet's length was checked; unlike what is for us it may be a fragment, and
 * its route may not be at its end.
 */
export function mayBeIcmpv6Error(view: DataView, packet: number): boolean {
  const end = packet + HEADER_BYTES + view.getUint16(packet + FIELD.payloadLength);
  let protocol = view.getUint8(packet + FIELD.nextHeader);
  let at = packet + HEADER_BYTES;
  for (let count = 0; count <= EXTENSION_HEADERS_MOST; count++) {
    if (protocol === NEXT_HEADER.icmpv6) return at >= end || isErrorType(view.getUint8(at));
    if (!isExtension(protocol)) return false;
    if (at + FRAGMENT_BYTES > end) return true;
    const next = view.getUint8(at);
    if (protocol === NEXT_HEADER.fragment) {
      if ((view.getUint16(at + 2) & FRAGMENT_OFFSET) !== 0) return next === NEXT_HEADER.icmpv6 || isExtension(next);
      at += FRAGMENT_BYTES;
    } else {
      const words = view.getUint8(at + 1);
      at += protocol === NEXT_HEADER.authentication ? (words + 2) * 4 : (words + 1) * 8;
    }
    protocol = next;
  }
  return true;
}

function isErrorType(type: number): boolean {
  return (type & INFORMATIONAL) === 0 || type === icmpv6.TYPE.redirect;
}

/**
 * Whether all that stands between a packet's header and `upper` may be passed over by a node that knows none of it: options of
 * which it is said so (RFC 8200 §4.2). `ExtensionWalk` has found `upper`, so lengths are right.
 */
export function mayPassOver(view: DataView, packet: number, upper: number): boolean {
  let protocol = view.getUint8(packet + FIELD.nextHeader);
  for (let at = packet + HEADER_BYTES; at < upper; ) {
    if (protocol !== NEXT_HEADER.hopByHop && protocol !== NEXT_HEADER.destinationOptions) return false;
    const end = at + (view.getUint8(at + 1) + 1) * 8;
    if (!haveNoOrders(view, at + 2, end)) return false;
    protocol = view.getUint8(at);
    at = end;
  }
  return true;
}

function haveNoOrders(view: DataView, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const type = view.getUint8(at);
    if (type === PAD1) {
      at++;
      continue;
    }
    const isWhole = at + 2 <= end && at + 2 + view.getUint8(at + 1) <= end;
    if (!isWhole || (type & UNKNOWN_BITS) !== 0) return false;
    at += 2 + view.getUint8(at + 1);
  }
  return true;
}
