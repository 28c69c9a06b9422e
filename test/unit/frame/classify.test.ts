import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { IPV6_ALL_NODES, IPV6_ALL_ROUTERS, type Ipv6Address } from "../../../src/base/ipv6-address.js";
import { FRAME_FLAG } from "../../../src/frame/batch.js";
import { Classifier, DROP_REASONS, type DropReason, FRAME_KIND } from "../../../src/frame/classify.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import {
  GUEST_IPV4,
  GUEST_LINK_LOCAL,
  GUEST_MAC,
  icmpv6Frame,
  ipv6Of,
  PORT,
  receive,
  tableOf,
  udpv4Frame,
  udpv6Frame,
} from "../../support/frames.js";

const PAYLOAD = Uint8Array.of(1, 2, 3, 4, 5);
const DHCP = { source: 68, destination: 67, payload: PAYLOAD };
const DISCOVER = { ...DHCP, etherDestination: 0xffff_ffff_ffff, ipSource: 0, ipDestination: 0xffff_ffff };
const SOLICIT = { source: 546, destination: 547, payload: PAYLOAD };
const ALL_SERVERS: Ipv6Address = (0xff02n << 112n) | 0x1_0002n;
const LOOPBACK6 = 1n;

function classify(frame: Uint8Array, flags = 0): { classifier: Classifier; kind: number } {
  const classifier = new Classifier(tableOf(PORT));
  const kind = classifier.classify(receive([frame], 0, flags), 0);
  return { classifier, kind };
}

function assertDropped(frame: Uint8Array, reason: DropReason, flags = 0): void {
  const { classifier, kind } = classify(frame, flags);
  assert.equal(kind, FRAME_KIND.dropped);
  const counted = Object.entries(classifier.drops.toJSON()).filter(([, count]) => count > 0);
  assert.deepEqual(counted, [[reason, 1]]);
}

/** The frame with one byte written over. */
function patched(frame: Uint8Array, offset: number, ...octets: number[]): Uint8Array {
  const copy = frame.slice();
  copy.set(octets, offset);
  return copy;
}

describe("a UDP datagram is found", () => {
  test("in a DISCOVER", () => {
    const { classifier, kind } = classify(udpv4Frame(DISCOVER));
    assert.equal(kind, FRAME_KIND.datagram);
    const { datagram } = classifier;
    assert.deepEqual([datagram.ipVersion, datagram.ipSource, datagram.ipDestination], [4, 0, 0xffff_ffff]);
    assert.deepEqual([datagram.udpSource, datagram.udpDestination], [68, 67]);
    assert.deepEqual([datagram.etherSource, datagram.etherDestination], [GUEST_MAC, 0xffff_ffff_ffff]);
    assert.equal(datagram.link, PORT);
    const { payloadOffset, payloadLength } = datagram;
    assert.deepEqual(datagram.bytes.slice(payloadOffset, payloadOffset + payloadLength), PAYLOAD);
  });

  test("behind IPv4 options", () => {
    const { classifier, kind } = classify(udpv4Frame({ ...DHCP, options: Uint8Array.of(0x94, 4, 0, 0) }));
    assert.equal(kind, FRAME_KIND.datagram);
    assert.equal(classifier.datagram.bytes[classifier.datagram.payloadOffset], 1);
    assert.equal(classifier.datagram.ipSource, GUEST_IPV4);
  });

  test("over IPv6, also behind extension headers", () => {
    for (const extensions of [undefined, { first: 0, bytes: Uint8Array.of(17, 0, 1, 4, 0, 0, 0, 0) }]) {
      const frame = udpv6Frame({
        ...SOLICIT,
        etherDestination: 0x3333_0001_0002,
        ipv6Destination: ALL_SERVERS,
        ...(extensions && { extensions }),
      });
      const { classifier, kind } = classify(frame);
      assert.equal(kind, FRAME_KIND.datagram);
      const { datagram } = classifier;
      assert.deepEqual([datagram.ipVersion, datagram.ipSource, datagram.udpDestination], [6, 0, 547]);
      assert.equal(ipv6Of(datagram.bytes, datagram.ipv6SourceOffset), GUEST_LINK_LOCAL);
      assert.equal(ipv6Of(datagram.bytes, datagram.ipv6DestinationOffset), ALL_SERVERS);
    }
  });

  const also: [name: string, frame: Uint8Array, flags?: number][] = [
    ["with a priority tag", udpv4Frame({ ...DHCP, tag: { priority: 3, dropEligible: false, id: 0 } })],
    ["without a checksum over IPv4", udpv4Frame({ ...DHCP, checksum: 0 })],
    ["with a checksum that the guest left to us", udpv4Frame({ ...DHCP, checksum: 0x1234 }), FRAME_FLAG.checksumPartial],
    ["with a checksum that the guest left to us, IPv6", udpv6Frame({ ...SOLICIT, checksum: 0x1234 }), FRAME_FLAG.checksumPartial],
    ["with the frame's padding behind it", new Uint8Array([...udpv4Frame(DHCP), 0, 0, 0, 0, 0, 0, 0, 0])],
    ["without any payload", udpv4Frame({ ...DHCP, payload: new Uint8Array(0) })],
    ["to the gateway's global address", udpv6Frame({ ...SOLICIT, destination: 53, ipv6Destination: PORT.gatewayIpv6 })],
  ];
  for (const [name, frame, flags] of also) {
    test(name, () => assert.equal(classify(frame, flags).kind, FRAME_KIND.datagram));
  }
});

