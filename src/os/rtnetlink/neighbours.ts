import type { Neighbour } from "../../base/kernel-objects.js";
import { writeMac } from "../../base/mac.js";
import { HOST_LITTLE_ENDIAN, NETLINK_FLAG } from "../netlink.js";
import { addressFamily, putAddress, readAddress } from "./address-bytes.js";
import { Attributes, type MessageWriter } from "./message.js";

/** Message types (linux/rtnetlink.h). */
export const NEIGHBOUR_MESSAGE = { new: 28, delete: 29, get: 30, setTable: 67 } as const;

/** Fields of `struct ndmsg`. */
const FIELD = { family: 0, ifindex: 4, state: 8, flags: 10, lengthBytes: 12 } as const;
const NDA = { destination: 1, linkAddress: 2, protocol: 12 } as const;
const NUD_PERMANENT = 0x80;
const NTF_PROXY = 0x08;

/** `struct ndtmsg` is a family and padding. */
const TABLE_HEADER_BYTES = 4;
const NDTA = { name: 1, parms: 6 } as const;
const NDTPA = { ifindex: 1, proxyDelay: 13 } as const;

/** What is set on one link for the neighbours of one family. */
export interface NeighbourTableSettings {
  readonly family: 4 | 6;
  readonly ifindex: number;
  /** The longest that an answer for somebody else waits; it is drawn at random below that. */
  readonly proxyDelayMs: number;
}

/** Replaces whatever is known of the address on this link. */
export function writeSetNeighbour(writer: MessageWriter, neighbour: Neighbour): void {
  writer.begin(NEIGHBOUR_MESSAGE.new, NETLINK_FLAG.ack | NETLINK_FLAG.create | NETLINK_FLAG.replace);
  putNeighbour(writer, neighbour);
  if (neighbour.mac !== undefined) {
    const offset = writer.putBytes(NDA.linkAddress, 6);
    writeMac(writer.view, offset, neighbour.mac);
  }
  if (neighbour.protocol !== 0) writer.putU8(NDA.protocol, neighbour.protocol);
  writer.end();
}

export function writeDeleteNeighbour(writer: MessageWriter, neighbour: Neighbour): void {
  writer.begin(NEIGHBOUR_MESSAGE.delete, NETLINK_FLAG.ack);
  putNeighbour(writer, neighbour);
  writer.end();
}

/** Proxy entries have a dump of their own. */
export function writeNeighbourDump(writer: MessageWriter, family: number, proxy: boolean): void {
  writer.begin(NEIGHBOUR_MESSAGE.get, NETLINK_FLAG.dump);
  const offset = writer.putHeader(FIELD.lengthBytes);
  writer.view.setUint8(offset + FIELD.family, family);
  if (proxy) writer.view.setUint8(offset + FIELD.flags, NTF_PROXY);
  writer.end();
}

export function writeSetNeighbourTable(writer: MessageWriter, settings: NeighbourTableSettings): void {
  writer.begin(NEIGHBOUR_MESSAGE.setTable, NETLINK_FLAG.ack | NETLINK_FLAG.replace);
  // The table's name says which family.
  writer.putHeader(TABLE_HEADER_BYTES);
  writer.putString(NDTA.name, settings.family === 4 ? "arp_cache" : "ndisc_cache");
  const parms = writer.beginNested(NDTA.parms);
  writer.putU32(NDTPA.ifindex, settings.ifindex);
  writer.putU64(NDTPA.proxyDelay, BigInt(settings.proxyDelayMs));
  writer.endNested(parms);
  writer.end();
}

function putNeighbour(writer: MessageWriter, { ifindex, address, permanent, proxy }: Neighbour): void {
  const offset = writer.putHeader(FIELD.lengthBytes);
  const { view } = writer;
  view.setUint8(offset + FIELD.family, addressFamily(address));
  view.setInt32(offset + FIELD.ifindex, ifindex, HOST_LITTLE_ENDIAN);
  view.setUint16(offset + FIELD.state, permanent || proxy ? NUD_PERMANENT : 0, HOST_LITTLE_ENDIAN);
  view.setUint8(offset + FIELD.flags, proxy ? NTF_PROXY : 0);
  putAddress(writer, NDA.destination, address);
}

/** Reads the payload of RTM_NEWNEIGH or RTM_DELNEIGH; undefined where it is not one, or not of IPv4 or IPv6. */
export function parseNeighbour(bytes: Uint8Array, offset: number, end: number): Neighbour | undefined {
  if (end - offset < FIELD.lengthBytes) return undefined;
  const attributes = new Attributes(bytes, offset + FIELD.lengthBytes, end);
  const { view } = attributes;
  const address = readAddress(attributes.value(NDA.destination));
  if (address === undefined) return undefined;
  return {
    ifindex: view.getInt32(offset + FIELD.ifindex, HOST_LITTLE_ENDIAN),
    address,
    mac: attributes.mac(NDA.linkAddress),
    permanent: (view.getUint16(offset + FIELD.state, HOST_LITTLE_ENDIAN) & NUD_PERMANENT) !== 0,
    proxy: (view.getUint8(offset + FIELD.flags) & NTF_PROXY) !== 0,
    protocol: attributes.u8(NDA.protocol) ?? 0,
  };
}
