/** The header of Relay-forward and Relay-reply (RFC 8415 §9). Options follow it; one of them is the message relayed. */

import { type Ipv6Address, readIpv6, writeIpv6 } from "../../base/ipv6-address.js";

export const HEADER_BYTES = 34;

export const FIELD = { type: 0, hopCount: 1, linkAddress: 2, peerAddress: 18, options: 34 } as const;

export interface Relay {
  readonly type: number;
  /** Relay agents behind this one. */
  readonly hopCount: number;
  /** An address of the link that the client is on; `::` when the relay behind it named that already. */
  readonly linkAddress: Ipv6Address;
  /** Client or relay agent that the message came from, and that the reply goes to. */
  readonly peerAddress: Ipv6Address;
}

export function check(length: number): "dhcp6-truncated" | undefined {
  return length < HEADER_BYTES ? "dhcp6-truncated" : undefined;
}

export function type(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.type);
}

export function hopCount(view: DataView, offset: number): number {
  return view.getUint8(offset + FIELD.hopCount);
}

export function linkAddress(view: DataView, offset: number): Ipv6Address {
  return readIpv6(view, offset + FIELD.linkAddress);
}

export function peerAddress(view: DataView, offset: number): Ipv6Address {
  return readIpv6(view, offset + FIELD.peerAddress);
}

export function parse(view: DataView, offset: number): Relay {
  return {
    type: type(view, offset),
    hopCount: hopCount(view, offset),
    linkAddress: linkAddress(view, offset),
    peerAddress: peerAddress(view, offset),
  };
}

export function emit(repr: Relay, view: DataView, offset: number): number {
  view.setUint8(offset + FIELD.type, repr.type);
  view.setUint8(offset + FIELD.hopCount, repr.hopCount);
  writeIpv6(view, offset + FIELD.linkAddress, repr.linkAddress);
  writeIpv6(view, offset + FIELD.peerAddress, repr.peerAddress);
  return HEADER_BYTES;
}
