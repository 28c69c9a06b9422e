/** NTP Server option (RFC 5908 §4): one time source, named by a suboption. Unknown suboptions survive. */

import { type Ipv6Address, readIpv6, writeIpv6 } from "../../base/ipv6-address.js";
import * as domainList from "../domain-list.js";
import { copyIn, copyOut } from "../octets.js";
import * as option from "./option.js";

export const SUBOPTION = { address: 1, multicast: 2, name: 3 } as const;

export type NtpSource =
  | { readonly kind: "address" | "multicast"; readonly address: Ipv6Address }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "unknown"; readonly code: number; readonly data: Uint8Array };

export function check(view: DataView, offset: number, length: number): "dhcp6-option-malformed" | undefined {
  const end = offset + length;
  for (let at = offset; at < end; at = option.next(view, at)) {
    if (option.check(view, at, end) !== undefined) return "dhcp6-option-malformed";
    if (!suboptionIsSound(view, at)) return "dhcp6-option-malformed";
  }
  return undefined;
}

function suboptionIsSound(view: DataView, at: number): boolean {
  const data = at + option.HEADER_BYTES;
  switch (option.code(view, at)) {
    case SUBOPTION.address:
    case SUBOPTION.multicast:
      return option.dataBytes(view, at) === 16;
    case SUBOPTION.name:
      return domainList.nameEnd(view, data, option.next(view, at)) === option.next(view, at);
    default:
      return true;
  }
}

export function parse(view: DataView, offset: number, length: number): NtpSource[] {
  const sources: NtpSource[] = [];
  for (let at = offset; at < offset + length; at = option.next(view, at)) sources.push(parseSuboption(view, at));
  return sources;
}

function parseSuboption(view: DataView, at: number): NtpSource {
  const data = at + option.HEADER_BYTES;
  const code = option.code(view, at);
  switch (code) {
    case SUBOPTION.address:
      return { kind: "address", address: readIpv6(view, data) };
    case SUBOPTION.multicast:
      return { kind: "multicast", address: readIpv6(view, data) };
    case SUBOPTION.name: {
      const labels: string[] = [];
      domainList.readLabels(view, data, option.next(view, at), labels);
      return { kind: "name", name: labels.join(".") };
    }
    default:
      return { kind: "unknown", code, data: copyOut(view, data, option.dataBytes(view, at)) };
  }
}

export function emittedBytes(sources: readonly NtpSource[]): number {
  let total = 0;
  for (const source of sources) total += option.HEADER_BYTES + sourceBytes(source);
  return total;
}

function sourceBytes(source: NtpSource): number {
  if (source.kind === "unknown") return source.data.length;
  return source.kind === "name" ? domainList.nameBytes(source.name) : 16;
}

export function emit(sources: readonly NtpSource[], view: DataView, offset: number): number {
  let at = offset;
  for (const source of sources) {
    const code = source.kind === "unknown" ? source.code : SUBOPTION[source.kind];
    at += option.emitHeader(code, sourceBytes(source), view, at);
    if (source.kind === "unknown") at += copyIn(source.data, view, at);
    else if (source.kind === "name") at += domainList.emit([source.name], view, at);
    else {
      writeIpv6(view, at, source.address);
      at += 16;
    }
  }
  return at - offset;
}
