/** Each header as a table of labelled bytes, read and written; the rows of faults name their reason. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseIpv4 } from "../../../src/base/ipv4-address.js";
import { parseIpv6 } from "../../../src/base/ipv6-address.js";
import * as arp from "../../../src/wire/arp.js";
import * as ethernet from "../../../src/wire/ethernet.js";
import * as icmpv4 from "../../../src/wire/icmpv4.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import * as ipv4 from "../../../src/wire/ipv4.js";
import * as ipv6 from "../../../src/wire/ipv6.js";
import * as udp from "../../../src/wire/udp.js";
import { bytesOf, emitBothWays, hexOf, type Piece, viewOf } from "../../support/pieces.js";

const v4 = (text: string): number => parseIpv4(text) ?? assert.fail(text);
const v6 = (text: string): bigint => parseIpv6(text) ?? assert.fail(text);

interface Codec<Repr> {
  parse(view: DataView, offset: number, length: number): Repr | string;
  emit(repr: Repr, view: DataView, offset: number): number;
  describe(view: DataView, offset: number, length: number): string;
}

interface Good<Repr> {
  readonly name: string;
  readonly rfc: string;
  readonly pieces: readonly Piece[];
  readonly value: Repr;
  readonly text: string;
  /** Bytes behind the header that the header counts. */
  readonly payload?: string;
}

interface Bad {
  readonly name: string;
  readonly pieces: readonly Piece[];
  readonly fault: string;
}

function table<Repr>(name: string, codec: Codec<Repr>, good: readonly Good<Repr>[], bad: readonly Bad[]): void {
  describe(name, () => {
    for (const row of good) {
      test(`${row.name} (${row.rfc})`, () => {
        const header = bytesOf(row.pieces);
        const whole = Buffer.concat([Buffer.from([0xee, 0xee, 0xee]), header, Buffer.from(row.payload ?? "", "hex")]);
        const length = whole.length - 3;
        assert.deepEqual(codec.parse(viewOf(whole), 3, length), row.value);
        assert.equal(codec.describe(viewOf(whole), 3, length), row.text);
        const emitted = emitBothWays(header.length, (view, offset) => codec.emit(row.value, view, offset));
        assert.equal(hexOf(emitted), hexOf(header));
      });
    }
    for (const row of bad) {
      test(`${row.name} is ${row.fault}`, () => {
        const bytes = bytesOf(row.pieces);
        assert.equal(codec.parse(viewOf(bytes), 0, bytes.length), row.fault);
        assert.match(codec.describe(viewOf(bytes), 0, bytes.length), new RegExp(row.fault));
      });
    }
  });
}

const STATIONS: Piece = ["to broadcast, from 52:54:00:12:34:56", "ffffffffffff 525400123456"];

table<ethernet.Ethernet>(
  "Ethernet",
  ethernet,
  [
    {
      name: "untagged IPv4",
      rfc: "RFC 894",
      pieces: [STATIONS, ["IPv4", "0800"]],
      value: { destination: 0xffff_ffff_ffff, source: 0x5254_0012_3456, tag: undefined, type: 0x0800 },
      text: "52:54:00:12:34:56 > ff:ff:ff:ff:ff:ff, ethertype 0x0800, length 14",
    },
    {
      name: "priority-tagged ARP",
      rfc: "IEEE 802.1Q §9.6",
      pieces: [STATIONS, ["802.1Q", "8100"], ["priority 5, drop eligible, VLAN 0", "b000"], ["ARP", "0806"]],
      value: {
        destination: 0xffff_ffff_ffff,
        source: 0x5254_0012_3456,
        tag: { priority: 5, dropEligible: true, id: 0 },
        type: 0x0806,
      },
      text: "52:54:00:12:34:56 > ff:ff:ff:ff:ff:ff, ethertype 0x0806, vlan 0, p 5, length 18",
    },
    {
      name: "a length instead of a type",
      rfc: "IEEE 802.3 §3.2.6",
      pieces: [STATIONS, ["length", "0026"]],
      value: { destination: 0xffff_ffff_ffff, source: 0x5254_0012_3456, tag: undefined, type: 0x26 },
      text: "52:54:00:12:34:56 > ff:ff:ff:ff:ff:ff, ethertype 0x0026, length 14",
    },
  ],
  [
    { name: "13 bytes", pieces: [STATIONS, ["half a type", "08"]], fault: "ethernet-truncated" },
    { name: "half a tag", pieces: [STATIONS, ["802.1Q", "8100"], ["priority", "0000"]], fault: "ethernet-truncated" },
  ],
);

