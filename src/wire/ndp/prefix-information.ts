/** Prefix Information option (RFC 4861 §4.6.2): what is on the link, and what hosts may make addresses from. */

import { type Ipv6Address, readIpv6, writeIpv6 } from "../../base/ipv6-address.js";
import { OPTION } from "./codes.js";
import * as option from "./option.js";

export const BYTES = 32;

export const FIELD = { prefixLength: 2, flags: 3, valid: 4, preferred: 8, reserved: 12, prefix: 16 } as const;

export const FLAG = { onLink: 0x80, autonomous: 0x40 } as const;

export interface PrefixInformation {
  readonly prefix: Ipv6Address;
  readonly prefixLength: number;
  readonly onLink: boolean;
  readonly autonomous: boolean;
  readonly validSeconds: number;
  readonly preferredSeconds: number;
}

/** Offsets here and in the accessors are the option's own. */
export function check(view: DataView, offset: number): "ndp-option-malformed" | undefined {
  return option.bytes(view, offset) !== BYTES || view.getUint8(offset + FIELD.prefixLength) > 128
    ? "ndp-option-malformed"
    : undefined;
}

export function parse(view: DataView, offset: number): PrefixInformation {
  const flags = view.getUint8(offset + FIELD.flags);
  return {
    prefix: readIpv6(view, offset + FIELD.prefix),
    prefixLength: view.getUint8(offset + FIELD.prefixLength),
    onLink: (flags & FLAG.onLink) !== 0,
    autonomous: (flags & FLAG.autonomous) !== 0,
    validSeconds: view.getUint32(offset + FIELD.valid),
    preferredSeconds: view.getUint32(offset + FIELD.preferred),
  };
}

export function setLifetimes(view: DataView, offset: number, validSeconds: number, preferredSeconds: number): void {
  view.setUint32(offset + FIELD.valid, validSeconds);
  view.setUint32(offset + FIELD.preferred, preferredSeconds);
}

export function emit(repr: PrefixInformation, view: DataView, offset: number): number {
  option.emitHeader(OPTION.prefixInformation, BYTES, view, offset);
  view.setUint8(offset + FIELD.prefixLength, repr.prefixLength);
  view.setUint8(offset + FIELD.flags, (repr.onLink ? FLAG.onLink : 0) | (repr.autonomous ? FLAG.autonomous : 0));
  setLifetimes(view, offset, repr.validSeconds, repr.preferredSeconds);
  view.setUint32(offset + FIELD.reserved, 0);
  writeIpv6(view, offset + FIELD.prefix, repr.prefix);
  return BYTES;
}
