import type { Ipv4Address } from "../../base/ipv4-address.js";
import { type Ipv6Address, writeIpv6 } from "../../base/ipv6-address.js";
import { writeUint32 } from "../../wire/dns/bytes.js";
import { TYPE } from "../../wire/dns/numbers.js";

/** The data of A and of AAAA records for addresses; a family without addresses has no entry. */
export function addressData(ipv4: readonly Ipv4Address[], ipv6: readonly Ipv6Address[]): { type: number; data: Uint8Array[] }[] {
  const sets: { type: number; data: Uint8Array[] }[] = [];
  if (ipv4.length > 0) sets.push({ type: TYPE.A, data: ipv4.map(ipv4Bytes) });
  if (ipv6.length > 0) sets.push({ type: TYPE.AAAA, data: ipv6.map(ipv6Bytes) });
  return sets;
}

/** Four bytes in network order. */
export function ipv4Bytes(address: Ipv4Address): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, address);
  return bytes;
}

/** Sixteen bytes in network order. */
export function ipv6Bytes(address: Ipv6Address): Uint8Array {
  const bytes = new Uint8Array(16);
  writeIpv6(new DataView(bytes.buffer), 0, address);
  return bytes;
}
