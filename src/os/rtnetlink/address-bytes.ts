import { readIpv6, writeIpv6 } from "../../base/ipv6-address.js";
import type { IpAddress } from "../../base/kernel-objects.js";
import type { MessageWriter } from "./message.js";

/** Address families (sys/socket.h). */
export const AF_INET = 2;
export const AF_INET6 = 10;

export function addressFamily(address: IpAddress): number {
  return typeof address === "number" ? AF_INET : AF_INET6;
}

/** Adds an attribute with the 4 or 16 bytes of an address, in network order. */
export function putAddress(writer: MessageWriter, type: number, address: IpAddress): void {
  if (typeof address === "number") writer.putU32NetworkOrder(type, address);
  else {
    const offset = writer.putBytes(type, 16);
    writeIpv6(writer.view, offset, address);
  }
}

/** The address in 4 or 16 bytes; undefined for any other length. */
export function readAddress(value: Uint8Array | undefined): IpAddress | undefined {
  if (value === undefined) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (value.length === 4) return view.getUint32(0);
  return value.length === 16 ? readIpv6(view, 0) : undefined;
}
