/** Messages and records as tables: bytes in labelled pieces, the value, the text; each row drives parse, emit and describe. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  describe as describeMessage,
  emit,
  type Message,
  makeMessage,
  makeRecord,
  parse,
  type ResourceRecord,
} from "../../../src/wire/dns/message.js";
import { CLASS, formatType, parseClass, parseType, RCODE, TYPE } from "../../../src/wire/dns/numbers.js";
import { formatRdata, parseRdata, readRdata } from "../../../src/wire/dns/rdata.js";
import { bytesOf, hexOf, type Piece } from "../../support/pieces.js";

interface Row {
  readonly name: string;
  readonly rfc: string;
  readonly pieces: readonly Piece[];
  readonly value: Message;
  readonly text: string;
}

const A = makeRecord("A", "web1.lan", 60, { address: 0x0a4d000a });

const MESSAGES: readonly Row[] = [
  {
    name: "a question",
    rfc: "RFC 1035 §4.1",
    pieces: [
      ["id, RD, counts", "1267 0100 0001 0000 0000 0000"],
      ["web1.lan A IN", "0477656231036c616e00 0001 0001"],
    ],
    value: makeMessage({ id: 0x1267, recursionDesired: true, questions: [{ name: "web1.lan", type: TYPE.A, class: CLASS.IN }] }),
    text: "4711+ A? web1.lan. (26)",
  },
  {
    name: "an answer that points at the question",
    rfc: "RFC 1035 §4.1.4",
    pieces: [
      ["id, QR AA RD RA, counts", "1267 8580 0001 0001 0000 0000"],
      ["web1.lan A IN", "0477656231036c616e00 0001 0001"],
      ["pointer, A IN, 60 s", "c00c 0001 0001 0000003c"],
      ["10.77.0.10", "0004 0a4d000a"],
    ],
    value: makeMessage({
      id: 0x1267,
      response: true,
      authoritative: true,
      recursionDesired: true,
      recursionAvailable: true,
      questions: [{ name: "web1.lan", type: TYPE.A, class: CLASS.IN }],
      answers: [A],
    }),
    text: "4711* 1/0/0 A 10.77.0.10 (42)",
  },
  {
    name: "a denial, names of the SOA compressed",
    rfc: "RFC 2308 §2.1",
    pieces: [
      ["id, QR RD RA NXDOMAIN, counts", "0001 8183 0001 0000 0001 0000"],
      ["x.lan A IN", "0178036c616e00 0001 0001"],
      ["lan SOA IN 5 s", "c00e 0006 0001 00000005"],
      ["gw.lan hm.lan", "001e 026777c00e 02686dc00e"],
      ["1 3600 600 86400 5", "00000001 00000e10 00000258 00015180 00000005"],
    ],
    value: makeMessage({
      id: 1,
      response: true,
      recursionDesired: true,
      recursionAvailable: true,
      rcode: RCODE.NXDOMAIN,
      questions: [{ name: "x.lan", type: TYPE.A, class: CLASS.IN }],
      authorities: [
        makeRecord("SOA", "lan", 5, {
          mname: "gw.lan",
          rname: "hm.lan",
          serial: 1,
          refresh: 3600,
          retry: 600,
          expire: 86_400,
          minimum: 5,
        }),
      ],
    }),
    text: "1 NXDOMAIN 0/1/0 (65)",
  },
  {
    name: "EDNS with an extended response code, a cookie, an unknown option",
    rfc: "RFC 6891 §6.1",
    pieces: [
      ["id, QR, counts", "0002 8000 0000 0000 0000 0001"],
      ["OPT, 1232, rcode high 1 (BADVERS), DO", "00 0029 04d0 01 00 8000"],
      ["cookie, option 65001", "0012 000a 0008 0102030405060708 fde9 0002 beef"],
    ],
    value: makeMessage({
      id: 2,
      response: true,
      rcode: RCODE.BADVERS,
      edns: {
        udpPayloadBytes: 1232,
        version: 0,
        dnssecOk: true,
        reservedFlags: 0,
        options: [
          { code: 10, value: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
          { code: 65_001, value: Uint8Array.of(0xbe, 0xef) },
        ],
      },
    }),
    text: "2- BADVERS 0/0/0 [edns, cookie 0102030405060708, option 65001 beef]  (41)",
  },
  {
    name: "NOTIFY with every flag set",
    rfc: "RFC 1996, RFC 1035 §4.1.1",
    pieces: [["id, flags, counts", "0003 a7f1 0000 0000 0000 0000"]],
    value: makeMessage({
      id: 3,
      response: true,
      opcode: 4,
      authoritative: true,
      truncated: true,
      recursionDesired: true,
      recursionAvailable: true,
      reserved: true,
      authenticData: true,
      checkingDisabled: true,
      rcode: RCODE.FORMERR,
    }),
    text: "3*| NOTIFY FORMERR 0/0/0 (12)",
  },
];

describe("messages", () => {
  for (const { name, rfc, pieces, value, text } of MESSAGES) {
    test(`${name} (${rfc})`, () => {
      const bytes = bytesOf(pieces);
      assert.deepEqual(parse(bytes), value);
      assert.equal(hexOf(emit(value)), hexOf(bytes));
      assert.equal(describeMessage(bytes).replace(/ {2,}/g, " "), text.replace(/ {2,}/g, " "));
      for (let length = 0; length < bytes.length; length++)
        assert.equal(typeof parse(bytes, 0, length), "string", `cut at ${length}`);
    });
  }

  const faults: readonly { name: string; hex: string; fault: string }[] = [
    { name: "eleven bytes", hex: "00".repeat(11), fault: "dns-short" },
    { name: "a question that is missing", hex: "0001 0000 0001 0000 0000 0000", fault: "dns-question" },
    { name: "a question that points at itself", hex: "0001 0000 0001 0000 0000 0000 c00c 0001 0001", fault: "dns-name" },
    { name: "a record that is missing", hex: "0001 8000 0000 0001 0000 0000", fault: "dns-record" },
    { name: "data past the end", hex: "0001 8000 0000 0001 0000 0000 00 0001 0001 00000000 0005 01020304", fault: "dns-record" },
    {
      name: "an A record of five bytes",
      hex: "0001 8000 0000 0001 0000 0000 00 0001 0001 00000000 0005 0102030405",
      fault: "dns-rdata",
    },
    {
      name: "a CNAME whose name ends behind its data",
      hex: "0001 8000 0000 0001 0000 0000 00 0005 0001 00000000 0002 0161",
      fault: "dns-rdata",
    },
    {
      name: "an owner in a circle",
      hex: "0001 8000 0000 0001 0000 0000 c00c 0001 0001 00000000 0004 01020304",
      fault: "dns-name",
    },
    { name: "bytes behind the last record", hex: "0001 8000 0000 0000 0000 0000 ff", fault: "dns-trailing" },
    {
      name: "an option past its record",
      hex: "0001 8000 0000 0000 0000 0001 00 0029 04d0 00000000 0004 000a 0008",
      fault: "dns-opt",
    },
    {
      name: "two OPT records",
      hex: "0001 8000 0000 0000 0000 0002 00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000",
      fault: "dns-opt-twice",
    },
  ];
  for (const { name, hex, fault } of faults) {
    test(`${name} is ${fault}`, () => {
      const bytes = bytesOf([["message", hex]]);
      assert.equal(parse(bytes), fault);
      assert.match(describeMessage(bytes), new RegExp(fault));
    });
  }
});

/** Type, the data's bytes (names in full), its text. */
const RECORDS: readonly [type: keyof typeof TYPE, hex: string, text: string, rfc: string][] = [
  ["A", "0a4d000a", "10.77.0.10", "RFC 1035 §3.4.1"],
  ["NS", "026162 0163 00", "ab.c.", "RFC 1035 §3.3.11"],
  ["CNAME", "0163 00", "c.", "RFC 1035 §3.3.1"],
  ["SOA", "0161 00 0162 00 00000001 00000002 00000003 00000004 00000005", "a. b. 1 2 3 4 5", "RFC 1035 §3.3.13"],
  ["PTR", "00", ".", "RFC 1035 §3.3.12"],
  ["HINFO", "03783836 00", '"x86" ""', "RFC 1035 §3.3.2"],
  ["MINFO", "0161 00 0162 00", "a. b.", "RFC 1035 §3.3.7"],
  ["MX", "000a 0161 00", "10 a.", "RFC 1035 §3.3.9"],
  ["TXT", "03612262 0120 00", '"a\\"b" " " ""', "RFC 1035 §3.3.14"],
  ["RP", "0161 00 00", "a. .", "RFC 1183 §2.2"],
  ["AFSDB", "0001 0161 00", "1 a.", "RFC 1183 §1"],
  ["AAAA", "20010db8000000000000000000000001", "2001:db8::1", "RFC 3596 §2.2"],
  ["SRV", "0001 0002 01bb 0161 00", "1 2 443 a.", "RFC 2782"],
  ["NAPTR", "0001 0002 0155 03534950 00 0161 00", '1 2 "U" "SIP" "" a.', "RFC 3403 §4.1"],
  ["KX", "0001 0161 00", "1 a.", "RFC 2230 §3"],
  ["DNAME", "0161 00", "a.", "RFC 6672 §2.1"],
  ["DS", "3039 08 02 aabb", "12345 8 2 AABB", "RFC 4034 §5.1"],
  ["SSHFP", "04 02 aabbcc", "4 2 AABBCC", "RFC 4255 §3.1"],
  [
    "RRSIG",
    "0001 08 02 0000003c 65920080 6590af00 3039 0161 00 0102",
    "A 8 2 60 20240101000000 20231231000000 12345 a. AQI=",
    "RFC 4034 §3.1",
  ],
  ["NSEC", "0161 00 0006 400000000003", "a. A RRSIG NSEC", "RFC 4034 §4.1"],
  ["DNSKEY", "0101 03 0d 010203", "257 3 13 AQID", "RFC 4034 §2.1"],
  ["NSEC3PARAM", "01 00 0000 00", "1 0 0 -", "RFC 5155 §4.2"],
  ["TLSA", "03 01 01 aabb", "3 1 1 AABB", "RFC 6698 §2.1"],
  ["HTTPS", "0001 00 0001 0003 026832 0004 0004 c0000201", '1 . key1="\\002h2" key4="\\192\\000\\002\\001"', "RFC 9460 §2.2"],
  ["SVCB", "0000 0161 00", "0 a.", "RFC 9460 §2.2"],
  ["URI", "000a 0001 66747020", '10 1 "ftp "', "RFC 7553 §4"],
  ["CAA", "00 056973737565 63612e6578616d706c65", '0 issue "ca.example"', "RFC 8659 §4.1"],
];

