/** Whole messages: header, areas of options, faults, and the two ways of reading them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OPTION } from "../../../src/wire/dhcp4/codes.js";
import * as message from "../../../src/wire/dhcp4/message.js";
import { Dhcp4Request } from "../../../src/wire/dhcp4/request.js";
import { bytesOf, emitBothWays, hexOf, type Piece, viewOf } from "../../support/pieces.js";

const HEADER: readonly Piece[] = [
  ["op, htype, hlen, hops", "01 01 06 00"],
  ["xid", "12 34 56 78"],
  ["secs, flags", "0007 8000"],
  ["ciaddr", "00 00 00 00"],
  ["yiaddr", "00 00 00 00"],
  ["siaddr", "00 00 00 00"],
  ["giaddr", "0a 4d 00 fe"],
  ["chaddr", `52 54 00 12 34 56 ${"00".repeat(10)}`],
];
const NAMES: readonly Piece[] = [
  ["sname", "00".repeat(64)],
  ["file", "00".repeat(128)],
];
const COOKIE: Piece = ["cookie", "63 82 53 63"];

function messageOf(...options: readonly Piece[]): Uint8Array {
  return bytesOf([...HEADER, ...NAMES, COOKIE, ...options]);
}

/** sname and file with options in them. */
function overloaded(sname: string, file: string, ...options: readonly Piece[]): Uint8Array {
  const field = (hex: string, length: number): string => hex.replaceAll(" ", "").padEnd(2 * length, "0");
  return bytesOf([...HEADER, ["sname", field(sname, 64)], ["file", field(file, 128)], COOKIE, ...options]);
}

function read(bytes: Uint8Array): Dhcp4Request | string {
  const request = new Dhcp4Request();
  return request.read(bytes, viewOf(bytes), 0, bytes.length) ?? request;
}

function hexValueOf(request: Dhcp4Request | string, code: number): string | undefined {
  if (typeof request === "string") throw new Error(request);
  if (!request.has(code)) return undefined;
  const start = request.offsetOf(code);
  return hexOf(request.bytesOf(code).slice(start, start + request.lengthOf(code)));
}

test("a whole message both ways", () => {
  const bytes = messageOf(["DISCOVER", "35 01 01"], ["list", "37 02 01 03"], ["end", "ff"], ["padding", "00".repeat(52)]);
  assert.equal(bytes.length, 300);
  const parsed = message.parse(viewOf(bytes), 0, bytes.length);
  assert.ok(typeof parsed === "object");
  assert.deepEqual(parsed, {
    op: 1,
    htype: 1,
    hops: 0,
    xid: 0x1234_5678,
    secs: 7,
    flags: 0x8000,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0x0a4d_00fe,
    chaddr: Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56),
    sname: "",
    file: "",
    options: [
      { kind: "uint8", code: 53, value: 1 },
      { kind: "codes", code: 55, codes: [1, 3] },
    ],
  });
  const emitted = emitBothWays(message.emittedBytes(parsed), (view, offset) => message.emit(parsed, view, offset));
  assert.equal(hexOf(emitted), hexOf(bytes));
  const text =
    "DHCPv4 DISCOVER 525400123456 xid 12345678, secs 7, broadcast, giaddr 10.77.0.254, parameter-list subnet-mask,router";
  assert.equal(message.describe(viewOf(bytes), 0, bytes.length), text);
});

test("the cursor reads header fields and options in place", () => {
  const request = read(messageOf(["REQUEST", "35 01 03"], ["address", "32 04 0a 4d 00 09"], ["end", "ff"]));
  assert.ok(typeof request === "object");
  assert.equal(request.messageType, 3);
  assert.equal(request.uint32(OPTION.requestedAddress), 0x0a4d_0009);
  assert.equal(request.mac, 0x5254_0012_3456);
  assert.equal(request.giaddr, 0x0a4d_00fe);
  assert.equal(request.has(OPTION.serverIdentifier), false);
  assert.equal(request.lengthOf(OPTION.serverIdentifier), 0);
});

/** Fault, and the bytes that have it. */
const FAULTS: readonly (readonly [name: string, bytes: Uint8Array, fault: string])[] = [
  ["empty", new Uint8Array(0), "dhcp4-truncated"],
  ["one byte short", messageOf().subarray(0, 235), "dhcp4-truncated"],
  ["neither request nor reply", messageOf(["end", "ff"]).map((octet, at) => (at === 0 ? 3 : octet)), "dhcp4-op"],
  [
    "hardware address of 17 octets",
    messageOf(["end", "ff"]).map((octet, at) => (at === 2 ? 17 : octet)),
    "dhcp4-hardware-length",
  ],
  ["option that runs over the end", messageOf(["DISCOVER", "35 01 01"], ["long", "0c ff 61"]), "dhcp4-option-overrun"],
  ["option without a length", messageOf(["DISCOVER", "35 01 01"], ["cut", "0c"]), "dhcp4-option-overrun"],
  ["message type of two octets", messageOf(["type", "35 02 01 01"], ["end", "ff"]), "dhcp4-option-length"],
  ["message type of none", messageOf(["type", "35 00"], ["end", "ff"]), "dhcp4-option-length"],
  ["message type zero", messageOf(["type", "35 01 00"], ["end", "ff"]), "dhcp4-option-length"],
  ["message type twice", messageOf(["type", "35 01 01"], ["type", "35 01 01"], ["end", "ff"]), "dhcp4-option-length"],
  [
    "option in file that runs over it",
    overloaded("", `0c${"ff".repeat(127)}`, ["overload", "34 01 01"], ["end", "ff"]),
    "dhcp4-option-overrun",
  ],
];

