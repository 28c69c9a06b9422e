import type {
  BridgePortSettings,
  BridgeSettings,
  Ipv4LinkSettings,
  Ipv6AddressGeneration,
  LinkSettings,
  LinkState,
  VlanSettings,
} from "../../base/kernel-objects.js";
import { writeMac } from "../../base/mac.js";
import { HOST_LITTLE_ENDIAN, NETLINK_FLAG } from "../netlink.js";
import { AF_INET, AF_INET6 } from "./address-bytes.js";
import { parseBridge, parseBridgePort, putBridgePortSettings, putBridgeSettings } from "./bridges.js";
import { Attributes, type MessageWriter, NESTED, textOf } from "./message.js";

/** Message types (linux/rtnetlink.h). */
export const LINK_MESSAGE = { new: 16, delete: 17, get: 18, set: 19, newProperty: 108, deleteProperty: 109 } as const;

/** Fields of `struct ifinfomsg`. */
const FIELD = { index: 4, flags: 8, change: 12, lengthBytes: 16 } as const;
const AF_UNSPECIFIED = 0;
const FLAG = { up: 0x1, lowerUp: 0x1_0000 } as const;

const IFLA = {
  address: 1,
  ifname: 3,
  mtu: 4,
  link: 5,
  qdisc: 6,
  master: 10,
  linkinfo: 18,
  ifalias: 20,
  afSpec: 26,
  group: 27,
  extMask: 29,
  propList: 52,
  altIfname: 53,
} as const;
const IFLA_INFO = { kind: 1, data: 2, slaveKind: 4, slaveData: 5 } as const;
const VETH_INFO_PEER = 1;
const IFLA_VLAN_ID = 1;
const IFLA_INET_CONF = 1;
const IFLA_INET6 = { conf: 2, addressGeneration: 8 } as const;
/** `DEVCONF_*` (linux/ipv6.h): indices into the array of settings. */
const IPV6_CONF = { acceptRa: 3, disable: 26 } as const;
/** Leaves the counters out of a dump: they are half of it. */
const RTEXT_FILTER_SKIP_STATS = 8;

/** `IPV4_DEVCONF_*` (linux/ip.h); they count from 1. */
const IPV4_CONF: Readonly<Record<keyof Ipv4LinkSettings, number>> = {
  forwarding: 1,
  proxyArp: 3,
  acceptRedirects: 4,
  sendRedirects: 6,
  rpFilter: 8,
  acceptSourceRoute: 9,
};

const ADDRESS_GENERATION: readonly Ipv6AddressGeneration[] = ["eui64", "none", "stable-privacy", "random"];

export function writeSetLink(writer: MessageWriter, ifindex: number, settings: LinkSettings): void {
  writer.begin(LINK_MESSAGE.set, NETLINK_FLAG.ack);
  putLinkHeader(writer, ifindex, settings);
  putSettings(writer, settings);
  writer.end();
}

/** A pair of joined links; both ends in this namespace. */
export function writeNewVeth(writer: MessageWriter, one: LinkSettings, other: LinkSettings): void {
  beginNewLink(writer, one);
  const info = writer.beginNested(IFLA.linkinfo);
  writer.putText(IFLA_INFO.kind, "veth");
  const data = writer.beginNested(IFLA_INFO.data);
  const peer = writer.beginNested(VETH_INFO_PEER);
  putLinkHeader(writer, 0, other);
  putSettings(writer, other);
  writer.endNested(peer);
  writer.endNested(data);
  writer.endNested(info);
  writer.end();
}

/** STP off and no forward delay unless said: so no frame of a guest is lost at the start. */
export function writeNewBridge(writer: MessageWriter, settings: LinkSettings, bridge: Partial<BridgeSettings>): void {
  beginNewLink(writer, settings);
  putBridgeInfo(writer, bridge);
  writer.end();
}

