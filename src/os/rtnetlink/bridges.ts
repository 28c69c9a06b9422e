/** Attributes of bridges and their ports (linux/if_link.h), and what a bridge knows of stations (linux/neighbour.h). */
import type { BridgePortSettings, BridgeSettings, BridgeStation } from "../../base/kernel-objects.js";
import { writeMac } from "../../base/mac.js";
import { HOST_LITTLE_ENDIAN, NETLINK_FLAG } from "../netlink.js";
import { Attributes, type MessageWriter } from "./message.js";
import { NEIGHBOUR_MESSAGE } from "./neighbours.js";

/** `IFLA_BR_*`. */
const BRIDGE = { forwardDelay: 1, stpState: 5 } as const;
/** `IFLA_BRPORT_*`. */
const PORT = { guard: 5, learning: 8, unicastFlood: 9 } as const;
/** The kernel has times in hundredths of a second (USER_HZ). */
const TICK_MS = 10;

const AF_BRIDGE = 7;
/** Fields of `struct ndmsg`. */
const FIELD = { family: 0, ifindex: 4, state: 8, flags: 10, lengthBytes: 12 } as const;
const NDA_LINK_ADDRESS = 2;
/** Made by hand, not learnt. */
const NUD_NOARP = 0x40;
/** In the bridge's own table, not the port's. */
const NTF_MASTER = 0x04;
/** Stays where it is, whichever port the station is heard on. */
const NTF_STICKY = 0x40;

export function putBridgeSettings(writer: MessageWriter, { stp, forwardDelayMs }: Partial<BridgeSettings>): void {
  if (forwardDelayMs !== undefined) writer.putU32(BRIDGE.forwardDelay, Math.round(forwardDelayMs / TICK_MS));
  if (stp !== undefined) writer.putU32(BRIDGE.stpState, stp ? 1 : 0);
}

export function parseBridge(data: Attributes | undefined): BridgeSettings | undefined {
  if (data === undefined) return undefined;
  return { stp: data.u32(BRIDGE.stpState) !== 0, forwardDelayMs: (data.u32(BRIDGE.forwardDelay) ?? 0) * TICK_MS };
}

export function putBridgePortSettings(writer: MessageWriter, { learning, flood, guard }: BridgePortSettings): void {
  writer.putU8(PORT.learning, learning ? 1 : 0);
  writer.putU8(PORT.unicastFlood, flood ? 1 : 0);
  writer.putU8(PORT.guard, guard ? 1 : 0);
}

export function parseBridgePort(data: Attributes | undefined): BridgePortSettings | undefined {
  if (data === undefined) return undefined;
  const isSet = (attribute: number): boolean => data.u8(attribute) === 1;
  return { learning: isSet(PORT.learning), flood: isSet(PORT.unicastFlood), guard: isSet(PORT.guard) };
}

/** `replace`: also where the station is known behind another port; otherwise that is EEXIST. */
export function writeAddBridgeStation(writer: MessageWriter, station: BridgeStation, replace: boolean): void {
  const mode = replace ? NETLINK_FLAG.replace : NETLINK_FLAG.excl;
  writer.begin(NEIGHBOUR_MESSAGE.new, NETLINK_FLAG.ack | NETLINK_FLAG.create | mode);
  putStation(writer, station, NTF_MASTER | NTF_STICKY);
  writer.end();
}

export function writeDeleteBridgeStation(writer: MessageWriter, station: BridgeStation): void {
  writer.begin(NEIGHBOUR_MESSAGE.delete, NETLINK_FLAG.ack);
  putStation(writer, station, NTF_MASTER);
  writer.end();
}

function putStation(writer: MessageWriter, { ifindex, mac }: BridgeStation, flags: number): void {
  const offset = writer.putHeader(FIELD.lengthBytes);
  const { view } = writer;
  view.setUint8(offset + FIELD.family, AF_BRIDGE);
  view.setInt32(offset + FIELD.ifindex, ifindex, HOST_LITTLE_ENDIAN);
  view.setUint16(offset + FIELD.state, NUD_NOARP, HOST_LITTLE_ENDIAN);
  view.setUint8(offset + FIELD.flags, flags);
  const address = writer.putBytes(NDA_LINK_ADDRESS, 6);
  writeMac(writer.view, address, mac);
}

export function writeBridgeStationDump(writer: MessageWriter): void {
  writer.begin(NEIGHBOUR_MESSAGE.get, NETLINK_FLAG.dump);
  const offset = writer.putHeader(FIELD.lengthBytes);
  writer.view.setUint8(offset + FIELD.family, AF_BRIDGE);
  writer.end();
}

/** Reads the payload of RTM_NEWNEIGH; undefined where it is no station that was put at a port by hand and stays there. */
export function parseBridgeStation(bytes: Uint8Array, offset: number, end: number): BridgeStation | undefined {
  if (end - offset < FIELD.lengthBytes || bytes[offset + FIELD.family] !== AF_BRIDGE) return undefined;
  const attributes = new Attributes(bytes, offset + FIELD.lengthBytes, end);
  const { view } = attributes;
  const mac = attributes.mac(NDA_LINK_ADDRESS);
  const flags = view.getUint8(offset + FIELD.flags);
  const isSticky = (flags & NTF_STICKY) !== 0 && view.getUint16(offset + FIELD.state, HOST_LITTLE_ENDIAN) === NUD_NOARP;
  if (mac === undefined || !isSticky) return undefined;
  return { ifindex: view.getInt32(offset + FIELD.ifindex, HOST_LITTLE_ENDIAN), mac };
}