const ARP_HEAD: Piece = ["Ethernet, IPv4, lengths", "0001 0800 06 04"];
const ARP_REST: Piece[] = [
  ["sender", "525400123456 0a4d0002"],
  ["target", "000000000000 0a4d0001"],
];

table<arp.Arp>(
  "ARP",
  arp,
  [
    {
      name: "a request",
      rfc: "RFC 826",
      pieces: [ARP_HEAD, ["request", "0001"], ...ARP_REST],
      value: {
        operation: arp.OPERATION.request,
        senderMac: 0x5254_0012_3456,
        senderAddress: v4("10.77.0.2"),
        targetMac: 0,
        targetAddress: v4("10.77.0.1"),
      },
      text: "ARP, Request who-has 10.77.0.1 tell 10.77.0.2",
    },
    {
      name: "a reply",
      rfc: "RFC 826",
      pieces: [ARP_HEAD, ["reply", "0002"], ["sender", "020000000001 0a4d0001"], ["target", "525400123456 0a4d0002"]],
      value: {
        operation: arp.OPERATION.reply,
        senderMac: 0x0200_0000_0001,
        senderAddress: v4("10.77.0.1"),
        targetMac: 0x5254_0012_3456,
        targetAddress: v4("10.77.0.2"),
      },
      text: "ARP, Reply 10.77.0.1 is-at 02:00:00:00:00:01",
    },
    {
      name: "an unknown operation",
      rfc: "RFC 5494 §3",
      pieces: [ARP_HEAD, ["25", "0019"], ...ARP_REST],
      value: {
        operation: 25,
        senderMac: 0x5254_0012_3456,
        senderAddress: v4("10.77.0.2"),
        targetMac: 0,
        targetAddress: v4("10.77.0.1"),
      },
      text: "ARP, operation 25, sender 10.77.0.2 at 52:54:00:12:34:56",
    },
  ],
  [
    { name: "27 bytes", pieces: [ARP_HEAD, ["", "0001 525400123456 0a4d0002 000000000000 0a4d00"]], fault: "arp-truncated" },
    { name: "another hardware", pieces: [["", "0006 0800 06 04 0001"], ...ARP_REST], fault: "arp-hardware" },
    { name: "a hardware length of 8", pieces: [["", "0001 0800 08 04 0001"], ...ARP_REST], fault: "arp-hardware" },
    { name: "another protocol", pieces: [["", "0001 86dd 06 04 0001"], ...ARP_REST], fault: "arp-protocol" },
    { name: "a protocol length of 16", pieces: [["", "0001 0800 06 10 0001"], ...ARP_REST], fault: "arp-protocol" },
  ],
);

const IPV4_ADDRESSES: Piece = ["from 192.168.0.1 to 192.168.0.199", "c0a80001 c0a800c7"];

