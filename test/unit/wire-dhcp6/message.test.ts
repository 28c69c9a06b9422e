import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseIpv6 } from "../../../src/base/ipv6-address.js";
import { MESSAGE, OPTION, STATUS } from "../../../src/wire/dhcp6/codes.js";
import * as message from "../../../src/wire/dhcp6/message.js";
import { bytesOf, emitBothWays, hexOf, type Piece, viewOf } from "../../support/pieces.js";

const ip = (text: string): bigint => parseIpv6(text) ?? assert.fail(text);
const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));
const hex = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, "hex"));

interface Row {
  readonly name: string;
  readonly rfc: string;
  readonly pieces: readonly Piece[];
  readonly value: message.Message;
}

const HEADER: Piece = ["solicit, xid", "01 10e3c1"];
const solicit = (options: message.ClientServerMessage["options"]): message.Message => ({
  type: MESSAGE.solicit,
  transactionId: 0x10e3c1,
  options,
});

const ROWS: readonly Row[] = [
  { name: "a message without options", rfc: "8415 §8", pieces: [HEADER], value: solicit([]) },
  {
    name: "client identifier, DUID-LLT",
    rfc: "8415 §11.2, §21.2",
    pieces: [HEADER, ["client-id", "0001 000e"], ["type, hardware, time, MAC", "0001 0001 2a3b4c5d 525400123456"]],
    value: solicit([{ kind: "duid", code: OPTION.clientId, duid: hex("000100012a3b4c5d525400123456") }]),
  },
  {
    name: "IA_NA with an address and its status",
    rfc: "8415 §21.4, §21.6, §21.13",
    pieces: [
      HEADER,
      ["IA_NA", "0003 0031"],
      ["IAID, T1, T2", "00000001 00000e10 00001518"],
      ["IA Address", "0005 0021"],
      ["2001:db8::5", "20010db8 00000000 00000000 00000005"],
      ["preferred, valid", "00001c20 00002a30"],
      ["status, success, done.", "000d 0005 0000 6f6b21"],
    ],
    value: solicit([
      {
        kind: "ia",
        code: OPTION.iaNa,
        iaid: 1,
        t1Seconds: 3600,
        t2Seconds: 5400,
        options: [
          {
            kind: "ia-address",
            code: OPTION.iaAddress,
            address: ip("2001:db8::5"),
            preferredSeconds: 7200,
            validSeconds: 10800,
            options: [{ kind: "status", code: OPTION.statusCode, status: STATUS.success, message: "ok!" }],
          },
        ],
      },
    ]),
  },
  {
    name: "IA_TA",
    rfc: "8415 §21.5",
    pieces: [HEADER, ["IA_TA", "0004 0004"], ["IAID", "0000002a"]],
    value: solicit([{ kind: "temporary-ia", code: OPTION.iaTa, iaid: 42, options: [] }]),
  },
  {
    name: "IA_PD with a prefix, for ever",
    rfc: "8415 §21.21, §21.22, §7.7",
    pieces: [
      HEADER,
      ["IA_PD", "0019 0029"],
      ["IAID, T1, T2", "00000007 ffffffff ffffffff"],
      ["IA Prefix", "001a 0019"],
      ["preferred, valid, length", "ffffffff ffffffff 38"],
      ["prefix", "20010db8 00004400 00000000 00000000"],
    ],
    value: solicit([
      {
        kind: "ia",
        code: OPTION.iaPd,
        iaid: 7,
        t1Seconds: 0xffff_ffff,
        t2Seconds: 0xffff_ffff,
        options: [
          {
            kind: "ia-prefix",
            code: OPTION.iaPrefix,
            preferredSeconds: 0xffff_ffff,
            validSeconds: 0xffff_ffff,
            prefixLength: 56,
            prefix: ip("2001:db8:0:4400::"),
            options: [],
          },
        ],
      },
    ]),
  },
  {
    name: "option request, elapsed time, preference, rapid commit",
    rfc: "8415 §21.7, §21.9, §21.8, §21.14",
    pieces: [
      HEADER,
      ["ORO: 23, 24", "0006 0004 0017 0018"],
      ["elapsed", "0008 0002 0064"],
      ["pref", "0007 0001 ff"],
      ["rapid", "000e 0000"],
    ],
    value: solicit([
      { kind: "codes", code: OPTION.optionRequest, codes: [OPTION.dnsServers, OPTION.domainList] },
      { kind: "uint16", code: OPTION.elapsedTime, value: 100 },
      { kind: "uint8", code: OPTION.preference, value: 255 },
      { kind: "flag", code: OPTION.rapidCommit },
    ]),
  },
  {
    name: "DNS servers and search list",
    rfc: "3646 §3, §4",
    pieces: [
      HEADER,
      ["DNS", "0017 0010 20010db8 00000000 00000000 00000053"],
      ["list", "0018 0011"],
      ["example.com", "07 6578616d706c65 03 636f6d 00"],
      ["a.", "02 6162 00"],
    ],
    value: solicit([
      { kind: "addresses", code: OPTION.dnsServers, addresses: [ip("2001:db8::53")] },
      { kind: "domains", code: OPTION.domainList, names: ["example.com", "ab"] },
    ]),
  },
  {
    name: "client FQDN, partial",
    rfc: "4704 §4",
    pieces: [HEADER, ["FQDN, S", "0027 0006 01"], ["web1", "04 77656231"]],
    value: solicit([{ kind: "fqdn", code: OPTION.clientFqdn, flags: 1, name: "web1", complete: false }]),
  },
  {
    name: "client FQDN, whole",
    rfc: "4704 §4",
    pieces: [HEADER, ["FQDN", "0027 000b 00"], ["web1.lan.", "04 77656231 03 6c616e 00"]],
    value: solicit([{ kind: "fqdn", code: OPTION.clientFqdn, flags: 0, name: "web1.lan", complete: true }]),
  },
  {
    name: "client FQDN, left to the server",
    rfc: "4704 §4.2",
    pieces: [HEADER, ["FQDN", "0027 0001 00"]],
    value: solicit([{ kind: "fqdn", code: OPTION.clientFqdn, flags: 0, name: "", complete: false }]),
  },
  {
    name: "NTP servers: address, multicast, name, unknown",
    rfc: "5908 §4",
    pieces: [
      HEADER,
      ["NTP", "0038 0036"],
      ["address", "0001 0010 20010db8 00000000 00000000 0000007b"],
      ["multicast", "0002 0010 ff050000 00000000 00000000 00000101"],
      ["name", "0003 0005 03 6e7470 00"],
      ["unknown", "0009 0001 aa"],
    ],
    value: solicit([
      {
        kind: "ntp",
        code: OPTION.ntpServer,
        sources: [
          { kind: "address", address: ip("2001:db8::7b") },
          { kind: "multicast", address: ip("ff05::101") },
          { kind: "name", name: "ntp" },
          { kind: "unknown", code: 9, data: hex("aa") },
        ],
      },
    ]),
  },
  {
    name: "boot file, its parameters, architecture, interface",
    rfc: "5970 §3",
    pieces: [
      HEADER,
      ["url", "003b 0003 2f782f"],
      ["parameters", "003c 0005 0001 61 0000"],
      ["architecture", "003d 0004 0007 0009"],
      ["interface", "003e 0003 01 03 10"],
    ],
    value: solicit([
      { kind: "opaque", code: OPTION.bootFileUrl, data: text("/x/") },
      { kind: "items", code: OPTION.bootFileParameters, items: [text("a"), text("")] },
      { kind: "codes", code: OPTION.clientArchitecture, codes: [7, 9] },
      { kind: "opaque", code: OPTION.networkInterfaceId, data: hex("010310") },
    ]),
  },
  {
    name: "classes and vendor options",
    rfc: "8415 §21.15, §21.16, §21.17",
    pieces: [
      HEADER,
      ["user class", "000f 0004 0002 7878"],
      ["vendor class", "0010 0008 00000009 0002 7979"],
      ["vendor options", "0011 0009 00000009 0001 0001 ff"],
    ],
    value: solicit([
      { kind: "items", code: OPTION.userClass, items: [text("xx")] },
      { kind: "vendor-class", code: OPTION.vendorClass, enterprise: 9, items: [text("yy")] },
      { kind: "vendor-options", code: OPTION.vendorOptions, enterprise: 9, suboptions: [{ code: 1, data: hex("ff") }] },
    ]),
  },
  {
    name: "refresh time, SOL_MAX_RT, INF_MAX_RT",
    rfc: "8415 §21.23, §21.24, §21.25",
    pieces: [HEADER, ["IRT", "0020 0004 00015180"], ["SOL", "0052 0004 00000e10"], ["INF", "0053 0004 00000e10"]],
    value: solicit([
      { kind: "uint32", code: OPTION.informationRefreshTime, value: 86_400 },
      { kind: "uint32", code: OPTION.solMaxRt, value: 3600 },
      { kind: "uint32", code: OPTION.infMaxRt, value: 3600 },
    ]),
  },
  {
    name: "an unknown option survives",
    rfc: "8415 §16",
    pieces: [HEADER, ["option 65001", "fde9 0003 010203"]],
    value: solicit([{ kind: "opaque", code: 65_001, data: hex("010203") }]),
  },
  {
    name: "a relayed message",
    rfc: "8415 §9, §21.10, §21.18; 4649, 6939",
    pieces: [
      ["relay-forward, 1 hop", "0c 01"],
      ["link", "20010db8 00000000 00000000 00000001"],
      ["peer", "fe800000 00000000 50540012 34560001"],
      ["interface-id", "0012 0004 65746830"],
      ["remote-id", "0025 0006 00000009 abcd"],
      ["link layer", "004f 0008 0001 525400123456"],
      ["relay message", "0009 0004"],
      ["information-request", "0b 000001"],
    ],
    value: {
      type: MESSAGE.relayForward,
      hopCount: 1,
      linkAddress: ip("2001:db8::1"),
      peerAddress: ip("fe80::5054:12:3456:1"),
      options: [
        { kind: "opaque", code: OPTION.interfaceId, data: text("eth0") },
        { kind: "remote-id", code: OPTION.remoteId, enterprise: 9, data: hex("abcd") },
        { kind: "link-layer-address", code: OPTION.clientLinkLayerAddress, hardwareType: 1, address: hex("525400123456") },
      ],
      relayed: { type: MESSAGE.informationRequest, transactionId: 1, options: [] },
    },
  },
];

