import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseIpv6 } from "../../../src/base/ipv6-address.js";
import * as message from "../../../src/wire/ndp/message.js";
import { bytesOf, emitBothWays, hexOf, type Piece, viewOf } from "../../support/pieces.js";

const ip = (text: string): bigint => parseIpv6(text) ?? assert.fail(text);

interface Row {
  readonly name: string;
  readonly rfc: string;
  readonly pieces: readonly Piece[];
  readonly value: message.Message;
}

const SOLICITATION: Piece = ["router solicitation", "85 00 0000 00000000"];
const ADVERTISEMENT: Piece = ["router advertisement", "86 00 0000 40 00 0708 00000000 00000000"];
const QUIET = {
  kind: "router-advertisement",
  hopLimit: 64,
  managed: false,
  other: false,
  preference: "medium",
  routerLifetimeSeconds: 1800,
  reachableMs: 0,
  retransmitMs: 0,
} as const;

const ROWS: readonly Row[] = [
  {
    name: "a router solicitation",
    rfc: "4861 §4.1",
    pieces: [SOLICITATION],
    value: { kind: "router-solicitation", options: [] },
  },
  {
    name: "a router solicitation that names its MAC",
    rfc: "4861 §4.6.1",
    pieces: [SOLICITATION, ["source link-layer address", "01 01 525400123456"]],
    value: { kind: "router-solicitation", options: [{ kind: "source-link-layer-address", mac: 0x5254_0012_3456 }] },
  },
  {
    name: "a router advertisement: M, O, high preference, all times",
    rfc: "4861 §4.2, 4191 §2.2",
    pieces: [["router advertisement", "86 00 0000 40 c8 0708 00007530 000003e8"]],
    value: { ...QUIET, managed: true, other: true, preference: "high", reachableMs: 30_000, retransmitMs: 1000, options: [] },
  },
  {
    name: "low preference, no default router",
    rfc: "4191 §2.2",
    pieces: [["router advertisement", "86 00 0000 00 18 0000 00000000 00000000"]],
    value: { ...QUIET, hopLimit: 0, preference: "low", routerLifetimeSeconds: 0, options: [] },
  },
  {
    name: "prefix information and MTU",
    rfc: "4861 §4.6.2, §4.6.4",
    pieces: [
      ADVERTISEMENT,
      ["prefix information: /64, on-link, autonomous", "03 04 40 c0"],
      ["valid, preferred, reserved", "00015180 00003840 00000000"],
      ["2001:db8:77::", "20010db8 00770000 00000000 00000000"],
      ["MTU 1500", "05 01 0000 000005dc"],
    ],
    value: {
      ...QUIET,
      options: [
        {
          kind: "prefix-information",
          prefix: ip("2001:db8:77::"),
          prefixLength: 64,
          onLink: true,
          autonomous: true,
          validSeconds: 86_400,
          preferredSeconds: 14_400,
        },
        { kind: "mtu", mtu: 1500 },
      ],
    },
  },
  {
    name: "route information of 0, 64 and 128 bits",
    rfc: "4191 §2.3",
    pieces: [
      ADVERTISEMENT,
      ["::/0, medium", "18 01 00 00 00000258"],
      ["2001:db8:9::/48, high", "18 02 30 08 00000258 20010db8 00090000"],
      ["2001:db8::1/128, low", "18 03 80 18 ffffffff 20010db8 00000000 00000000 00000001"],
    ],
    value: {
      ...QUIET,
      options: [
        { kind: "route-information", prefix: 0n, prefixLength: 0, preference: "medium", lifetimeSeconds: 600 },
        { kind: "route-information", prefix: ip("2001:db8:9::"), prefixLength: 48, preference: "high", lifetimeSeconds: 600 },
        {
          kind: "route-information",
          prefix: ip("2001:db8::1"),
          prefixLength: 128,
          preference: "low",
          lifetimeSeconds: 0xffff_ffff,
        },
      ],
    },
  },
  {
    name: "DNS servers and search list, padded",
    rfc: "8106 §5.1, §5.2",
    pieces: [
      ADVERTISEMENT,
      ["RDNSS, two", "19 05 0000 00000708"],
      ["2001:db8::53", "20010db8 00000000 00000000 00000053"],
      ["fe80::1", "fe800000 00000000 00000000 00000001"],
      ["DNSSL", "1f 04 0000 00000708"],
      ["tapnet.internal.", "06 7461706e6574 08 696e7465726e616c 00"],
      ["padding", "00000000000000"],
    ],
    value: {
      ...QUIET,
      options: [
        { kind: "recursive-dns", lifetimeSeconds: 1800, addresses: [ip("2001:db8::53"), ip("fe80::1")] },
        { kind: "dns-search-list", lifetimeSeconds: 1800, names: ["tapnet.internal"] },
      ],
    },
  },
  {
    name: "NAT64 prefixes of every length",
    rfc: "8781 §4",
    pieces: [
      ADVERTISEMENT,
      ["64:ff9b::/96 for 1,800 s", "26 02 0708 0064ff9b 00000000 00000000"],
      ["2001:db8:1:2::/64", "26 02 0709 20010db8 00010002 00000000"],
      ["2001:db8:1:200::/56", "26 02 070a 20010db8 00010200 00000000"],
      ["2001:db8:1::/48", "26 02 070b 20010db8 00010000 00000000"],
      ["2001:db8:100::/40", "26 02 070c 20010db8 01000000 00000000"],
      ["2001:db8::/32, at most", "26 02 fffd 20010db8 00000000 00000000"],
    ],
    value: {
      ...QUIET,
      options: [
        { kind: "pref64", prefix: ip("64:ff9b::"), prefixLength: 96, lifetimeSeconds: 1800 },
        { kind: "pref64", prefix: ip("2001:db8:1:2::"), prefixLength: 64, lifetimeSeconds: 1800 },
        { kind: "pref64", prefix: ip("2001:db8:1:200::"), prefixLength: 56, lifetimeSeconds: 1800 },
        { kind: "pref64", prefix: ip("2001:db8:1::"), prefixLength: 48, lifetimeSeconds: 1800 },
        { kind: "pref64", prefix: ip("2001:db8:100::"), prefixLength: 40, lifetimeSeconds: 1800 },
        { kind: "pref64", prefix: ip("2001:db8::"), prefixLength: 32, lifetimeSeconds: 65_528 },
      ],
    },
  },
  {
    name: "a neighbour solicitation with a nonce, kept as it came",
    rfc: "4861 §4.3, 7527 §4.1",
    pieces: [
      ["neighbour solicitation", "87 00 0000 00000000"],
      ["fe80::2", "fe800000 00000000 00000000 00000002"],
      ["nonce", "0e 01 0102 03040506"],
    ],
    value: {
      kind: "neighbour-solicitation",
      target: ip("fe80::2"),
      options: [{ kind: "unknown", type: 14, data: Uint8Array.from([1, 2, 3, 4, 5, 6]) }],
    },
  },
  {
    name: "a neighbour advertisement: router, solicited, override",
    rfc: "4861 §4.4",
    pieces: [
      ["neighbour advertisement", "88 00 0000 e0000000"],
      ["fe80::1", "fe800000 00000000 00000000 00000001"],
      ["target link-layer address", "02 01 020000000001"],
    ],
    value: {
      kind: "neighbour-advertisement",
      router: true,
      solicited: true,
      override: true,
      target: ip("fe80::1"),
      options: [{ kind: "target-link-layer-address", mac: 0x0200_0000_0001 }],
    },
  },
  {
    name: "a redirect",
    rfc: "4861 §4.5",
    pieces: [
      ["redirect", "89 00 0000 00000000"],
      ["target", "fe800000 00000000 00000000 00000002"],
      ["destination", "20010db8 00000000 00000000 00000009"],
    ],
    value: { kind: "redirect", target: ip("fe80::2"), destination: ip("2001:db8::9"), options: [] },
  },
];