table<ipv4.Ipv4>(
  "IPv4",
  ipv4,
  [
    {
      name: "the worked example of the checksum",
      rfc: "RFC 1071",
      pieces: [
        ["version, length, class, total", "45 00 0073"],
        ["id, DF, offset", "0000 4000"],
        ["ttl, UDP, checksum", "40 11 b861"],
        IPV4_ADDRESSES,
      ],
      payload: "00".repeat(0x73 - 20),
      value: {
        trafficClass: 0,
        totalBytes: 0x73,
        identification: 0,
        flags: ipv4.FLAG.dontFragment,
        fragmentOffsetBytes: 0,
        ttl: 64,
        protocol: ipv4.PROTOCOL.udp,
        source: v4("192.168.0.1"),
        destination: v4("192.168.0.199"),
        options: new Uint8Array(0),
      },
      text: "IP 192.168.0.1 > 192.168.0.199: protocol 17, ttl 64, length 115",
    },
    {
      name: "a middle fragment with options",
      rfc: "RFC 791 §3.1",
      pieces: [
        ["version, length 24, class, total", "46 10 001c"],
        ["id 7, MF, offset 1480", "0007 20b9"],
        ["ttl, ICMP, checksum", "01 01 81f4"],
        IPV4_ADDRESSES,
        ["router alert", "94040000"],
      ],
      payload: "00000000",
      value: {
        trafficClass: 0x10,
        totalBytes: 28,
        identification: 7,
        flags: ipv4.FLAG.moreFragments,
        fragmentOffsetBytes: 1480,
        ttl: 1,
        protocol: ipv4.PROTOCOL.icmp,
        source: v4("192.168.0.1"),
        destination: v4("192.168.0.199"),
        options: Uint8Array.of(0x94, 4, 0, 0),
      },
      text: "IP 192.168.0.1 > 192.168.0.199: protocol 1, ttl 1, fragment 7@1480+, length 28",
    },
  ],
  [
    { name: "19 bytes", pieces: [["", "45000073000040004011b861c0a80001c0a800"]], fault: "ipv4-truncated" },
    { name: "version 6", pieces: [["", "65000014000040004011b8c0"], IPV4_ADDRESSES], fault: "ipv4-version" },
    { name: "a header of 16 bytes", pieces: [["", "44000014000040004011b8c0"], IPV4_ADDRESSES], fault: "ipv4-header-length" },
    {
      name: "a header longer than the packet",
      pieces: [["", "46000014000040004011b8c0"], IPV4_ADDRESSES],
      fault: "ipv4-header-length",
    },
    { name: "a total below the header", pieces: [["", "45000013000040004011b8c0"], IPV4_ADDRESSES], fault: "ipv4-total-length" },
    { name: "a total beyond the packet", pieces: [["", "45000015000040004011b8c0"], IPV4_ADDRESSES], fault: "ipv4-total-length" },
    { name: "a wrong checksum", pieces: [["", "45000014000040004011b8c1"], IPV4_ADDRESSES], fault: "ipv4-checksum" },
  ],
);

const IPV6_ADDRESSES: Piece = ["from fe80::2 to ff02::2", "fe800000000000000000000000000002 ff020000000000000000000000000002"];

table<ipv6.Ipv6>(
  "IPv6",
  ipv6,
  [
    {
      name: "a router solicitation's header",
      rfc: "RFC 8200 §3",
      pieces: [["version, class, flow", "6 ba 12345"], ["length, ICMPv6, hop limit", "0008 3a ff"], IPV6_ADDRESSES],
      payload: "85007d3500000000",
      value: {
        trafficClass: 0xba,
        flowLabel: 0x12345,
        payloadBytes: 8,
        nextHeader: ipv6.NEXT_HEADER.icmpv6,
        hopLimit: 255,
        source: v6("fe80::2"),
        destination: v6("ff02::2"),
      },
      text: "IP6 fe80::2 > ff02::2: next-header 58, hlim 255, length 8",
    },
  ],
  [
    {
      name: "39 bytes",
      pieces: [
        ["", "6000000000003aff"],
        ["", "fe800000000000000000000000000002 ff0200000000000000000000000000"],
      ],
      fault: "ipv6-truncated",
    },
    { name: "version 4", pieces: [["", "4000000000003aff"], IPV6_ADDRESSES], fault: "ipv6-version" },
    { name: "a payload beyond the packet", pieces: [["", "6000000000013aff"], IPV6_ADDRESSES], fault: "ipv6-payload-length" },
  ],
);

