/** Client FQDN option (RFC 4704 §4): who keeps the client's AAAA record, and its name, whole or only its first labels. */

import * as domainList from "../domain-list.js";

export const HEADER_BYTES = 1;

/** The low bits of the first octet (RFC 4704 §4.1). */
export const FLAG = {
  /** The server keeps the AAAA record. */
  serverUpdates: 1,
  /** From a server: it overrode what the client asked for. */
  overridden: 2,
  /** The server keeps no record at all. */
  noUpdate: 4,
} as const;

export interface ClientFqdn {
  readonly flags: number;
  /** Without the trailing dot; empty when the client leaves the choice to the server. */
  readonly name: string;
  /** Ends in the root label: a fully qualified name. */
  readonly complete: boolean;
}

export function check(view: DataView, offset: number, length: number): "dhcp6-option-malformed" | undefined {
  if (length < HEADER_BYTES) return "dhcp6-option-malformed";
  const end = offset + length;
  let at = offset + HEADER_BYTES;
  while (at < end) {
    const labelBytes = view.getUint8(at);
    if (labelBytes > 63) return "dhcp6-option-malformed";
    at += 1 + labelBytes;
    if (labelBytes === 0) break;
  }
  return at === end && length <= 256 ? undefined : "dhcp6-option-malformed";
}

export function flags(view: DataView, offset: number): number {
  return view.getUint8(offset);
}

export function parse(view: DataView, offset: number, length: number): ClientFqdn {
  const labels: string[] = [];
  domainList.readLabels(view, offset + HEADER_BYTES, offset + length, labels);
  const complete = length > HEADER_BYTES && endsInRoot(view, offset + HEADER_BYTES, offset + length);
  return { flags: flags(view, offset), name: labels.join("."), complete };
}

function endsInRoot(view: DataView, offset: number, end: number): boolean {
  let at = offset;
  let labelBytes = 0;
  while (at < end) {
    labelBytes = view.getUint8(at);
    at += 1 + labelBytes;
  }
  return labelBytes === 0;
}

export function emittedBytes(repr: ClientFqdn): number {
  return HEADER_BYTES + domainList.nameBytes(repr.name) - (repr.complete ? 0 : 1);
}

export function emit(repr: ClientFqdn, view: DataView, offset: number): number {
  view.setUint8(offset, repr.flags);
  let at = offset + HEADER_BYTES;
  at += domainList.emitLabels(repr.name, view, at);
  if (repr.complete) view.setUint8(at++, 0);
  return at - offset;
}