for (const [name, bytes, fault] of FAULTS) {
  test(`fault: ${name}`, () => {
    assert.equal(read(bytes), fault);
    assert.equal(message.check(viewOf(bytes), 0, bytes.length), fault);
    assert.equal(message.parse(viewOf(bytes), 0, bytes.length), fault);
    assert.match(message.describe(viewOf(bytes), 0, bytes.length), new RegExp(fault));
  });
}

/** What is no fault. */
const TOLERATED: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ["no end option", messageOf(["DISCOVER", "35 01 01"])],
  ["pads between options", messageOf(["pads", "00 00"], ["DISCOVER", "35 01 01"], ["pads", "00 00 00"], ["end", "ff"])],
  ["anything behind the end", messageOf(["DISCOVER", "35 01 01"], ["end", "ff"], ["noise", "0c ff ff"])],
];

for (const [name, bytes] of TOLERATED) {
  test(`tolerated: ${name}`, () => assert.equal(hexValueOf(read(bytes), OPTION.messageType), "01"));
}

test("BOOTP without the cookie has no options, and survives", () => {
  const bytes = bytesOf([...HEADER, ...NAMES, ["vendor", "00".repeat(64)]]);
  const parsed = message.parse(viewOf(bytes), 0, bytes.length);
  assert.ok(typeof parsed === "object");
  assert.equal(parsed.options, undefined);
  assert.equal(hexOf(message.toBytes(parsed)), hexOf(bytes));
  const request = read(bytes);
  assert.ok(typeof request === "object" && request.messageType === 0 && !request.has(OPTION.messageType));
});

test("an option in parts is one option (RFC 3396), in the order of its parts, beside others", () => {
  const request = read(
    messageOf(
      ["type", "35 01 01"],
      ["part", "0c 02 61 62"],
      ["other", "3d 01 07"],
      ["part", "0c 01 63"],
      ["other", "3d 01 08"],
      ["part", "0c 00"],
      ["end", "ff"],
    ),
  );
  assert.equal(hexValueOf(request, OPTION.hostName), "616263");
  assert.equal(hexValueOf(request, OPTION.clientIdentifier), "0708");
  assert.equal(hexValueOf(request, OPTION.messageType), "01");
});

test("an option 52 outside the options field, or in parts, opens no field", () => {
  const part: Piece = ["part", "0c 01 61"];
  const twice = overloaded(
    "0c 01 63 ff",
    "0c 01 62 34 01 03 ff",
    ["type", "35 01 01"],
    part,
    ["overload", "34 01 01"],
    ["end", "ff"],
  );
  assert.equal(hexValueOf(read(twice), OPTION.hostName), "6162");
  const parts = overloaded(
    "0c 01 63 ff",
    "0c 01 62 ff",
    ["type", "35 01 01"],
    part,
    ["overload", "34 00 34 01 03"],
    ["end", "ff"],
  );
  assert.equal(hexValueOf(read(parts), OPTION.hostName), "61");
});

test("a message type in parts is read where they were joined", () => {
  const request = read(messageOf(["empty part", "35 00"], ["the other", "35 01 03"], ["end", "ff"]));
  assert.equal(typeof request === "string" ? request : request.messageType, 3);
});

test("options in file and sname count when option 52 says so, file first", () => {
  const options: Piece[] = [
    ["type", "35 01 01"],
    ["part", "0c 01 61"],
  ];
  const rows: readonly (readonly [overload: string, hostName: string])[] = [
    ["", "61"],
    ["34 01 01", "6162"],
    ["34 01 02", "6163"],
    ["34 01 03", "616263"],
    ["34 01 04", "61"],
    ["34 02 03 03", "61"],
  ];
  for (const [overload, expected] of rows) {
    const bytes = overloaded("0c 01 63 ff", "0c 01 62 ff", ...options, ["overload", overload], ["end", "ff"]);
    assert.equal(hexValueOf(read(bytes), OPTION.hostName), expected, overload);
    const parsed = message.parse(viewOf(bytes), 0, bytes.length);
    const found = typeof parsed === "string" ? undefined : parsed.options?.find(({ code }) => code === OPTION.hostName);
    assert.equal(found?.kind === "text" ? hexOf(Buffer.from(found.text, "latin1")) : "", expected);
  }
});

test("a message read after another has nothing of it", () => {
  const request = new Dhcp4Request();
  const rich = messageOf(["type", "35 01 01"], ["name", "0c 01 61"], ["name", "0c 01 62"], ["end", "ff"]);
  const poor = messageOf(["type", "35 01 03"], ["end", "ff"]);
  assert.equal(request.read(rich, viewOf(rich), 0, rich.length), undefined);
  assert.equal(request.read(poor, viewOf(poor), 0, poor.length), undefined);
  assert.equal(request.has(OPTION.hostName), false);
  assert.equal(request.messageType, 3);
});

test("an option over 255 octets is split when it is written", () => {
  const data = new Uint8Array(600).map((_, at) => at & 255);
  const bytes = message.toBytes(
    message.make({ chaddr: Uint8Array.of(1, 2, 3, 4, 5, 6), options: [{ kind: "octets", code: 224, data }] }),
  );
  assert.equal(hexOf(bytes.slice(240, 242)), "e0ff");
  assert.equal(hexOf(bytes.slice(240 + 257, 240 + 259)), "e0ff");
  assert.equal(hexOf(bytes.slice(240 + 514, 240 + 516)), "e05a");
  const parsed = message.parse(viewOf(bytes), 0, bytes.length);
  assert.deepEqual(typeof parsed === "string" ? parsed : parsed.options, [{ kind: "octets", code: 224, data }]);
});