describe("DHCPv6 messages", () => {
  for (const { name, rfc, pieces, value } of ROWS) {
    test(`${name} (RFC ${rfc})`, () => {
      const bytes = bytesOf(pieces);
      assert.deepEqual(message.parse(viewOf(bytes), 0, bytes.length), value);
      assert.equal(message.emittedBytes(value), bytes.length);
      const emitted = emitBothWays(bytes.length, (view, offset) => message.emit(value, view, offset));
      assert.equal(hexOf(emitted), hexOf(bytes));
      assert.ok(!message.describe(viewOf(bytes), 0, bytes.length).includes("dhcp6-"));
    });

    test(`${name}: cut short anywhere it is a fault, or a shorter message`, () => {
      const bytes = bytesOf(pieces);
      for (let length = 0; length < bytes.length; length++) {
        const parsed = message.parse(viewOf(bytes.slice(0, length)), 0, length);
        if (typeof parsed !== "string") assert.equal(message.emittedBytes(parsed), length);
      }
    });
  }

  test("describe shows what tcpdump would", () => {
    const bytes = bytesOf(ROWS[2].pieces);
    assert.equal(
      message.describe(viewOf(bytes), 0, bytes.length),
      'dhcp6 solicit (xid=10e3c1 (ia-na IAID:1 T1:3600 T2:5400 (ia-address 2001:db8::5 pltime:7200 vltime:10800 (status-code success "ok!"))))',
    );
  });
});