table<udp.Udp>(
  "UDP",
  udp,
  [
    {
      name: "a DHCP client's header",
      rfc: "RFC 768",
      pieces: [
        ["ports", "0044 0043"],
        ["length, checksum", "000c 591f"],
      ],
      payload: "01020304",
      value: { source: 68, destination: 67, lengthBytes: 12, checksum: 0x591f },
      text: "68 > 67: UDP, length 4",
    },
    {
      name: "padding behind the datagram",
      rfc: "RFC 768",
      pieces: [
        ["ports", "d431 0035"],
        ["length, no checksum", "0008 0000"],
      ],
      payload: "0000",
      value: { source: 0xd431, destination: 53, lengthBytes: 8, checksum: 0 },
      text: "54321 > 53: UDP, length 0",
    },
  ],
  [
    { name: "7 bytes", pieces: [["", "00440043000859"]], fault: "udp-truncated" },
    { name: "a length below the header", pieces: [["", "004400430007591f"]], fault: "udp-length" },
    { name: "a length beyond the packet", pieces: [["", "004400430009591f"]], fault: "udp-length" },
  ],
);

table<icmpv4.Icmpv4>(
  "ICMP",
  icmpv4,
  [
    {
      name: "an echo request without data",
      rfc: "RFC 792",
      pieces: [
        ["type, code, checksum", "08 00 f7f6"],
        ["id 7, sequence 2", "0007 0002"],
      ],
      value: { type: icmpv4.TYPE.echoRequest, code: 0, checksum: 0xf7f6, rest: 0x0007_0002 },
      text: "ICMP echo request, id 7, seq 2, length 8",
    },
    {
      name: "fragmentation needed, MTU 1400",
      rfc: "RFC 1191 §4",
      pieces: [
        ["type, code, checksum", "03 04 f783"],
        ["unused, MTU", "0000 0578"],
      ],
      value: { type: icmpv4.TYPE.unreachable, code: icmpv4.UNREACHABLE.fragmentationNeeded, checksum: 0xf783, rest: 1400 },
      text: "ICMP unreachable, code 4, length 8",
    },
  ],
  [
    { name: "7 bytes", pieces: [["", "0800f7f6000700"]], fault: "icmpv4-truncated" },
    { name: "a wrong checksum", pieces: [["", "0800f7f500070002"]], fault: "icmpv4-checksum" },
  ],
);

table<icmpv6.Icmpv6>(
  "ICMPv6",
  icmpv6,
  [
    {
      name: "a router solicitation",
      rfc: "RFC 4861 §4.1",
      pieces: [["type, code, checksum", "85 00 7d35"]],
      payload: "00000000",
      value: { type: icmpv6.TYPE.routerSolicitation, code: 0, checksum: 0x7d35 },
      text: "ICMP6, router solicitation, length 8",
    },
    {
      name: "an unknown type",
      rfc: "RFC 4443 §2.1",
      pieces: [["type, code, checksum", "fa 07 0000"]],
      value: { type: 250, code: 7, checksum: 0 },
      text: "ICMP6, type 250, code 7, length 4",
    },
  ],
  [{ name: "3 bytes", pieces: [["", "85007d"]], fault: "icmpv6-truncated" }],
);

test("an ICMPv6 message is sealed and verified with its pseudo header (RFC 4443 §2.3)", () => {
  const bytes = bytesOf([["IPv6", "6000000000083aff"], IPV6_ADDRESSES, ["a solicitation, not sealed", "8500a5a500000000"]]);
  icmpv6.seal(viewOf(bytes), 0, 40, 8);
  assert.equal(hexOf(bytes.subarray(40)), "85007d3500000000");
  assert.ok(icmpv6.verify(viewOf(bytes), 0, 40, 8));
  bytes[39] ^= 1;
  assert.ok(!icmpv6.verify(viewOf(bytes), 0, 40, 8));
});

test("an ICMP message is sealed with its body", () => {
  const bytes = bytesOf([
    ["echo reply, not sealed", "0000a5a5 00070002"],
    ["data", "616263"],
  ]);
  icmpv4.seal(viewOf(bytes), 0, bytes.length);
  assert.equal(icmpv4.check(viewOf(bytes), 0, bytes.length), undefined);
});