describe("record data", () => {
  for (const [type, hex, text, rfc] of RECORDS) {
    test(`${type} (${rfc})`, () => {
      const bytes = bytesOf([["data", hex]]);
      const data = parseRdata(TYPE[type], CLASS.IN, bytes, 0, 0, bytes.length);
      assert.ok(data !== undefined && !(data instanceof Uint8Array));
      assert.equal(formatRdata(TYPE[type], data), text);
      assert.deepEqual(readRdata(TYPE[type], text), data);
      const record: ResourceRecord = { name: "zz", type: TYPE[type], class: CLASS.IN, ttlSeconds: 0, data };
      const message = emit(makeMessage({ answers: [record] }));
      assert.equal(hexOf(message.subarray(12 + 4 + 10)), hexOf(bytes));
      for (let length = 0; length < bytes.length; length++) parseRdata(TYPE[type], CLASS.IN, bytes, 0, 0, length);
      assert.equal(parseRdata(TYPE[type], CLASS.IN, Buffer.concat([bytes, Buffer.alloc(300)]), 0, 0, 0), undefined);
    });
  }

  test("NSEC3 (RFC 5155 §3.2)", () => {
    const bytes = bytesOf([["data", "01 01 000a 02 abcd 05 0102030405 0001 40"]]);
    const data = parseRdata(TYPE.NSEC3, CLASS.IN, bytes, 0, 0, bytes.length) ?? assert.fail();
    assert.equal(formatRdata(TYPE.NSEC3, data), "1 1 10 ABCD 04106105 A");
    assert.deepEqual(readRdata(TYPE.NSEC3, "1 1 10 ABCD 04106105 A"), data);
  });

  test("an unknown type is kept as it is (RFC 3597 §5)", () => {
    const bytes = Uint8Array.of(0xc0, 0x0c, 1);
    assert.deepEqual(parseRdata(65_280, CLASS.IN, bytes, 0, 0, 3), bytes);
    assert.equal(formatRdata(65_280, bytes), "\\# 3 C00C01");
    assert.deepEqual(readRdata(65_280, "\\# 3 c00c01"), bytes);
    assert.deepEqual(readRdata(65_280, "\\# 0"), new Uint8Array(0));
    assert.equal(readRdata(65_280, "\\# 2 c00c01"), undefined);
    assert.equal(readRdata(65_280, "words"), undefined);
  });

  test("an A record of another class is opaque", () => {
    assert.deepEqual(parseRdata(TYPE.A, CLASS.CH, Uint8Array.of(1, 2), 0, 0, 2), Uint8Array.of(1, 2));
  });

  test("types and classes have names, or numbers (RFC 3597 §5)", () => {
    assert.deepEqual([formatType(28), formatType(65_280)], ["AAAA", "TYPE65280"]);
    assert.deepEqual(
      [parseType("aaaa"), parseType("TYPE28"), parseType("TYPE65536"), parseType("TYPE01"), parseType("toString")],
      [28, 28, undefined, undefined, undefined],
    );
    assert.deepEqual([parseClass("ch"), parseClass("CLASS255"), parseClass("X")], [3, 255, undefined]);
  });

  const malformed: readonly [type: keyof typeof TYPE, text: string][] = [
    ["A", "10.0.0.256"],
    ["A", "10.0.0.1 10.0.0.2"],
    ["AAAA", "::g"],
    ["MX", "10"],
    ["MX", "65536 a"],
    ["SRV", "0 0 80"],
    ["TXT", '"open'],
    ["TXT", "a".repeat(256)],
    ["CNAME", "a..b"],
    ["RRSIG", "A 8 2 60 never now 1 a. AQI="],
    ["DS", "1 8 2 ABC"],
    ["SVCB", "1 . alpn=h2"],
  ];
  for (const [type, text] of malformed) {
    test(`${type} ${text.slice(0, 30)} is refused`, () => assert.equal(readRdata(TYPE[type], text), undefined));
  }
});

