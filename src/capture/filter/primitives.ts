/** What the words of a filter mean in bytes of an Ethernet frame without a VLAN tag, which the kernel has taken out by then. */
import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import type { Mac } from "../../base/mac.js";
import { type Ipv4Prefix, type Ipv6Prefix, ipv4Netmask, ipv6Netmask } from "../../base/prefix.js";
import * as arp from "../../wire/arp.js";
import * as ethernet from "../../wire/ethernet.js";
import * as ipv4 from "../../wire/ipv4.js";
import * as ipv6 from "../../wire/ipv6.js";
import {
  all,
  any,
  anyBitOfByteAt,
  anyBitOfHalfAt,
  byteAt,
  byteNotLess,
  halfAt,
  halfBehindIpv4InRange,
  halfInRange,
  hasTag,
  isLongerThan,
  isTagged,
  maskedWordAt,
  not,
  type Test,
} from "./frame-test.js";

/** Which end of a frame is meant; `either` is what is meant where nothing is said. */
export type Direction = "src" | "dst" | "either" | "both";

const NETWORK = ethernet.HEADER_BYTES;
const IPV6_UPPER = NETWORK + ipv6.HEADER_BYTES;
const IPV6_SOURCE = NETWORK + ipv6.FIELD.source;
const IPV6_DESTINATION = NETWORK + ipv6.FIELD.destination;
const FRAGMENT_OFFSET = 0x1fff;
const NEXT_HEADER_FRAGMENT = 44;
const PORT = { source: 0, destination: 2 } as const;
const WORD = 0xffff_ffff;
const WORD_BITS = 32n;
/** The first bit on the wire of a MAC address that is a group's. */
const GROUP_BIT = 0x01;
const MULTICAST_IPV4 = 224;
const MULTICAST_IPV6 = 0xff;
const VLAN_ID = 0xfff;
const BROADCAST: Mac = 0xffff_ffff_ffff;

export const PROTOCOL_NUMBER = { icmp: 1, igmp: 2, tcp: 6, udp: 17, icmp6: 58, sctp: 132 } as const;
export type TransportName = "tcp" | "udp" | "sctp";

export const isIpv4: Test = halfAt(ethernet.FIELD.type, ethernet.ETHERTYPE.ipv4);
export const isIpv6: Test = halfAt(ethernet.FIELD.type, ethernet.ETHERTYPE.ipv6);
export const isArp: Test = halfAt(ethernet.FIELD.type, ethernet.ETHERTYPE.arp);

export const etherType = (value: number): Test => halfAt(ethernet.FIELD.type, value);
export const ipv4Protocol = (value: number): Test => all(isIpv4, byteAt(NETWORK + ipv4.FIELD.protocol, value));
/** Also behind a fragment header, as others' filters have it. */
export const ipv6Protocol = (value: number): Test => {
  const header = byteAt(NETWORK + ipv6.FIELD.nextHeader, value);
  const behindFragment = all(byteAt(NETWORK + ipv6.FIELD.nextHeader, NEXT_HEADER_FRAGMENT), byteAt(IPV6_UPPER, value));
  return all(isIpv6, any(header, behindFragment));
};

/** At one end, at either, or at both. */
function ends(direction: Direction, source: Test, destination: Test): Test {
  switch (direction) {
    case "src":
      return source;
    case "dst":
      return destination;
    case "either":
      return any(source, destination);
    case "both":
      return all(source, destination);
  }
}

export function ipv4Net({ address, prefixLength }: Ipv4Prefix, direction: Direction): Test {
  const mask = ipv4Netmask(prefixLength);
  const at = (offset: number): Test => maskedWordAt(NETWORK + offset, mask, address);
  return all(isIpv4, ends(direction, at(ipv4.FIELD.source), at(ipv4.FIELD.destination)));
}

