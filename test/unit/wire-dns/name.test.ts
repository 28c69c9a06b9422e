/** Names: text and wire, expansion of compressed ones, and everything that is refused. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FoldedName } from "../../../src/wire/dns/folded-name.js";
import { expandName, formatName, isAtOrBelow, parseName, sameName, skipName } from "../../../src/wire/dns/name.js";
import { hexOf } from "../../support/pieces.js";

const SEED = 7;

function wire(text: string): Uint8Array {
  return parseName(text) ?? assert.fail(`${text} is no name`);
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

/** 255 bytes, the most there can be: three labels of 63 bytes and one of 61. */
const LONGEST = [63, 63, 63, 61].map((length) => "a".repeat(length)).join(".");

describe("text and wire", () => {
  const rows: readonly { text: string; hex: string; shown?: string }[] = [
    { text: ".", hex: "00" },
    { text: "a", hex: "0161 00" },
    { text: "web1.tapnet.internal", hex: "0477656231 067461706e6574 08696e7465726e616c 00" },
    { text: "web1.tapnet.internal.", hex: "0477656231 067461706e6574 08696e7465726e616c 00", shown: "web1.tapnet.internal" },
    { text: "WeB1.Test", hex: "0457654231 0454657374 00" },
    { text: "_sip._tcp.example", hex: "045f736970 045f746370 076578616d706c65 00" },
    { text: "*.example", hex: "012a 076578616d706c65 00" },
    { text: "a\\.b.c", hex: "03612e62 0163 00" },
    { text: "a\\\\b", hex: "03615c62 00" },
    { text: "\\000\\255", hex: "0200ff 00" },
    { text: "with\\032space", hex: "0a 77697468207370616365 00" },
    { text: '\\"\\(\\)\\;\\@\\$', hex: "06 2228293b4024 00" },
    { text: LONGEST, hex: `${[63, 63, 63, 61].map((n) => n.toString(16) + "61".repeat(n)).join("")}00` },
  ];
  for (const { text, hex, shown } of rows) {
    test(text.slice(0, 40), () => {
      assert.equal(hexOf(wire(text)), hex.replaceAll(" ", ""));
      assert.equal(formatName(wire(text)), shown ?? text);
    });
  }

  test("a name of 255 bytes with every byte escaped comes back", () => {
    const label = (length: number) => "\\001".repeat(length);
    const name = wire([63, 63, 63, 61].map(label).join("."));
    assert.equal(name.length, 255);
    assert.deepEqual(parseName(formatName(name)), name);
    assert.equal(formatName(name).length, 250 * 4 + 3);
  });

  test("every byte survives in a label", () => {
    for (let byte = 0; byte < 256; byte++) {
      const name = Uint8Array.of(2, 0x78, byte, 0);
      assert.deepEqual(parseName(formatName(name)), name, `byte ${byte}`);
    }
  });

  const refused = [
    "",
    "..",
    ".a",
    "a..b",
    "a.b..",
    "a".repeat(64),
    `${LONGEST}a`,
    `b.${LONGEST}`,
    "a b",
    "\\",
    "\\25",
    "\\256",
    "é",
    "a\\1b",
  ];
  for (const text of refused) test(`${text.slice(0, 20)}… is no name`, () => assert.equal(parseName(text), undefined));
});

describe("comparison folds ASCII capitals and nothing else (RFC 4343)", () => {
  test("case", () => assert.ok(sameName(wire("WWW.Example.COM"), 0, wire("www.eXample.com"), 0)));
  test("other bytes", () => assert.ok(!sameName(Uint8Array.of(1, 0xc1, 0), 0, Uint8Array.of(1, 0xe1, 0), 0)));
  test("label borders", () => assert.ok(!sameName(wire("a.bc"), 0, wire("ab.c"), 0)));
  test("at or below", () => {
    assert.ok(isAtOrBelow(wire("a.B.c"), wire("b.C")));
    assert.ok(isAtOrBelow(wire("b.c"), wire("b.c")));
    assert.ok(isAtOrBelow(wire("b.c"), wire(".")));
    assert.ok(!isAtOrBelow(wire("ab.c"), wire("b.c")));
    assert.ok(!isAtOrBelow(wire("c"), wire("b.c")));
  });
});