interface BrokenRow {
  readonly name: string;
  readonly pieces: readonly Piece[];
  readonly fault: string;
}

const BROKEN: readonly BrokenRow[] = [
  { name: "nothing", pieces: [], fault: "dhcp6-truncated" },
  { name: "half a header", pieces: [["type, part of the xid", "01 10e3"]], fault: "dhcp6-truncated" },
  { name: "half an option header", pieces: [HEADER, ["option", "0001 00"]], fault: "dhcp6-option-overrun" },
  {
    name: "an option longer than the message",
    pieces: [HEADER, ["client-id", "0001 0004 000100"]],
    fault: "dhcp6-option-overrun",
  },
  { name: "a DUID of 0 bytes", pieces: [HEADER, ["client-id", "0001 0000"]], fault: "dhcp6-duid-length" },
  {
    name: "a DUID of 2 bytes: a type and nothing",
    pieces: [HEADER, ["client-id", "0001 0002 0001"]],
    fault: "dhcp6-duid-length",
  },
  { name: "a DUID of 131 bytes", pieces: [HEADER, ["server-id", `0002 0083 ${"ab".repeat(131)}`]], fault: "dhcp6-duid-length" },
  {
    name: "a DUID of 65,535 bytes",
    pieces: [HEADER, ["client-id", `0001 ffff ${"ab".repeat(65_535)}`]],
    fault: "dhcp6-duid-length",
  },
  { name: "an IA_NA without T2", pieces: [HEADER, ["IA_NA", "0003 0008 00000001 00000000"]], fault: "dhcp6-option-malformed" },
  {
    name: "an option that leaves its IA",
    pieces: [HEADER, ["IA_NA", "0003 0010 00000001 00000000 00000000 0005 0018"]],
    fault: "dhcp6-option-overrun",
  },
  {
    name: "a prefix of 129 bits",
    pieces: [HEADER, ["IA Prefix", `001a 0019 00000000 00000000 81 ${"00".repeat(16)}`]],
    fault: "dhcp6-option-malformed",
  },
  { name: "half an option code asked for", pieces: [HEADER, ["ORO", "0006 0003 0017 00"]], fault: "dhcp6-option-malformed" },
  { name: "a rapid commit with data", pieces: [HEADER, ["rapid commit", "000e 0001 00"]], fault: "dhcp6-option-malformed" },
  { name: "an elapsed time of one byte", pieces: [HEADER, ["elapsed", "0008 0001 00"]], fault: "dhcp6-option-malformed" },
  { name: "a status without its code", pieces: [HEADER, ["status", "000d 0001 00"]], fault: "dhcp6-option-malformed" },
  { name: "a search list that is compressed", pieces: [HEADER, ["list", "0018 0002 c00c"]], fault: "dhcp6-option-malformed" },
  { name: "a search list without its end", pieces: [HEADER, ["list", "0018 0003 02 6162"]], fault: "dhcp6-option-malformed" },
  {
    name: "an FQDN with a label past its end",
    pieces: [HEADER, ["fqdn", "0027 0003 00 05 61"]],
    fault: "dhcp6-option-malformed",
  },
  { name: "a user class past its end", pieces: [HEADER, ["class", "000f 0003 0002 78"]], fault: "dhcp6-option-malformed" },
  {
    name: "an NTP server of fifteen bytes",
    pieces: [HEADER, ["ntp", `0038 0013 0001 000f ${"00".repeat(15)}`]],
    fault: "dhcp6-option-malformed",
  },
  { name: "a relay header cut short", pieces: [["relay-forward", `0c 00 ${"00".repeat(31)}`]], fault: "dhcp6-truncated" },
];