describe("a message below UDP is found", () => {
  test("a router solicitation, also from the unspecified address", () => {
    for (const ipv6Source of [GUEST_LINK_LOCAL, 0n]) {
      const frame = icmpv6Frame({
        type: icmpv6.TYPE.routerSolicitation,
        etherDestination: 0x3333_0000_0002,
        ipv6Destination: IPV6_ALL_ROUTERS,
        ipv6Source,
      });
      const { classifier, kind } = classify(frame);
      assert.equal(kind, FRAME_KIND.icmpv6);
      const { packet } = classifier;
      assert.equal(packet.view.getUint8(packet.payloadOffset), 133);
      assert.equal(packet.payloadLength, 8);
      assert.equal(ipv6Of(packet.bytes, packet.ipv6SourceOffset), ipv6Source);
    }
  });

  test("a listener report, hop limit 1 behind a router alert", () => {
    const extensions = { first: 0, bytes: Uint8Array.of(58, 0, 5, 2, 0, 0, 1, 0) };
    const frame = icmpv6Frame({ type: icmpv6.TYPE.listenerReportV2, hopLimit: 1, ipv6Destination: IPV6_ALL_NODES, extensions });
    assert.equal(classify(frame).kind, FRAME_KIND.icmpv6);
  });

  test("an ARP request, padded", () => {
    const arp = Buffer.from("0001080006040001525400123456 0a4d0002 000000000000 0a4d0001".replaceAll(" ", ""), "hex");
    const frame = Uint8Array.from([
      255,
      255,
      255,
      255,
      255,
      255,
      0x52,
      0x54,
      0,
      0x12,
      0x34,
      0x56,
      8,
      6,
      ...arp,
      ...new Uint8Array(18),
    ]);
    const { classifier, kind } = classify(frame);
    assert.equal(kind, FRAME_KIND.arp);
    assert.deepEqual([classifier.packet.payloadLength, classifier.packet.ipv6SourceOffset], [28, 0]);
    assertDropped(frame.subarray(0, 14 + 27), "arp-truncated");
    assertDropped(patched(frame, 14, 0, 6), "arp-hardware");
    assertDropped(patched(frame, 16, 0x86, 0xdd), "arp-protocol");
  });
});

const GOOD4 = udpv4Frame(DHCP);
const GOOD6 = udpv6Frame(SOLICIT);
const SOLICITATION = { type: icmpv6.TYPE.routerSolicitation, ipv6Destination: IPV6_ALL_ROUTERS };
const UDP4 = 14 + 20;
const OTHER_IPV6 = (0x2001_0db8n << 96n) | 5n;