describe("compressed names", () => {
  const header = "00".repeat(12);
  const rows: readonly { name: string; hex: string; at: number; text: string | undefined }[] = [
    { name: "uncompressed", hex: `${header} 0161 0162 00`, at: 12, text: "a.b" },
    { name: "a pointer to a whole name", hex: `${header} 0161 0162 00 c00c`, at: 17, text: "a.b" },
    { name: "labels and a pointer", hex: `${header} 0161 0162 00 0163 c00e`, at: 17, text: "c.b" },
    { name: "a pointer to a pointer", hex: `${header} 0161 00 c00c 0162 c00f`, at: 17, text: "b.a" },
    { name: "a pointer to itself", hex: `${header} c00c`, at: 12, text: undefined },
    { name: "two pointers in a circle", hex: `${header} c00e c00c`, at: 12, text: undefined },
    { name: "a pointer forward", hex: `${header} c00e 0161 00`, at: 12, text: undefined },
    { name: "a pointer into its own labels", hex: `${header} 0161 0162 c00c`, at: 12, text: undefined },
    { name: "a pointer into the header", hex: `${header} c000`, at: 12, text: undefined },
    { name: "half a pointer", hex: `${header} 0161 c0`, at: 12, text: undefined },
    { name: "a label past the end", hex: `${header} 0561`, at: 12, text: undefined },
    { name: "no root", hex: `${header} 0161`, at: 12, text: undefined },
    { name: "a reserved kind of label (0x40)", hex: `${header} 4161 00`, at: 12, text: undefined },
    { name: "a reserved kind of label (0x80)", hex: `${header} 8161 00`, at: 12, text: undefined },
    { name: "nothing", hex: header, at: 12, text: undefined },
  ];
  const out = new Uint8Array(255);
  for (const { name, hex, at, text } of rows) {
    test(name, () => {
      const bytes = fromHex(hex);
      const length = expandName(bytes, 0, bytes.length, at, out);
      assert.equal(length === 0 ? undefined : formatName(out), text);
    });
  }

  test("256 bytes put together by a pointer are refused, 255 are not", () => {
    const tail = wire(LONGEST.slice(-125));
    for (const [length, expected] of [
      [61, 255],
      [62, 0],
    ] as const) {
      const first = wire(`${"b".repeat(63)}.${"c".repeat(length)}.d`);
      const bytes = Buffer.concat([Buffer.alloc(12), tail, first.subarray(0, first.length - 1), Buffer.from([0xc0, 0x0c])]);
      assert.equal(expandName(bytes, 0, bytes.length, 12 + tail.length, out), expected);
    }
  });

  test("skipping ends behind the pointer", () => {
    assert.equal(skipName(fromHex("0161 c00c ff"), 0, 5), 4);
    assert.equal(skipName(fromHex("0161 00"), 0, 3), 3);
    assert.equal(skipName(fromHex("0161 c0"), 0, 3), 0);
    assert.equal(skipName(fromHex("0161"), 0, 2), 0);
  });
});

describe("a name taken apart", () => {
  test("is folded, its labels located", () => {
    const name = new FoldedName(SEED);
    assert.ok(name.read(wire("WWW.Example.org"), 0, 17));
    assert.equal(formatName(name.copy()), "www.example.org");
    assert.deepEqual([...name.labelOffset.subarray(0, name.labelCount + 1)], [0, 4, 12, 16]);
  });

  test("hashes as what stands below it does", () => {
    const whole = new FoldedName(SEED);
    const parent = new FoldedName(SEED);
    whole.read(wire("www.example.org"), 0, 17);
    parent.read(wire("EXAMPLE.org"), 0, 13);
    assert.equal(whole.hashFrom(1), parent.hashFrom(0));
    assert.notEqual(whole.hashFrom(0), parent.hashFrom(0));
  });

  const refused = ["c00c", "0161", "4000", "05616263", ""];
  for (const hex of refused) {
    test(`refuses ${hex === "" ? "nothing" : hex}`, () => {
      const bytes = fromHex(hex);
      assert.equal(new FoldedName(SEED).read(bytes, 0, bytes.length), false);
    });
  }

  test("refuses 256 bytes", () => {
    const bytes = new Uint8Array(300).fill(1);
    for (let at = 1; at < 300; at += 2) bytes[at] = 0x61;
    bytes[254] = 0;
    assert.ok(new FoldedName(SEED).read(bytes, 0, 300));
    bytes[254] = 1;
    bytes[256] = 0;
    assert.equal(new FoldedName(SEED).read(bytes, 0, 300), false);
  });
});