describe("neighbour discovery messages", () => {
  for (const { name, rfc, pieces, value } of ROWS) {
    test(`${name} (RFC ${rfc})`, () => {
      const bytes = bytesOf(pieces);
      assert.deepEqual(message.parse(viewOf(bytes), 0, bytes.length), value);
      assert.equal(message.emittedBytes(value), bytes.length);
      assert.equal(hexOf(emitBothWays(bytes.length, (view, offset) => message.emit(value, view, offset))), hexOf(bytes));
      assert.ok(!message.describe(viewOf(bytes), 0, bytes.length).includes("ndp-"));
    });

    test(`${name}: cut short anywhere it is a fault, or a shorter message`, () => {
      const bytes = bytesOf(pieces);
      for (let length = 0; length < bytes.length; length++) {
        const parsed = message.parse(viewOf(bytes.slice(0, length)), 0, length);
        if (typeof parsed !== "string") assert.equal(message.emittedBytes(parsed), length);
      }
    });
  }

  test("a solicitation is shown as tcpdump does", () => {
    const bytes = bytesOf(ROWS[8].pieces);
    const shown = message.describe(viewOf(bytes), 0, bytes.length);
    assert.equal(shown, "ICMP6, neighbor solicitation, who has fe80::2, unknown option 14: 010203040506");
  });
});

