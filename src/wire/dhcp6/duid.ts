/** DHCP Unique Identifiers (RFC 8415 §11, RFC 6355): compared as octets, taken apart only to be shown. */

import type { Mac } from "../../base/mac.js";
import { writeMac } from "../../base/mac.js";
import { hex } from "../octets.js";

export const TYPE = { linkLayerTime: 1, enterprise: 2, linkLayer: 3, uuid: 4 } as const;

/** Two octets of type, then 1 to 128 of identifier (RFC 8415 §11.1). */
export const MIN_BYTES = 3;
export const MAX_BYTES = 130;

const HARDWARE_ETHERNET = 1;
const UUID_BYTES = 16;

export function check(length: number): "dhcp6-duid-length" | undefined {
  return length < MIN_BYTES || length > MAX_BYTES ? "dhcp6-duid-length" : undefined;
}

/** DUID-UUID of 16 octets (RFC 6355 §4). */
export function ofUuid(uuid: Uint8Array): Uint8Array {
  if (uuid.length !== UUID_BYTES) throw new RangeError(`a UUID has 16 octets, not ${uuid.length}`);
  const duid = new Uint8Array(2 + UUID_BYTES);
  duid[1] = TYPE.uuid;
  duid.set(uuid, 2);
  return duid;
}

/** DUID-LL of an Ethernet address (RFC 8415 §11.4). */
export function ofMac(mac: Mac): Uint8Array {
  const duid = new Uint8Array(10);
  duid[1] = TYPE.linkLayer;
  duid[3] = HARDWARE_ETHERNET;
  writeMac(new DataView(duid.buffer), 4, mac);
  return duid;
}

/** Hex pairs with colons, as people write them in configurations: `00:04:…`. Undefined for anything else. */
export function parseText(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{2}(:?[0-9a-f]{2})*$/i.test(text)) return undefined;
  const duid = Buffer.from(text.replaceAll(":", ""), "hex");
  return check(duid.length) === undefined ? new Uint8Array(duid) : undefined;
}

/** `00:04:…`: what `parseText` reads. */
export function format(duid: Uint8Array): string {
  return hex(duid).replaceAll(/(..)(?!$)/g, "$1:");
}
