import type { Random } from "../../base/random.js";
import * as duid from "../../wire/dhcp6/duid.js";

/** A new DUID-UUID (RFC 6355) of version 4. The wiring keeps it: clients renew only with the server that they know. */
export function newServerDuid(random: Random): Uint8Array {
  const uuid = new Uint8Array(16);
  const view = new DataView(uuid.buffer);
  for (let at = 0; at < 16; at += 4) view.setUint32(at, random.uint32());
  uuid[6] = (uuid[6] & 0x0f) | 0x40;
  uuid[8] = (uuid[8] & 0x3f) | 0x80;
  return duid.ofUuid(uuid);
}
