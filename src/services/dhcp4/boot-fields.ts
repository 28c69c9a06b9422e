import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Dhcp4Boot } from "./network.js";

/** `siaddr`, `file` and `sname` as they are written. */
export interface BootFields {
  readonly server: Ipv4Address;
  readonly file: Uint8Array;
  readonly serverName: Uint8Array;
}

export function bootFields(boot: Dhcp4Boot): BootFields {
  return { server: boot.server, file: Buffer.from(boot.file), serverName: Buffer.from(boot.serverName) };
}
