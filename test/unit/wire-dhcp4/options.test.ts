/** Each kind of option both ways: bytes in labelled pieces, value, RFC. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIpv4 } from "../../../src/base/ipv4-address.js";
import { parseIpv4Prefix } from "../../../src/base/prefix.js";
import { KNOWN_CODES, kindOf, optionName } from "../../../src/wire/dhcp4/kind.js";
import { describe, emit, type Option, parse } from "../../../src/wire/dhcp4/option-repr.js";
import { bytesOf, hexOf, type Piece } from "../../support/pieces.js";

const ip = (text: string): number => parseIpv4(text) ?? -1;
const net = (text: string) => {
  const prefix = parseIpv4Prefix(text);
  if (prefix === undefined) throw new Error(text);
  return prefix;
};
const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

interface Row {
  readonly name: string;
  readonly bytes: readonly Piece[];
  readonly option: Option;
  readonly text: string;
}

const ROWS: readonly Row[] = [
  {
    name: "subnet mask, RFC 2132 §3.3",
    bytes: [["mask", "ff ff ff 00"]],
    option: { kind: "address", code: 1, address: ip("255.255.255.0") },
    text: "subnet-mask 255.255.255.0",
  },
  {
    name: "time offset, RFC 2132 §3.4: it is signed",
    bytes: [["seconds", "ff ff f1 f0"]],
    option: { kind: "int32", code: 2, value: -3600 },
    text: "time-offset -3600",
  },
  {
    name: "routers, RFC 2132 §3.5",
    bytes: [
      ["first", "0a 4d 00 01"],
      ["second", "0a 4d 00 02"],
    ],
    option: { kind: "addresses", code: 3, addresses: [ip("10.77.0.1"), ip("10.77.0.2")] },
    text: "router 10.77.0.1,10.77.0.2",
  },
  {
    name: "host name, RFC 2132 §3.14: octets that are no text survive",
    bytes: [["name", "77 65 62 ff 00"]],
    option: { kind: "text", code: 12, text: "web\xff\0" },
    text: 'host-name "webÿ\\u0000"',
  },
  {
    name: "IP forwarding, RFC 2132 §4.1",
    bytes: [["enabled", "01"]],
    option: { kind: "flag", code: 19, value: true },
    text: "ip-forwarding true",
  },
  {
    name: "path MTU plateaus, RFC 2132 §4.7",
    bytes: [["sizes", "0044 05dc"]],
    option: { kind: "uint16s", code: 25, values: [68, 1500] },
    text: "path-mtu-plateau-table 68,1500",
  },
  {
    name: "message type, RFC 2132 §9.6",
    bytes: [["type", "03"]],
    option: { kind: "uint8", code: 53, value: 3 },
    text: "message-type REQUEST",
  },
  {
    name: "parameter request list, RFC 2132 §9.8",
    bytes: [["codes", "01 03 06 e0"]],
    option: { kind: "codes", code: 55, codes: [1, 3, 6, 224] },
    text: "parameter-list subnet-mask,router,dns-server,option-224",
  },
  {
    name: "maximum message size, RFC 2132 §9.10",
    bytes: [["size", "05dc"]],
    option: { kind: "uint16", code: 57, value: 1500 },
    text: "maximum-size 1500",
  },
  {
    name: "client identifier with a hardware address, RFC 2132 §9.14",
    bytes: [
      ["type", "01"],
      ["MAC", "52 54 00 12 34 56"],
    ],
    option: { kind: "client-identifier", code: 61, id: { form: "hardware", hardwareType: 1, address: octets("525400123456") } },
    text: "client-identifier 01525400123456",
  },
  {
    name: "client identifier with a DUID, RFC 4361 §6.1",
    bytes: [
      ["type", "ff"],
      ["IAID", "00 12 34 56"],
      ["DUID", "00 03 00 01 52 54 00 12 34 56"],
    ],
    option: { kind: "client-identifier", code: 61, id: { form: "duid", iaid: 0x12_3456, duid: octets("00030001525400123456") } },
    text: "client-identifier ff0012345600030001525400123456",
  },
  {
    name: "user class, RFC 3004 §4",
    bytes: [
      ["length", "04"],
      ["iPXE", "69 50 58 45"],
      ["length", "01"],
      ["x", "78"],
    ],
    option: { kind: "classes", code: 77, items: [octets("69505845"), octets("78")], isPlain: false },
    text: "user-class 04695058450178",
  },
  {
    name: "rapid commit, RFC 4039 §4",
    bytes: [],
    option: { kind: "present", code: 80 },
    text: "rapid-commit",
  },
  {
    name: "client FQDN, RFC 4702 §2",
    bytes: [
      ["flags E, S", "05"],
      ["results", "00 ff"],
      ["name", "03 66 6f 6f 00"],
    ],
    option: { kind: "fqdn", code: 81, flags: 5, rcode1: 0, rcode2: 255, name: octets("03666f6f00") },
    text: 'client-fqdn flags 5 "\\u0003foo\\u0000"',
  },
  {
    name: "relay agent information, RFC 3046 §2.0",
    bytes: [
      ["circuit", "01 02 00 07"],
      ["remote", "02 03 61 62 63"],
      ["empty", "05 00"],
    ],
    option: {
      kind: "suboptions",
      code: 82,
      suboptions: [
        { code: 1, data: octets("0007") },
        { code: 2, data: octets("616263") },
        { code: 5, data: octets("") },
      ],
    },
    text: "relay-agent 1:0007,2:616263,5:",
  },
  {
    name: "client architecture, RFC 4578 §2.1",
    bytes: [["EFI BC", "0007"]],
    option: { kind: "uint16s", code: 93, values: [7] },
    text: "client-architecture 7",
  },
  {
    name: "IPv6-only preferred, RFC 8925 §3.1",
    bytes: [["V6ONLY_WAIT", "00 00 07 08"]],
    option: { kind: "uint32", code: 108, value: 1800 },
    text: "ipv6-only-preferred 1800",
  },
  {
    name: "captive portal, RFC 8910 §2.1",
    bytes: [["URI", "68 74 74 70 73 3a"]],
    option: { kind: "text", code: 114, text: "https:" },
    text: 'captive-portal "https:"',
  },
  {
    name: "subnet selection, RFC 3011 §2",
    bytes: [["subnet", "0a 58 00 00"]],
    option: { kind: "address", code: 118, address: ip("10.88.0.0") },
    text: "subnet-selection 10.88.0.0",
  },
  {
    name: "domain search, RFC 3397 §2, written without pointers",
    bytes: [
      ["eng.example", "03 65 6e 67 07 65 78 61 6d 70 6c 65 00"],
      ["example", "07 65 78 61 6d 70 6c 65 00"],
    ],
    option: { kind: "domains", code: 119, names: ["eng.example", "example"] },
    text: "domain-search eng.example,example",
  },
  {
    name: "classless routes, RFC 3442: every length of destination",
    bytes: [
      ["default", "00 0a 4d 00 01"],
      ["10/8", "08 0a 0a 4d 00 01"],
      ["10.17.0.0/16", "10 0a 11 0a 4d 00 01"],
      ["10.27.129.0/25", "19 0a 1b 81 00 0a 4d 00 01"],
      ["on link", "20 0a 4d 00 01 00 00 00 00"],
    ],
    option: {
      kind: "routes",
      code: 121,
      routes: [
        { to: net("0.0.0.0/0"), router: ip("10.77.0.1") },
        { to: net("10.0.0.0/8"), router: ip("10.77.0.1") },
        { to: net("10.17.0.0/16"), router: ip("10.77.0.1") },
        { to: net("10.27.129.0/25"), router: ip("10.77.0.1") },
        { to: net("10.77.0.1/32"), router: 0 },
      ],
    },
    text: [
      "classless-routes 0.0.0.0/0>10.77.0.1",
      "10.0.0.0/8>10.77.0.1",
      "10.17.0.0/16>10.77.0.1",
      "10.27.129.0/25>10.77.0.1",
      "10.77.0.1/32>0.0.0.0",
    ].join(","),
  },
  {
    name: "vendor-identifying information, RFC 3925 §4",
    bytes: [
      ["enterprise", "00 00 01 37"],
      ["length", "02"],
      ["data", "01 00"],
    ],
    option: { kind: "vendor-items", code: 125, items: [{ enterprise: 311, data: octets("0100") }] },
    text: "vendor-identifying-information 00000137020100",
  },
  {
    name: "an option without a name",
    bytes: [["data", "01 02"]],
    option: { kind: "octets", code: 224, data: octets("0102") },
    text: "option-224 0102",
  },
];

for (const { name, bytes, option, text } of ROWS) {
  test(name, () => {
    const value = bytesOf(bytes);
    assert.deepEqual(parse(option.code, value), option);
    assert.equal(hexOf(emit(option)), hexOf(value));
    assert.equal(describe(option), text);
  });
}

/** Code and value that its RFC does not allow: kept as they are, and called malformed. */
const MALFORMED: readonly (readonly [name: string, code: number, hex: string])[] = [
  ["mask of three octets", 1, "ffffff"],
  ["routers of five octets", 3, "0a4d000100"],
  ["no router", 3, ""],
  ["empty host name", 12, ""],
  ["flag of two octets", 19, "0101"],
  ["flag that is neither", 19, "02"],
  ["MTU of one octet", 26, "05"],
  ["lease time of five octets", 51, "0000000000"],
  ["message type of two octets", 53, "0101"],
  ["empty parameter list", 55, ""],
  ["client identifier of one octet", 61, "01"],
  ["rapid commit with something in it", 80, "00"],
  ["FQDN of two octets", 81, "0000"],
  ["suboption that runs over", 82, "0105aa"],
  ["suboption without a length", 82, "01"],
  ["architecture of one octet", 93, "00"],
  ["search list without end", 119, "03656e67"],
  ["search list with a pointer forward", 119, "c00400"],
  ["search list with a pointer to itself", 119, "c000"],
  ["search list with a label of 64 octets", 119, "40"],
  ["search list with two pointers in a ring", 119, "0161c0020161c000"],
  ["route of 33 bits", 121, "21000000000000000000"],
  ["route without a router", 121, "080a0a4d00"],
  ["no route", 121, ""],
  ["vendor data that runs over", 125, "0000013705"],
];

for (const [name, code, hex] of MALFORMED) {
  test(`malformed: ${name}`, () => {
    const option = parse(code, octets(hex));
    assert.deepEqual(option, { kind: "malformed", code, data: octets(hex) });
    assert.equal(hexOf(emit(option)), hex);
    assert.match(describe(option), /malformed/);
  });
}

test("a search list with pointers back is read (RFC 3397 §2)", () => {
  const value = bytesOf([
    ["eng.example", "03 65 6e 67 07 65 78 61 6d 70 6c 65 00"],
    ["marketing, then what is at 4", "09 6d 61 72 6b 65 74 69 6e 67 c0 04"],
  ]);
  assert.deepEqual(parse(119, value), { kind: "domains", code: 119, names: ["eng.example", "marketing.example"] });
});

test("a user class without lengths is one class, as iPXE sends it", () => {
  assert.deepEqual(parse(77, octets("69505845")), { kind: "classes", code: 77, items: [octets("69505845")], isPlain: true });
});

test("every known option has a name and a kind of its own", () => {
  assert.equal(new Set(KNOWN_CODES.map(optionName)).size, KNOWN_CODES.length);
  assert.equal(kindOf(224), "octets");
  assert.equal(optionName(224), "option-224");
});