/** It has its link's MAC address and MTU. EOPNOTSUPP where the kernel has no VLANs. */
export function writeNewVlan(writer: MessageWriter, settings: LinkSettings, { parent, id }: VlanSettings): void {
  beginNewLink(writer, settings);
  writer.putU32(IFLA.link, parent);
  const info = writer.beginNested(IFLA.linkinfo);
  writer.putText(IFLA_INFO.kind, "vlan");
  const data = writer.beginNested(IFLA_INFO.data);
  writer.putU16(IFLA_VLAN_ID, id);
  writer.endNested(data);
  writer.endNested(info);
  writer.end();
}

/** A link of a kind that needs nothing said. */
export function writeNewLink(writer: MessageWriter, kind: string, settings: LinkSettings): void {
  beginNewLink(writer, settings);
  const info = writer.beginNested(IFLA.linkinfo);
  writer.putText(IFLA_INFO.kind, kind);
  writer.endNested(info);
  writer.end();
}

/** What a link cannot be made with: an alias. For one whose index is not known yet. */
export function writeAliasByName(writer: MessageWriter, name: string, alias: string): void {
  writer.begin(LINK_MESSAGE.set, NETLINK_FLAG.ack);
  putLinkHeader(writer, 0, {});
  writer.putString(IFLA.ifname, name);
  writer.putText(IFLA.ifalias, alias);
  writer.end();
}

export function writeSetBridge(writer: MessageWriter, ifindex: number, bridge: Partial<BridgeSettings>): void {
  writer.begin(LINK_MESSAGE.new, NETLINK_FLAG.ack);
  putLinkHeader(writer, ifindex, {});
  putBridgeInfo(writer, bridge);
  writer.end();
}

function putBridgeInfo(writer: MessageWriter, bridge: Partial<BridgeSettings>): void {
  const info = writer.beginNested(IFLA.linkinfo);
  writer.putText(IFLA_INFO.kind, "bridge");
  const data = writer.beginNested(IFLA_INFO.data);
  putBridgeSettings(writer, bridge);
  writer.endNested(data);
  writer.endNested(info);
}

/** The link must be a port of a bridge when the message is carried out: a message that makes it one comes before. */
export function writeSetBridgePort(writer: MessageWriter, ifindex: number, settings: BridgePortSettings): void {
  writer.begin(LINK_MESSAGE.new, NETLINK_FLAG.ack);
  putLinkHeader(writer, ifindex, {});
  const info = writer.beginNested(IFLA.linkinfo);
  writer.putText(IFLA_INFO.slaveKind, "bridge");
  const data = writer.beginNested(IFLA_INFO.slaveData);
  putBridgePortSettings(writer, settings);
  writer.endNested(data);
  writer.endNested(info);
  writer.end();
}

export function writeDeleteLink(writer: MessageWriter, ifindex: number): void {
  writer.begin(LINK_MESSAGE.delete, NETLINK_FLAG.ack);
  putLinkHeader(writer, ifindex, {});
  writer.end();
}

/** Deletes all links of a group at once: 0.2 ms each instead of 20. */
export function writeDeleteLinkGroup(writer: MessageWriter, group: number): void {
  writer.begin(LINK_MESSAGE.delete, NETLINK_FLAG.ack);
  putLinkHeader(writer, 0, {});
  writer.putU32(IFLA.group, group);
  writer.end();
}

/** Adds or takes away a further name of up to 127 bytes, which is looked up like the first. */
export function writeAlternativeName(writer: MessageWriter, ifindex: number, name: string, add: boolean): void {
  const flags = add ? NETLINK_FLAG.create | NETLINK_FLAG.excl | NETLINK_FLAG.append : 0;
  writer.begin(add ? LINK_MESSAGE.newProperty : LINK_MESSAGE.deleteProperty, NETLINK_FLAG.ack | flags);
  putLinkHeader(writer, ifindex, {});
  const list = writer.beginNested(IFLA.propList | NESTED);
  writer.putString(IFLA.altIfname, name);
  writer.endNested(list);
  writer.end();
}