export function arpNet({ address, prefixLength }: Ipv4Prefix, direction: Direction): Test {
  const mask = ipv4Netmask(prefixLength);
  const at = (offset: number): Test => maskedWordAt(NETWORK + offset, mask, address);
  return all(isArp, ends(direction, at(arp.FIELD.senderAddress), at(arp.FIELD.targetAddress)));
}

export function ipv6Net({ address, prefixLength }: Ipv6Prefix, direction: Direction): Test {
  const mask = ipv6Netmask(prefixLength);
  return all(isIpv6, ends(direction, ipv6At(IPV6_SOURCE, address, mask), ipv6At(IPV6_DESTINATION, address, mask)));
}

function ipv6At(offset: number, address: Ipv6Address, mask: Ipv6Address): Test {
  const wordOf = (value: bigint, index: number): number => Number((value >> (WORD_BITS * BigInt(3 - index))) & BigInt(WORD));
  const words = [0, 1, 2, 3].filter((index) => wordOf(mask, index) !== 0);
  const tests = words.map((index) => maskedWordAt(offset + index * 4, wordOf(mask, index), wordOf(address, index)));
  // Of the prefix of all addresses nothing is left to be looked at.
  return tests.length === 0 ? isIpv6 : all(...tests);
}

export function ipv4Host(address: Ipv4Address, direction: Direction): Test {
  return ipv4Net({ family: 4, address, prefixLength: 32 }, direction);
}

export function etherHost(mac: Mac, direction: Direction): Test {
  const at = (offset: number): Test =>
    all(maskedWordAt(offset + 2, WORD, mac % 0x1_0000_0000), halfAt(offset, Math.floor(mac / 0x1_0000_0000)));
  return ends(direction, at(ethernet.FIELD.source), at(ethernet.FIELD.destination));
}

/** Ports of one transport, or of any that has them. Fragments but the first have none. */
export function ports(first: number, last: number, direction: Direction, transports: readonly TransportName[]): Test {
  const numbers = transports.map((name) => PROTOCOL_NUMBER[name]);
  const behindIpv4 = (at: number): Test => halfBehindIpv4InRange(NETWORK, at, first, last);
  const behindIpv6 = (at: number): Test => halfInRange(IPV6_UPPER + at, first, last);
  const overIpv4 = all(
    isIpv4,
    any(...numbers.map((number) => byteAt(NETWORK + ipv4.FIELD.protocol, number))),
    not(anyBitOfHalfAt(NETWORK + ipv4.FIELD.flagsAndOffset, FRAGMENT_OFFSET)),
    ends(direction, behindIpv4(PORT.source), behindIpv4(PORT.destination)),
  );
  const overIpv6 = all(
    isIpv6,
    any(...numbers.map((number) => byteAt(NETWORK + ipv6.FIELD.nextHeader, number))),
    ends(direction, behindIpv6(PORT.source), behindIpv6(PORT.destination)),
  );
  return any(overIpv6, overIpv4);
}

export const etherMulticast: Test = anyBitOfByteAt(ethernet.FIELD.destination, GROUP_BIT);
export const etherBroadcast: Test = etherHost(BROADCAST, "dst");
/** As others' filters have it, with what lies above: the addresses that are reserved, and the broadcast address. */
export const ipv4Multicast: Test = all(isIpv4, byteNotLess(NETWORK + ipv4.FIELD.destination, MULTICAST_IPV4));
export const ipv6Multicast: Test = all(isIpv6, byteAt(IPV6_DESTINATION, MULTICAST_IPV6));

/** Of any VLAN, or of one. All other words look into the tag as if it were not there. */
export const vlan = (id: number | undefined): Test => (id === undefined ? isTagged : all(isTagged, hasTag(VLAN_ID, id)));

export const atMost = (bytes: number): Test => not(isLongerThan(bytes));
export const atLeast = (bytes: number): Test => (bytes === 0 ? atMost(WORD) : isLongerThan(bytes - 1));
