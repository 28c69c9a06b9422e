import { readIpv6, writeIpv6 } from "../../base/ipv6-address.js";
import type { IpAddress } from "../../base/kernel-objects.js";
import { formatAddress } from "../../base/kernel-objects.js";
import { formatMac, type Mac, readMac, writeMac } from "../../base/mac.js";
import { HOST_LITTLE_ENDIAN } from "../netlink.js";

/** What a station may send as: `iif . ether saddr . ip saddr`, or `iif . ether saddr` alone. */
export interface StationKey {
  readonly ifindex: number;
  readonly mac: Mac;
  readonly address: IpAddress | undefined;
}

/** Each part of a concatenation starts on a multiple of four bytes (`NFT_REG32_SIZE`). */
const PART = { ifindex: 0, mac: 4, address: 12 } as const;

/** The key as the kernel compares it: the index in the machine's byte order, addresses in network order. */
export function stationKeyBytes({ ifindex, mac, address }: StationKey): Uint8Array {
  const bytes = new Uint8Array(PART.address + (address === undefined ? 0 : typeof address === "number" ? 4 : 16));
  const view = new DataView(bytes.buffer);
  view.setUint32(PART.ifindex, ifindex, HOST_LITTLE_ENDIAN);
  writeMac(view, PART.mac, mac);
  if (typeof address === "number") view.setUint32(PART.address, address);
  else if (address !== undefined) writeIpv6(view, PART.address, address);
  return bytes;
}

/** Undefined where the bytes are no such key. */
export function parseStationKey(bytes: Uint8Array): StationKey | undefined {
  const addressBytes = bytes.length - PART.address;
  if (addressBytes !== 0 && addressBytes !== 4 && addressBytes !== 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    ifindex: view.getUint32(PART.ifindex, HOST_LITTLE_ENDIAN),
    mac: readMac(view, PART.mac),
    address: addressOf(view, addressBytes),
  };
}

function addressOf(view: DataView, lengthBytes: number): IpAddress | undefined {
  if (lengthBytes === 0) return undefined;
  return lengthBytes === 4 ? view.getUint32(PART.address) : readIpv6(view, PART.address);
}

export function describeStationKey({ ifindex, mac, address }: StationKey): string {
  return `${ifindex} . ${formatMac(mac)}${address === undefined ? "" : ` . ${formatAddress(address)}`}`;
}