const TARGET = "fe800000 00000000 00000000 00000002";

const BROKEN: readonly { readonly name: string; readonly pieces: readonly Piece[]; readonly fault: string }[] = [
  { name: "nothing", pieces: [], fault: "ndp-truncated" },
  { name: "a solicitation of seven bytes", pieces: [["", "85000000000000"]], fault: "ndp-truncated" },
  { name: "an advertisement of fifteen bytes", pieces: [["", `86${"00".repeat(14)}`]], fault: "ndp-truncated" },
  { name: "another type", pieces: [["echo request", "80 00 0000 00000000"]], fault: "ndp-type" },
  { name: "a code", pieces: [["", "85 01 0000 00000000"]], fault: "ndp-code" },
  { name: "a group as target", pieces: [["", `87 00 0000 00000000 ff02${"00".repeat(14)}`]], fault: "ndp-target" },
  { name: "an option of length 0", pieces: [SOLICITATION, ["", "01 00 525400123456"]], fault: "ndp-option-zero" },
  { name: "an option past the end", pieces: [SOLICITATION, ["", "01 02 525400123456"]], fault: "ndp-option-overrun" },
  { name: "half an option", pieces: [SOLICITATION, ["", "01 01 5254"]], fault: "ndp-option-overrun" },
  {
    name: "a MAC of fourteen bytes",
    pieces: [
      ["", `87 00 0000 00000000 ${TARGET}`],
      ["", `01 02 ${"00".repeat(14)}`],
    ],
    fault: "ndp-option-malformed",
  },
  { name: "a prefix of 129 bits", pieces: [ADVERTISEMENT, ["", `03 04 81 ${"00".repeat(29)}`]], fault: "ndp-option-malformed" },
  {
    name: "prefix information of 24 bytes",
    pieces: [ADVERTISEMENT, ["", `03 03 40 ${"00".repeat(21)}`]],
    fault: "ndp-option-malformed",
  },
  {
    name: "a route of 65 bits in eight bytes",
    pieces: [ADVERTISEMENT, ["", `18 02 41 00 00000000 ${"00".repeat(8)}`]],
    fault: "ndp-option-malformed",
  },
  { name: "RDNSS without a server", pieces: [ADVERTISEMENT, ["", "19 01 0000 00000708"]], fault: "ndp-option-malformed" },
  {
    name: "RDNSS with half a server",
    pieces: [ADVERTISEMENT, ["", `19 02 0000 00000708 ${"00".repeat(8)}`]],
    fault: "ndp-option-malformed",
  },
  {
    name: "DNSSL that is all padding",
    pieces: [ADVERTISEMENT, ["", `1f 02 0000 00000708 ${"00".repeat(8)}`]],
    fault: "ndp-option-malformed",
  },
  {
    name: "DNSSL with a name past the end",
    pieces: [ADVERTISEMENT, ["", "1f 02 0000 00000708 3f61616161616161"]],
    fault: "ndp-option-malformed",
  },
  {
    name: "a NAT64 prefix of no known length",
    pieces: [ADVERTISEMENT, ["", `26 02 0706 ${"00".repeat(12)}`]],
    fault: "ndp-option-malformed",
  },
];

describe("broken neighbour discovery", () => {
  for (const { name, pieces, fault } of BROKEN) {
    test(`${name}: ${fault}`, () => {
      const bytes = bytesOf(pieces);
      assert.equal(message.parse(viewOf(bytes), 0, bytes.length), fault);
      assert.equal(message.describe(viewOf(bytes), 0, bytes.length), `ICMP6, ${fault} (${bytes.length} bytes)`);
    });
  }
});
