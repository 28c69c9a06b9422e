import { TapnetError } from "../base/errors.js";
import { type Mac, writeMac } from "../base/mac.js";
import { addon } from "./addon.js";
import { HOST_LITTLE_ENDIAN, messageError, NETLINK_HEADER_BYTES, NetlinkSocket } from "./netlink.js";

const NAME_BYTES_MAX = 15;

/** What the kernel takes as the name of an interface (`dev_valid_name`). */
export function isInterfaceName(name: string): boolean {
  if (name === "." || name === "..") return false;
  return Buffer.byteLength(name) <= NAME_BYTES_MAX && /^[^\s/:%\0]+$/.test(name);
}

/** SystemError ENODEV when there is no interface of that name in this network namespace. */
export function interfaceIndex(name: string): number {
  return addon().interfaceIndex(name);
}

/** RTM_SETLINK of `struct ifinfomsg` (16 bytes) with one attribute each. */
const RTM_SETLINK = 19;
const IFLA_ADDRESS = 1;
const IFLA_MTU = 4;
const IFINFO_BYTES = 16;
const IFINFO_INDEX = 4;
const ADDRESS_ATTRIBUTE_BYTES = 12;
const MTU_ATTRIBUTE_BYTES = 8;

/** Sets the MAC address and the MTU of one link; for much at a time there is `RouteBatch`. caps: NET_ADMIN */
export function setLinkAttributes(ifindex: number, name: string, set: { mac?: Mac | undefined; mtu?: number | undefined }): void {
  if (set.mtu !== undefined && !(Number.isInteger(set.mtu) && set.mtu >= 68 && set.mtu <= 65_535)) {
    throw new TapnetError("INVALID_ARGUMENT", `${name}: the MTU must be from 68 to 65535, not ${set.mtu}`);
  }
  const message = linkMessage(ifindex, set);
  const socket = new NetlinkSocket("route");
  try {
    const { results } = socket.transact(message, 1);
    if (results[0].errno !== 0) throw messageError(results[0], `set MAC and MTU of ${name}`);
  } finally {
    socket.close();
  }
}

function linkMessage(ifindex: number, set: { mac?: Mac | undefined; mtu?: number | undefined }): Uint8Array {
  const addressBytes = set.mac === undefined ? 0 : ADDRESS_ATTRIBUTE_BYTES;
  const mtuBytes = set.mtu === undefined ? 0 : MTU_ATTRIBUTE_BYTES;
  const bytes = new Uint8Array(NETLINK_HEADER_BYTES + IFINFO_BYTES + addressBytes + mtuBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, HOST_LITTLE_ENDIAN);
  view.setUint16(4, RTM_SETLINK, HOST_LITTLE_ENDIAN);
  view.setInt32(NETLINK_HEADER_BYTES + IFINFO_INDEX, ifindex, HOST_LITTLE_ENDIAN);
  let offset = NETLINK_HEADER_BYTES + IFINFO_BYTES;
  if (set.mac !== undefined) {
    view.setUint16(offset, 10, HOST_LITTLE_ENDIAN);
    view.setUint16(offset + 2, IFLA_ADDRESS, HOST_LITTLE_ENDIAN);
    writeMac(view, offset + 4, set.mac);
    offset += ADDRESS_ATTRIBUTE_BYTES;
  }
  if (set.mtu !== undefined) {
    view.setUint16(offset, MTU_ATTRIBUTE_BYTES, HOST_LITTLE_ENDIAN);
    view.setUint16(offset + 2, IFLA_MTU, HOST_LITTLE_ENDIAN);
    view.setUint32(offset + 4, set.mtu, HOST_LITTLE_ENDIAN);
  }
  return bytes;
}