export function writeLinkDump(writer: MessageWriter): void {
  writer.begin(LINK_MESSAGE.get, NETLINK_FLAG.dump);
  writer.putHeader(FIELD.lengthBytes);
  writer.putU32(IFLA.extMask, RTEXT_FILTER_SKIP_STATS);
  writer.end();
}

/** Asks for one link, by its index or any of its names. */
export function writeLinkGet(writer: MessageWriter, which: number | string): void {
  writer.begin(LINK_MESSAGE.get, 0);
  putLinkHeader(writer, typeof which === "number" ? which : 0, {});
  if (typeof which === "string")
    writer.putString(new TextEncoder().encode(which).length > 15 ? IFLA.altIfname : IFLA.ifname, which);
  writer.putU32(IFLA.extMask, RTEXT_FILTER_SKIP_STATS);
  writer.end();
}

function beginNewLink(writer: MessageWriter, settings: LinkSettings): void {
  writer.begin(LINK_MESSAGE.new, NETLINK_FLAG.ack | NETLINK_FLAG.create | NETLINK_FLAG.excl);
  putLinkHeader(writer, 0, settings);
  putSettings(writer, settings);
}

function putLinkHeader(writer: MessageWriter, ifindex: number, settings: LinkSettings): void {
  const offset = writer.putHeader(FIELD.lengthBytes);
  writer.view.setInt32(offset + FIELD.index, ifindex, HOST_LITTLE_ENDIAN);
  if (settings.up === undefined) return;
  writer.view.setUint32(offset + FIELD.flags, settings.up ? FLAG.up : 0, HOST_LITTLE_ENDIAN);
  writer.view.setUint32(offset + FIELD.change, FLAG.up, HOST_LITTLE_ENDIAN);
}

function putSettings(writer: MessageWriter, settings: LinkSettings): void {
  if (settings.mac !== undefined) {
    const offset = writer.putBytes(IFLA.address, 6);
    writeMac(writer.view, offset, settings.mac);
  }
  if (settings.name !== undefined) writer.putString(IFLA.ifname, settings.name);
  if (settings.mtu !== undefined) writer.putU32(IFLA.mtu, settings.mtu);
  if (settings.master !== undefined) writer.putU32(IFLA.master, settings.master);
  if (settings.group !== undefined) writer.putU32(IFLA.group, settings.group);
  if (settings.alias !== undefined) writer.putText(IFLA.ifalias, settings.alias);
  if (settings.ipv4 !== undefined || settings.ipv6AddressGeneration !== undefined) putFamilySettings(writer, settings);
}

/** The kernel carries these out last, after the link went up: what must be set before goes into a message of its own. */
function putFamilySettings(writer: MessageWriter, settings: LinkSettings): void {
  const families = writer.beginNested(IFLA.afSpec);
  if (settings.ipv4 !== undefined) {
    const ipv4 = writer.beginNested(AF_INET);
    const conf = writer.beginNested(IFLA_INET_CONF);
    for (const [name, value] of Object.entries(settings.ipv4)) {
      if (value !== undefined) writer.putU32(IPV4_CONF[name as keyof Ipv4LinkSettings], value);
    }
    writer.endNested(conf);
    writer.endNested(ipv4);
  }
  if (settings.ipv6AddressGeneration !== undefined) {
    const ipv6 = writer.beginNested(AF_INET6);
    writer.putU8(IFLA_INET6.addressGeneration, ADDRESS_GENERATION.indexOf(settings.ipv6AddressGeneration));
    writer.endNested(ipv6);
  }
  writer.endNested(families);
}

/**
 * Reads the payload of RTM_NEWLINK or RTM_DELLINK; undefined where it is not one. A bridge tells of its ports by messages of its
 * own family: its RTM_DELLINK says that a link is no port any more, not that it is gone.
 */