describe("a frame is dropped for one counted reason", () => {
  const rows: [name: string, reason: DropReason, frame: Uint8Array, flags?: number][] = [
    ["longer than its slot", "frame-truncated", GOOD4, FRAME_FLAG.truncated],
    ["nothing at all", "ethernet-truncated", new Uint8Array(0)],
    ["13 bytes", "ethernet-truncated", GOOD4.subarray(0, 13)],
    ["from a group", "ethernet-source", udpv4Frame({ ...DHCP, etherSource: 0x0100_5e00_0001 })],
    ["from the zero address", "ethernet-source", udpv4Frame({ ...DHCP, etherSource: 0 })],
    ["from our own MAC", "ethernet-source", udpv4Frame({ ...DHCP, etherSource: PORT.gatewayMac })],
    ["to another station", "ethernet-destination", udpv4Frame({ ...DHCP, etherDestination: 0x5254_0000_0099 })],
    ["in a VLAN", "ethernet-vlan", udpv4Frame({ ...DHCP, tag: { priority: 0, dropEligible: false, id: 5 } })],
    ["of another type", "not-control", patched(GOOD4, 12, 0x88, 0xcc)],
    ["TCP", "not-control", udpv4Frame({ ...DHCP, protocol: 6 })],
    ["IPv4 cut short", "ipv4-truncated", GOOD4.subarray(0, 14 + 19)],
    ["IPv4 of version 5", "ipv4-version", patched(GOOD4, 14, 0x55)],
    ["IPv4 with a header of 16 bytes", "ipv4-header-length", patched(GOOD4, 14, 0x44)],
    ["IPv4 longer than its frame", "ipv4-total-length", GOOD4.subarray(0, GOOD4.length - 1)],
    ["IPv4 with a bad checksum", "ipv4-checksum", patched(GOOD4, 14 + 8, 63)],
    ["a first fragment", "ipv4-fragment", udpv4Frame({ ...DHCP, flags: 1 })],
    ["a last fragment", "ipv4-fragment", udpv4Frame({ ...DHCP, flags: 0, fragmentOffsetBytes: 1480 })],
    ["from a multicast address", "ipv4-source", udpv4Frame({ ...DHCP, ipSource: 0xe000_0001 })],
    ["from the broadcast address", "ipv4-source", udpv4Frame({ ...DHCP, ipSource: 0xffff_ffff })],
    ["from loopback", "ipv4-source", udpv4Frame({ ...DHCP, ipSource: 0x7f00_0001 })],
    ["from our own address", "ipv4-source", udpv4Frame({ ...DHCP, ipSource: PORT.gatewayIpv4 })],
    ["to another address", "ipv4-destination", udpv4Frame({ ...DHCP, ipDestination: 0x0808_0808 })],
    ["to multicast DNS", "ipv4-destination", udpv4Frame({ ...DHCP, ipDestination: 0xe000_00fb })],
    ["UDP cut short by the total length", "udp-truncated", udpWithTotalLength(20 + 7)],
    ["UDP that claims too much", "udp-length", patched(GOOD4, UDP4 + 4, 0xff, 0xff)],
    ["UDP that claims less than its header", "udp-length", patched(GOOD4, UDP4 + 4, 0, 7)],
    ["UDP with a bad checksum", "udp-checksum", patched(GOOD4, UDP4 + 8, 9)],
    ["UDP from port zero", "udp-source-port", udpv4Frame({ ...DHCP, source: 0 })],
    ["IPv6 cut short", "ipv6-truncated", GOOD6.subarray(0, 14 + 39)],
    ["IPv6 of version 4", "ipv6-version", patched(GOOD6, 14, 0x40)],
    ["IPv6 longer than its frame", "ipv6-payload-length", GOOD6.subarray(0, GOOD6.length - 1)],
    ["from an IPv6 group", "ipv6-source", udpv6Frame({ ...SOLICIT, ipv6Source: IPV6_ALL_NODES })],
    ["from ::1", "ipv6-source", udpv6Frame({ ...SOLICIT, ipv6Source: LOOPBACK6 })],
    ["from our own IPv6 address", "ipv6-source", udpv6Frame({ ...SOLICIT, ipv6Source: PORT.gatewayIpv6 })],
    ["from fe80::1", "ipv6-source", udpv6Frame({ ...SOLICIT, ipv6Source: (0xfe80n << 112n) | 1n })],
    ["UDP from ::", "ipv6-source", udpv6Frame({ ...SOLICIT, ipv6Source: 0n })],
    ["to another IPv6 address", "ipv6-destination", udpv6Frame({ ...SOLICIT, ipv6Destination: OTHER_IPV6 })],
    [
      "a fragment of IPv6",
      "ipv6-fragment",
      udpv6Frame({ ...SOLICIT, extensions: { first: 44, bytes: Uint8Array.of(17, 0, 0, 1, 0, 0, 0, 7) } }),
    ],
    ["UDP over IPv6 without a checksum", "udp-checksum-missing", udpv6Frame({ ...SOLICIT, checksum: 0 })],
    ["UDP over IPv6 with a bad checksum", "udp-checksum", udpv6Frame({ ...SOLICIT, checksum: 0x1234 })],
    ["TCP over IPv6", "not-control", patched(GOOD6, 14 + 6, 6)],
    ["an echo request", "not-control", icmpv6Frame({ type: icmpv6.TYPE.echoRequest })],
    ["ICMPv6 cut short", "icmpv6-truncated", patched(icmpv6Frame(SOLICITATION), 14 + 4, 0, 3)],
    ["a solicitation that crossed a router", "icmpv6-hop-limit", icmpv6Frame({ ...SOLICITATION, hopLimit: 254 })],
    ["a solicitation with a code", "icmpv6-code", icmpv6Frame({ ...SOLICITATION, code: 1 })],
    ["a solicitation with a bad checksum", "icmpv6-checksum", patched(icmpv6Frame(SOLICITATION), 14 + 40 + 2, 0xab)],
  ];
  for (const [name, reason, frame, flags] of rows) test(`${name}: ${reason}`, () => assertDropped(frame, reason, flags));

  test("from a link that is gone: link-gone", () => {
    const links = tableOf(PORT);
    links.delete(PORT.slot);
    const classifier = new Classifier(links);
    assert.equal(classifier.classify(receive([GOOD4]), 0), FRAME_KIND.dropped);
    assert.equal(classifier.drops.get("link-gone"), 1);
  });

  test("where the network lacks a family, its unspecified address is not ours", () => {
    const classifier = new Classifier(tableOf({ ...PORT, gatewayIpv4: 0, gatewayIpv6: 0n }));
    const batch = receive([udpv4Frame({ ...DHCP, ipDestination: 0 }), udpv6Frame({ ...SOLICIT, ipv6Destination: 0n })]);
    assert.equal(classifier.classify(batch, 0), FRAME_KIND.dropped);
    assert.equal(classifier.classify(batch, 1), FRAME_KIND.dropped);
    assert.deepEqual([classifier.drops.get("ipv4-destination"), classifier.drops.get("ipv6-destination")], [1, 1]);
  });

  test("every reason says what it means", () => {
    for (const [reason, meaning] of Object.entries(DROP_REASONS)) assert.ok(meaning.length > 10, reason);
  });
});

/** A datagram whose IPv4 header says that there is less of it. */
function udpWithTotalLength(totalBytes: number): Uint8Array {
  const whole = udpv4Frame({ ...DHCP, payload: new Uint8Array(0) });
  const frame = patched(whole, 16, 0, totalBytes);
  const view = new DataView(frame.buffer);
  view.setUint16(24, view.getUint16(24) + (28 - totalBytes));
  return frame;
}
