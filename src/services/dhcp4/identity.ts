import { OPTION } from "../../wire/dhcp4/codes.js";
import * as header from "../../wire/dhcp4/header.js";
import type { Dhcp4Request } from "../../wire/dhcp4/request.js";

const HEX: readonly string[] = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));

/** Lower-case hex of a region; by table, because it is made for every client on a shared link. */
export function hexOf(bytes: Uint8Array, offset: number, length: number): string {
  let text = "";
  for (let at = offset; at < offset + length; at++) text += HEX[bytes[at]];
  return text;
}

/** Option 61 as hex; empty when there is none. */
export function clientIdOf(request: Dhcp4Request): string {
  const { clientIdentifier } = OPTION;
  return hexOf(request.bytesOf(clientIdentifier), request.offsetOf(clientIdentifier), request.lengthOf(clientIdentifier));
}

/**
 * Who the client is on a link that it shares with others: its client identifier, else its hardware address (RFC 2131 §4.2). On a
 * port it is the guest, whatever it sends.
 */
export function identityOf(request: Dhcp4Request): string {
  if (request.lengthOf(OPTION.clientIdentifier) > 0) return `id:${clientIdOf(request)}`;
  const { bytes, hlen, htype } = request;
  const start = request.offset + header.FIELD.chaddr;
  if (!request.isEthernet) return `hw:${htype}:${hexOf(bytes, start, hlen)}`;
  let mac = `mac:${HEX[bytes[start]]}`;
  for (let at = start + 1; at < start + hlen; at++) mac += `:${HEX[bytes[at]]}`;
  return mac;
}

export function guestIdentity(guest: string): string {
  return `guest:${guest}`;
}
