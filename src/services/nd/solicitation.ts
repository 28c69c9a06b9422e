import { IPV6_ALL_NODES, type Ipv6Address, solicitedNode, writeIpv6 } from "../../base/ipv6-address.js";
import type { Mac } from "../../base/mac.js";
import { ADDRESS_BYTES } from "../../frame/ipv6-bytes.js";
import type { Link } from "../../frame/link.js";
import { PORT_LINK_LOCAL } from "../../frame/link-table.js";
import type { Icmpv6Path, PacketSender } from "../../frame/packet.js";
import { HEADER_BYTES, TYPE } from "../../wire/icmpv6.js";
import { OPTION } from "../../wire/ndp/codes.js";
import * as message from "../../wire/ndp/message.js";
import { emitLinkLayerAddress } from "../../wire/ndp/option-repr.js";

const LINK_LAYER_OPTION_BYTES = 8;
const MULTICAST_MAC: Mac = 0x3333_0000_0000;

/** Bytes of a neighbour solicitation or advertisement with one link-layer address. */
export const NEIGHBOUR_BYTES = message.HEADER_BYTES.neighbourAdvertisement + LINK_LAYER_OPTION_BYTES;

/** Asks whether somebody has `target` (RFC 4861 §7.2.2): its station alone when that is known, else all who might. */
export function solicit(sender: PacketSender, link: Link, target: Ipv6Address, mac: Mac | undefined): void {
  const group = solicitedNode(target);
  const option = { kind: "source-link-layer-address", mac: link.gatewayMac } as const;
  const path: Icmpv6Path = {
    link,
    etherDestination: mac ?? MULTICAST_MAC + Number(group & 0xffff_ffffn),
    ipv6Source: addressBytes(link.linkLocalIpv6 ?? PORT_LINK_LOCAL),
    ipv6Destination: addressBytes(mac === undefined ? group : target),
  };
  sender.sendIcmpv6(path, message.toBytes({ kind: "neighbour-solicitation", target, options: [option] }));
}

/** Octets behind an echo's ICMPv6 header: identifier and sequence number. Answers bring them back (RFC 4443 §4.2). */
const ECHO_BYTES = 4;
const ECHO_MARK = 0x746e_0001;

/**
 * Asks all nodes of a port to say something to our global address: each answers from the global address that it likes best (RFC
 * 6724), whichever that is.
 */
export function echoAllNodes(sender: PacketSender, link: Link): void {
  const payload = new Uint8Array(HEADER_BYTES + ECHO_BYTES);
  payload[0] = TYPE.echoRequest;
  new DataView(payload.buffer).setUint32(HEADER_BYTES, ECHO_MARK);
  const etherDestination = MULTICAST_MAC + Number(IPV6_ALL_NODES & 0xffff_ffffn);
  const [ipv6Source, ipv6Destination] = [addressBytes(link.gatewayIpv6), addressBytes(IPV6_ALL_NODES)];
  sender.sendIcmpv6({ link, etherDestination, ipv6Source, ipv6Destination }, payload);
}

/** Whether an echo reply answers `echoAllNodes`. */
export function answersOurEcho(view: DataView, offset: number, length: number): boolean {
  return length === HEADER_BYTES + ECHO_BYTES && view.getUint32(offset + HEADER_BYTES) === ECHO_MARK;
}

/** Writes an advertisement for the target of a solicitation, copied from there: "it is behind `mac`" (RFC 4861 §7.2.4). */
export function emitAdvertisement(
  view: DataView,
  offset: number,
  flags: number,
  from: DataView,
  target: number,
  mac: Mac,
): number {
  view.setUint32(offset, (TYPE.neighbourAdvertisement << 24) >>> 0);
  view.setUint32(offset + message.NEIGHBOUR_FIELD.flags, (flags << 24) >>> 0);
  for (let at = 0; at < ADDRESS_BYTES; at += 4) {
    view.setUint32(offset + message.NEIGHBOUR_FIELD.target + at, from.getUint32(target + at));
  }
  const header = message.HEADER_BYTES.neighbourAdvertisement;
  return header + emitLinkLayerAddress(OPTION.targetLinkLayerAddress, mac, view, offset + header);
}

function addressBytes(address: Ipv6Address): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES);
  writeIpv6(new DataView(bytes.buffer), 0, address);
  return bytes;
}