describe("broken DHCPv6 messages", () => {
  for (const { name, pieces, fault } of BROKEN) {
    test(`${name}: ${fault}`, () => {
      const bytes = bytesOf(pieces);
      assert.equal(message.parse(viewOf(bytes), 0, bytes.length), fault);
      assert.equal(message.describe(viewOf(bytes), 0, bytes.length), `${fault} (${bytes.length} bytes)`);
    });
  }

  test("identity associations nested 1,000 deep: dhcp6-nested-too-deep", () => {
    const bytes = nested(1000);
    assert.equal(message.parse(viewOf(bytes), 0, bytes.length), "dhcp6-nested-too-deep");
  });

  test("relays nested 32 deep pass, 33 and 1,000 do not", () => {
    for (const [levels, fault] of [
      [32, undefined],
      [33, "dhcp6-relay-too-deep"],
      [1000, "dhcp6-relay-too-deep"],
    ] as const) {
      const bytes = relayed(levels);
      assert.equal(message.check(viewOf(bytes), 0, bytes.length), fault);
    }
  });
});

/** IA_NA in IA_NA in IA_NA …, as deep as the 16 bits of a length allow, then as the bytes allow. */
function nested(levels: number): Uint8Array {
  const bytes = new Uint8Array(4 + levels * 16);
  const view = viewOf(bytes);
  bytes[0] = MESSAGE.solicit;
  for (let level = 0; level < levels; level++) {
    view.setUint16(4 + level * 16, OPTION.iaNa);
    view.setUint16(4 + level * 16 + 2, (levels - level) * 16 - 4);
  }
  return bytes;
}

function relayed(levels: number): Uint8Array {
  let inner: message.Message = { type: MESSAGE.solicit, transactionId: 1, options: [] };
  for (let level = 0; level < levels; level++) {
    inner = { type: MESSAGE.relayForward, hopCount: level, linkAddress: 0n, peerAddress: 0n, options: [], relayed: inner };
  }
  return message.toBytes(inner);
}
