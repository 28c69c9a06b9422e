import { isLinkLocalIpv6 } from "../../base/ipv6-address.js";
import type { InterfaceAddress } from "../../base/kernel-objects.js";
import { HOST_LITTLE_ENDIAN, NETLINK_FLAG } from "../netlink.js";
import { addressFamily, putAddress, readAddress } from "./address-bytes.js";
import { Attributes, type MessageWriter } from "./message.js";

/** Message types (linux/rtnetlink.h). */
export const ADDRESS_MESSAGE = { new: 20, delete: 21, get: 22 } as const;

/** Fields of `struct ifaddrmsg`. */
const FIELD = { family: 0, prefixLength: 1, flags: 2, scope: 3, index: 4, lengthBytes: 8 } as const;
const IFA = { address: 1, local: 2, flags: 8, proto: 11 } as const;
/** No duplicate detection: the address serves at once. No route for its prefix: the routes are ours to make. */
const IFA_FLAG = { noDad: 0x02, noPrefixRoute: 0x200 } as const;
/** What the kernel says of an address; a detection that failed leaves it useless, like one that is under way. */
const IFA_STATE = { temporary: 0x01, dadFailed: 0x08, deprecated: 0x20, tentative: 0x40 } as const;
const SCOPE = { universe: 0, link: 253 } as const;

/** An address that exists already is an error, EEXIST. */
export function writeAddAddress(writer: MessageWriter, address: InterfaceAddress): void {
  writer.begin(ADDRESS_MESSAGE.new, NETLINK_FLAG.ack | NETLINK_FLAG.create | NETLINK_FLAG.excl);
  putAddressMessage(writer, address);
  writer.putU32(IFA.flags, IFA_FLAG.noPrefixRoute | (typeof address.address === "bigint" ? IFA_FLAG.noDad : 0));
  if (address.protocol !== 0) writer.putU8(IFA.proto, address.protocol);
  writer.end();
}

export function writeDeleteAddress(writer: MessageWriter, address: InterfaceAddress): void {
  writer.begin(ADDRESS_MESSAGE.delete, NETLINK_FLAG.ack);
  putAddressMessage(writer, address);
  writer.end();
}

export function writeAddressDump(writer: MessageWriter, family: number): void {
  writer.begin(ADDRESS_MESSAGE.get, NETLINK_FLAG.dump);
  const offset = writer.putHeader(FIELD.lengthBytes);
  writer.view.setUint8(offset + FIELD.family, family);
  writer.end();
}

function putAddressMessage(writer: MessageWriter, { ifindex, address, prefixLength }: InterfaceAddress): void {
  const offset = writer.putHeader(FIELD.lengthBytes);
  const { view } = writer;
  view.setUint8(offset + FIELD.family, addressFamily(address));
  view.setUint8(offset + FIELD.prefixLength, prefixLength);
  const linkLocal = typeof address === "bigint" && isLinkLocalIpv6(address);
  view.setUint8(offset + FIELD.scope, linkLocal ? SCOPE.link : SCOPE.universe);
  view.setUint32(offset + FIELD.index, ifindex, HOST_LITTLE_ENDIAN);
  putAddress(writer, IFA.local, address);
  putAddress(writer, IFA.address, address);
}

/** Reads the payload of RTM_NEWADDR or RTM_DELADDR; undefined where it is not one. */
export function parseAddress(bytes: Uint8Array, offset: number, end: number): InterfaceAddress | undefined {
  if (end - offset < FIELD.lengthBytes) return undefined;
  const attributes = new Attributes(bytes, offset + FIELD.lengthBytes, end);
  const address = readAddress(attributes.value(IFA.local) ?? attributes.value(IFA.address));
  if (address === undefined) return undefined;
  return {
    ifindex: attributes.view.getUint32(offset + FIELD.index, HOST_LITTLE_ENDIAN),
    address,
    prefixLength: attributes.view.getUint8(offset + FIELD.prefixLength),
    protocol: attributes.u8(IFA.proto) ?? 0,
    ...(typeof address === "bigint" ? stateOf(attributes.u32(IFA.flags) ?? attributes.view.getUint8(offset + FIELD.flags)) : {}),
  };
}

function stateOf(flags: number): Pick<InterfaceAddress, "tentative" | "deprecated" | "temporary"> {
  const has = (bits: number): boolean => (flags & bits) !== 0;
  return {
    ...(has(IFA_STATE.tentative | IFA_STATE.dadFailed) ? { tentative: true } : {}),
    ...(has(IFA_STATE.deprecated) ? { deprecated: true } : {}),
    ...(has(IFA_STATE.temporary) ? { temporary: true } : {}),
  };
}
