/**
 * The kernel's part in finding control frames: a classic BPF program a link.
 *
 * It keeps every frame that `classify` would hand to a bound service, and as few others as its few tests can tell. A port
 * pays it for every frame its guest sends, forwarded ones included, so the order of the tests is the cost: a forwarded packet
 * is dropped after its type and its destination address.
 *
 * IPv6 extension headers are not walked, because classic BPF has no loops: a packet to us that has one is kept, and `classify`
 * walks. Checksums, lengths and sources are `classify`'s as well.
 */
import { IPV4_BROADCAST } from "../base/ipv4-address.js";
import { IPV6_ANY, type Ipv6Address } from "../base/ipv6-address.js";
import type { Mac } from "../base/mac.js";
import * as ethernet from "../wire/ethernet.js";
import * as icmpv6 from "../wire/icmpv6.js";
import * as ipv4 from "../wire/ipv4.js";
import * as ipv6 from "../wire/ipv6.js";
import * as udp from "../wire/udp.js";
import {
  ANCILLARY_VLAN_TAG,
  and,
  assemble,
  type BpfProgram,
  drop,
  jumpIfEqual,
  jumpIfSet,
  keep,
  label,
  loadByte,
  loadHalf,
  loadHalfIndexed,
  loadIndexIpv4Header,
  loadWord,
  type Statement,
} from "./bpf.js";
import type { DatagramBinding, PacketBinding } from "./dispatch.js";
import type { Link } from "./link.js";

/** What is bound in the dispatcher: the filter follows from the same list. */
export interface FilterBindings {
  readonly datagrams: readonly Pick<DatagramBinding, "family" | "port" | "reach">[];
  readonly packets?: readonly Pick<PacketBinding, "message">[];
}

type FilterLink = Pick<Link, "gatewayMac" | "gatewayIpv4" | "gatewayIpv6">;

const NETWORK = ethernet.HEADER_BYTES;
const IPV6_UPPER = NETWORK + ipv6.HEADER_BYTES;
const FRAGMENT_MASK = 0x3fff;

/** The program for a link on which these services are bound: a guest's port or a shared link. */
export function controlFilter(link: FilterLink, bindings: FilterBindings): BpfProgram {
  const { datagrams, packets = [] } = bindings;
  const arp = packets.some(({ message }) => message === "arp");
  return assemble([
    loadHalf(ethernet.FIELD.type),
    jumpIfEqual(ethernet.ETHERTYPE.ipv4, "ipv4"),
    jumpIfEqual(ethernet.ETHERTYPE.ipv6, "ipv6"),
    jumpIfEqual(ethernet.ETHERTYPE.arp, arp ? "station" : "drop", "drop"),
    ...filterIpv4(link, datagrams),
    ...filterIpv6(link, bindings),
    ...filterStation(link.gatewayMac),
  ]);
}

/** Keeps every untagged frame: for a link whose guest is not known yet, and is recognised by its first frame. */
export function firstFrameFilter(): BpfProgram {
  return assemble([...filterVlan()]);
}

function filterIpv4(link: FilterLink, datagrams: FilterBindings["datagrams"]): Statement[] {
  const bound = datagrams.filter(({ family }) => family === 4);
  const gateway = bound.map(({ port }) => port);
  const broadcast = bound.filter(({ reach }) => reach === "link").map(({ port }) => port);
  const gatewayAddress = link.gatewayIpv4 === 0 ? [] : [jumpIfEqual(link.gatewayIpv4, "ipv4-gateway")];
  return [
    label("ipv4"),
    loadWord(NETWORK + ipv4.FIELD.destination),
    ...gatewayAddress,
    jumpIfEqual(IPV4_BROADCAST, undefined, "drop"),
    ...filterUdpv4(broadcast),
    label("ipv4-gateway"),
    ...filterUdpv4(gateway),
  ];
}

function filterUdpv4(ports: readonly number[]): Statement[] {
  return [
    loadByte(NETWORK + ipv4.FIELD.protocol),
    jumpIfEqual(ipv4.PROTOCOL.udp, undefined, "drop"),
    loadHalf(NETWORK + ipv4.FIELD.flagsAndOffset),
    jumpIfSet(FRAGMENT_MASK, "drop"),
    loadIndexIpv4Header(NETWORK),
    loadHalfIndexed(NETWORK + udp.FIELD.destination),
    ...ports.map((port) => jumpIfEqual(port, "station")),
    drop(),
  ];
}

function filterIpv6(link: FilterLink, { datagrams, packets = [] }: FilterBindings): Statement[] {
  const bound = datagrams.filter(({ family }) => family === 6);
  const gateway = bound.map(({ port }) => port);
  const multicast = bound.filter(({ reach }) => reach === "link").map(({ port }) => port);
  const types = packets.flatMap(({ message }) => (message === "arp" ? [] : [icmpv6.TYPE[message]]));
  return [
    label("ipv6"),
    loadHalf(NETWORK + ipv6.FIELD.destination),
    and(0xffc0),
    jumpIfEqual(0xfe80, "ipv6-ours"),
    and(0xff00),
    jumpIfEqual(0xff00, "ipv6-multicast"),
    ...(link.gatewayIpv6 === IPV6_ANY ? [drop()] : filterGatewayIpv6(link.gatewayIpv6)),
    label("ipv6-ours"),
    ...filterUpper("ours", gateway, types),
    label("ipv6-multicast"),
    ...filterUpper("multicast", multicast, types),
  ];
}

function filterGatewayIpv6(address: Ipv6Address): Statement[] {
  return [0, 1, 2, 3].flatMap((word) => [
    loadWord(NETWORK + ipv6.FIELD.destination + word * 4),
    jumpIfEqual(Number((address >> BigInt(96 - word * 32)) & 0xffff_ffffn), undefined, "drop"),
  ]);
}

function filterUpper(scope: string, ports: readonly number[], types: readonly number[]): Statement[] {
  const { udp: udpNext, icmpv6: icmpv6Next, hopByHop, routing, authentication, destinationOptions } = ipv6.NEXT_HEADER;
  return [
    loadByte(NETWORK + ipv6.FIELD.nextHeader),
    jumpIfEqual(udpNext, `${scope}-udp`),
    jumpIfEqual(icmpv6Next, `${scope}-icmpv6`),
    ...[hopByHop, routing, authentication, destinationOptions].map((extension) => jumpIfEqual(extension, "station")),
    drop(),
    label(`${scope}-udp`),
    loadHalf(IPV6_UPPER + udp.FIELD.destination),
    ...ports.map((port) => jumpIfEqual(port, "station")),
    drop(),
    label(`${scope}-icmpv6`),
    loadByte(IPV6_UPPER + icmpv6.FIELD.type),
    ...types.map((type) => jumpIfEqual(type, "station")),
    drop(),
  ];
}

/** To our MAC or to a group, and without a VLAN. */
function filterStation(mac: Mac): Statement[] {
  return [
    label("station"),
    loadByte(ethernet.FIELD.destination),
    jumpIfSet(1, "vlan"),
    loadHalf(ethernet.FIELD.destination),
    jumpIfEqual(Math.floor(mac / 0x1_0000_0000), undefined, "drop"),
    loadWord(ethernet.FIELD.destination + 2),
    jumpIfEqual(mac >>> 0, undefined, "drop"),
    label("vlan"),
    ...filterVlan(),
  ];
}

/** Ends a program: keeps what has no VLAN, or only a priority. */
function filterVlan(): Statement[] {
  return [loadWord(ANCILLARY_VLAN_TAG), jumpIfSet(0xfff, "drop"), keep(), label("drop"), drop()];
}
