/** What a guest on a bridge might try, as whole frames. */
import { parseIpv4 } from "../../../src/base/ipv4-address.js";
import { parseIpv6, writeIpv6 } from "../../../src/base/ipv6-address.js";
import { parseMac } from "../../../src/base/mac.js";
import * as arp from "../../../src/wire/arp.js";
import * as ethernet from "../../../src/wire/ethernet.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import { icmpv6Frame, udpv4Frame, udpv6Frame } from "../../support/frames.js";

export interface Station {
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

const BROADCAST = "ff:ff:ff:ff:ff:ff";
const ALL_NODES_MAC = "33:33:00:00:00:01";
export const STRANGER = { mac: "52:54:00:de:ad:01", ipv4: "10.80.0.251", ipv6: "fd00:80::bad" };

/** Frames by what is wrong with them. `me` sends, `victim` is whom it plays or harms. */
export function hostileFrames(me: Station, victim: Station): Record<string, Uint8Array> {
  const payload = Buffer.from("hostile");
  const udp = { source: 5000, destination: 5000, payload, etherDestination: mac(victim.mac) };
  const own = { ...udp, etherSource: mac(me.mac), ipSource: ipv4(me.ipv4), ipDestination: ipv4(victim.ipv4) };
  const own6 = { ...udp, etherSource: mac(me.mac), ipv6Source: ipv6(me.ipv6), ipv6Destination: ipv6(victim.ipv6) };
  const toAll = { etherDestination: mac(ALL_NODES_MAC), ipv6Destination: ipv6("ff02::1") };
  const linkLocal = ipv6(linkLocalText(me.mac));
  return {
    "a stranger's IPv4 source": udpv4Frame({ ...own, ipSource: ipv4(STRANGER.ipv4) }),
    "a source of the world": udpv4Frame({ ...own, ipSource: ipv4("203.0.113.9") }),
    "the gateway's IPv4 source": udpv4Frame({ ...own, ipSource: ipv4("10.80.0.1") }),
    "a stranger's MAC address": udpv4Frame({ ...own, etherSource: mac(STRANGER.mac) }),
    "a broadcast as somebody else": udpv4Frame({ ...own, etherDestination: mac(BROADCAST), ipSource: ipv4(STRANGER.ipv4) }),
    "a VLAN of its own": udpv4Frame({ ...own, tag: { priority: 0, dropEligible: false, id: 5 } }),
    "a service provider's VLAN": retagged(udpv4Frame({ ...own, tag: { priority: 0, dropEligible: false, id: 5 } })),
    "a DHCP offer": udpv4Frame({
      ...own,
      source: 67,
      destination: 68,
      etherDestination: mac(BROADCAST),
      ipDestination: 0xffff_ffff,
    }),
    "ARP: a claim to the gateway's address": arpFrame(me.mac, me.mac, "10.80.0.1", victim.ipv4, arp.OPERATION.reply),
    "ARP: a claim to a stranger's address": arpFrame(me.mac, me.mac, STRANGER.ipv4, victim.ipv4, arp.OPERATION.request),
    "ARP: another MAC address inside": arpFrame(me.mac, STRANGER.mac, me.ipv4, victim.ipv4, arp.OPERATION.reply),
    "ARP: a probe from another MAC address": arpFrame(STRANGER.mac, STRANGER.mac, "0.0.0.0", victim.ipv4, arp.OPERATION.request),
    "a stranger's IPv6 source": udpv6Frame({ ...own6, ipv6Source: ipv6(STRANGER.ipv6) }),
    "a DHCPv6 advertisement": udpv6Frame({ ...own6, source: 547, destination: 546 }),
    "a router advertisement": icmpv6Frame({
      etherSource: mac(me.mac),
      ...toAll,
      ipv6Source: linkLocal,
      type: icmpv6.TYPE.routerAdvertisement,
      body: Buffer.from("40c00708000000000000000001010000", "hex").subarray(0, 12),
    }),
    "a router advertisement behind a fragment header": fragmented(
      icmpv6Frame({
        etherSource: mac(me.mac),
        ...toAll,
        ipv6Source: linkLocal,
        type: icmpv6.TYPE.routerAdvertisement,
        body: Buffer.alloc(12),
      }),
    ),
    "a neighbour advertisement of another's address": icmpv6Frame({
      etherSource: mac(me.mac),
      ...toAll,
      ipv6Source: ipv6(me.ipv6),
      type: icmpv6.TYPE.neighbourAdvertisement,
      body: advertised(ipv6(STRANGER.ipv6)),
    }),
    "a redirect": icmpv6Frame({
      etherSource: mac(me.mac),
      etherDestination: mac(victim.mac),
      ipv6Source: linkLocal,
      ipv6Destination: ipv6(victim.ipv6),
      type: icmpv6.TYPE.redirect,
      body: Buffer.alloc(36),
    }),
    "LLDP from another MAC address": plain("01:80:c2:00:00:0e", STRANGER.mac, 0x88cc),
    "a spanning tree's message": plain("01:80:c2:00:00:00", me.mac, 38, Buffer.from("424203000000000000", "hex")),
    "a protocol that nobody knows": plain(victim.mac, me.mac, 0x88b5),
    PPPoE: plain(BROADCAST, me.mac, 0x8863),
  };
}

/** Frames that must arrive: the proof that the way is open. */
export function honestFrames(me: Station, victim: Station): Record<string, Uint8Array> {
  const payload = Buffer.from("honest");
  const udp = { source: 5000, destination: 5000, payload, etherSource: mac(me.mac), etherDestination: mac(victim.mac) };
  return {
    "a datagram": udpv4Frame({ ...udp, ipSource: ipv4(me.ipv4), ipDestination: ipv4(victim.ipv4) }),
    "an IPv6 datagram": udpv6Frame({ ...udp, ipv6Source: ipv6(me.ipv6), ipv6Destination: ipv6(victim.ipv6) }),
    "an ARP question": arpFrame(me.mac, me.mac, me.ipv4, victim.ipv4, arp.OPERATION.request),
    "an ARP probe": arpFrame(me.mac, me.mac, "0.0.0.0", victim.ipv4, arp.OPERATION.request),
    "a neighbour advertisement of its own": icmpv6Frame({
      etherSource: mac(me.mac),
      etherDestination: mac(ALL_NODES_MAC),
      ipv6Source: ipv6(me.ipv6),
      ipv6Destination: ipv6("ff02::1"),
      type: icmpv6.TYPE.neighbourAdvertisement,
      body: advertised(ipv6(me.ipv6)),
    }),
  };
}

/** `52:54:00:00:00:01` → `fe80::5054:ff:fe00:1`. */
export function linkLocalText(macText: string): string {
  const [a, b, c, d, e, f] = macText.split(":");
  const first = (Number.parseInt(a, 16) ^ 2).toString(16);
  return `fe80::${first}${b}:${c}ff:fe${d}:${e}${f}`;
}

function advertised(target: bigint): Uint8Array {
  const body = new Uint8Array(4 + 16);
  body[0] = 0x20;
  writeIpv6(new DataView(body.buffer), 4, target);
  return body;
}

/** The same packet as its own only fragment (RFC 6946). */
function fragmented(frame: Uint8Array): Uint8Array {
  const at = ethernet.HEADER_BYTES + 40;
  const longer = new Uint8Array(frame.length + 8);
  longer.set(frame.subarray(0, at));
  longer.set(frame.subarray(at), at + 8);
  longer[at] = longer[ethernet.HEADER_BYTES + 6];
  longer[ethernet.HEADER_BYTES + 6] = 44;
  longer[ethernet.HEADER_BYTES + 5] += 8;
  return longer;
}

/** IEEE 802.1ad instead of 802.1Q. */
function retagged(frame: Uint8Array): Uint8Array {
  frame.set([0x88, 0xa8], 12);
  return frame;
}

function arpFrame(source: string, senderMac: string, senderAddress: string, target: string, operation: number): Uint8Array {
  const frame = new Uint8Array(60);
  const view = new DataView(frame.buffer);
  ethernet.emit({ source: mac(source), destination: mac(BROADCAST), tag: undefined, type: ethernet.ETHERTYPE.arp }, view, 0);
  const addresses = { senderMac: mac(senderMac), senderAddress: ipv4(senderAddress), targetMac: 0, targetAddress: ipv4(target) };
  arp.emit({ operation, ...addresses }, view, ethernet.HEADER_BYTES);
  return frame;
}

function plain(destination: string, source: string, type: number, payload: Uint8Array = new Uint8Array(46)): Uint8Array {
  const frame = new Uint8Array(60);
  ethernet.emit({ source: mac(source), destination: mac(destination), tag: undefined, type }, new DataView(frame.buffer), 0);
  frame.set(payload, ethernet.HEADER_BYTES);
  return frame;
}

function mac(text: string): number {
  return parseMac(text) ?? 0;
}

function ipv4(text: string): number {
  return parseIpv4(text) ?? 0;
}

function ipv6(text: string): bigint {
  return parseIpv6(text) ?? 0n;
}