export function parseLink(bytes: Uint8Array, offset: number, end: number): LinkState | undefined {
  if (end - offset < FIELD.lengthBytes || bytes[offset] !== AF_UNSPECIFIED) return undefined;
  const attributes = new Attributes(bytes, offset + FIELD.lengthBytes, end);
  const name = attributes.string(IFLA.ifname);
  if (name === undefined) return undefined;
  const flags = attributes.view.getUint32(offset + FIELD.flags, HOST_LITTLE_ENDIAN);
  const families = attributes.nested(IFLA.afSpec);
  const alternativeNames: string[] = [];
  attributes.nested(IFLA.propList)?.each((type, value) => {
    if (type === IFLA.altIfname) alternativeNames.push(textOf(value));
  });
  const info = attributes.nested(IFLA.linkinfo);
  const kind = info?.string(IFLA_INFO.kind) ?? "";
  const isPort = info?.string(IFLA_INFO.slaveKind) === "bridge";
  return {
    ifindex: attributes.view.getInt32(offset + FIELD.index, HOST_LITTLE_ENDIAN),
    name,
    alternativeNames,
    kind,
    up: (flags & FLAG.up) !== 0,
    carrier: (flags & FLAG.lowerUp) !== 0,
    mac: attributes.mac(IFLA.address),
    mtu: attributes.u32(IFLA.mtu) ?? 0,
    group: attributes.u32(IFLA.group) ?? 0,
    alias: attributes.string(IFLA.ifalias) ?? "",
    master: attributes.u32(IFLA.master) ?? 0,
    queue: attributes.string(IFLA.qdisc) ?? "",
    ipv4: parseIpv4Settings(families?.nested(AF_INET)),
    ipv6: parseIpv6Settings(families?.nested(AF_INET6)),
    ...(kind === "bridge" ? { bridge: parseBridge(info?.nested(IFLA_INFO.data)) } : {}),
    ...(kind === "vlan" ? { vlan: parseVlan(attributes, info?.nested(IFLA_INFO.data)) } : {}),
    ...(isPort ? { bridgePort: parseBridgePort(info?.nested(IFLA_INFO.slaveData)) } : {}),
  };
}

function parseVlan(link: Attributes, data: Attributes | undefined): VlanSettings {
  return { parent: link.u32(IFLA.link) ?? 0, id: data?.u16(IFLA_VLAN_ID) ?? 0 };
}

function parseIpv4Settings(ipv4: Attributes | undefined): Ipv4LinkSettings | undefined {
  const conf = ipv4?.value(IFLA_INET_CONF);
  if (conf === undefined) return undefined;
  const at = (name: keyof Ipv4LinkSettings): number => settingAt(conf, IPV4_CONF[name] - 1);
  return {
    forwarding: at("forwarding"),
    proxyArp: at("proxyArp"),
    acceptRedirects: at("acceptRedirects"),
    sendRedirects: at("sendRedirects"),
    rpFilter: at("rpFilter"),
    acceptSourceRoute: at("acceptSourceRoute"),
  };
}

function parseIpv6Settings(ipv6: Attributes | undefined): LinkState["ipv6"] {
  const conf = ipv6?.value(IFLA_INET6.conf);
  if (ipv6 === undefined || conf === undefined) return undefined;
  const generation = ADDRESS_GENERATION[ipv6.u8(IFLA_INET6.addressGeneration) ?? 0];
  return {
    disabled: settingAt(conf, IPV6_CONF.disable) !== 0,
    addressGeneration: generation ?? "eui64",
    acceptRa: settingAt(conf, IPV6_CONF.acceptRa),
  };
}

/** One of the settings that the kernel hands out as an array of 32-bit numbers. */
function settingAt(conf: Uint8Array, index: number): number {
  if (conf.length < index * 4 + 4) return 0;
  return new DataView(conf.buffer, conf.byteOffset, conf.length).getInt32(index * 4, HOST_LITTLE_ENDIAN);
}