describe("compression", () => {
  test("a SRV target is never compressed (RFC 2782), a CNAME target is", () => {
    const target = "host.example";
    const cname = emit(
      makeMessage({ questions: [{ name: target, type: 5, class: 1 }], answers: [makeRecord("CNAME", target, 0, { target })] }),
    );
    const srv = emit(
      makeMessage({
        questions: [{ name: target, type: 33, class: 1 }],
        answers: [makeRecord("SRV", target, 0, { priority: 0, weight: 0, port: 1, target })],
      }),
    );
    assert.equal(cname.length, 12 + 18 + 2 + 10 + 2);
    assert.equal(srv.length, 12 + 18 + 2 + 10 + 6 + 14);
  });

  test("case is kept: a name that differs in it is written out", () => {
    const message = makeMessage({ answers: [makeRecord("CNAME", "A.Example", 0, { target: "a.example" })] });
    assert.deepEqual(parse(emit(message)), message);
  });

  test("2,400 names are written, the later ones in full", () => {
    const answers = Array.from({ length: 1200 }, (_, index) =>
      makeRecord("CNAME", `n${index}.example`, 0, { target: `t${index}.other.example` }),
    );
    const message = makeMessage({ answers });
    assert.deepEqual(parse(emit(message)), message);
  });

  test("a message over 64 KiB is a mistake that is named", () => {
    const answers = Array.from({ length: 400 }, () => makeRecord("TXT", "x", 0, { strings: [new Uint8Array(255)] }));
    assert.throws(() => emit(makeMessage({ answers })), /at most 65535/);
    assert.throws(() => emit(makeMessage({ questions: [{ name: "a..b", type: 1, class: 1 }] })), /not a domain name/);
  });
});
