import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import * as pcapng from "../../../src/wire/pcapng.js";
import { udpv4Frame } from "../../support/frames.js";
import { command, needs } from "../../support/needs.js";
import { bytesOf, emitBothWays, hexOf, type Piece, viewOf } from "../../support/pieces.js";

interface Row {
  readonly name: string;
  readonly pieces: readonly Piece[];
  readonly value: pcapng.Block;
  readonly text: string;
}

const ROWS: readonly Row[] = [
  {
    name: "a section",
    pieces: [
      ["type, length 40", "0a0d0d0a 28000000"],
      ["magic, version 1.0", "4d3c2b1a 0100 0000"],
      ["of unknown length", "ffffffffffffffff"],
      ["application: tn", "0400 0200 746e 0000"],
      ["end of options", "0000 0000"],
      ["length", "28000000"],
    ],
    value: { kind: "section", application: "tn", options: [] },
    text: "section, written by tn",
  },
  {
    name: "an interface with an option that we do not know",
    pieces: [
      ["type, length 44", "01000000 2c000000"],
      ["Ethernet, whole frames", "0100 0000 00000000"],
      ["name: tn-web1", "0200 0700 746e2d77656231 00"],
      ["option 99: 01", "6300 0100 01 000000"],
      ["end of options", "0000 0000"],
      ["length", "2c000000"],
    ],
    value: {
      kind: "interface",
      linkType: pcapng.LINK_TYPE.ethernet,
      snapBytes: 0,
      name: "tn-web1",
      decimals: undefined,
      options: [{ code: 99, value: Uint8Array.of(1) }],
    },
    text: "interface tn-web1, link type 1",
  },
  {
    name: "an interface whose times are nanoseconds",
    pieces: [
      ["type, length 32", "01000000 20000000"],
      ["Ethernet, 96 bytes of each frame", "0100 0000 60000000"],
      ["resolution: 9", "0900 0100 09 000000"],
      ["end of options", "0000 0000"],
      ["length", "20000000"],
    ],
    value: {
      kind: "interface",
      linkType: pcapng.LINK_TYPE.ethernet,
      snapBytes: 96,
      name: undefined,
      decimals: pcapng.NANOSECONDS,
      options: [],
    },
    text: "interface without a name, link type 1",
  },
  {
    name: "an interface whose times are no decimal fractions",
    pieces: [
      ["type, length 32", "01000000 20000000"],
      ["Ethernet, whole frames", "0100 0000 00000000"],
      ["resolution: 2^-20 s", "0900 0100 94 000000"],
      ["end of options", "0000 0000"],
      ["length", "20000000"],
    ],
    value: {
      kind: "interface",
      linkType: pcapng.LINK_TYPE.ethernet,
      snapBytes: 0,
      name: undefined,
      decimals: undefined,
      options: [{ code: 9, value: Uint8Array.of(0x94) }],
    },
    text: "interface without a name, link type 1",
  },
  {
    name: "a packet, cut to five bytes, on its way out",
    pieces: [
      ["type, length 52", "06000000 34000000"],
      ["interface 1", "01000000"],
      ["1,700,000,000.000001 s", "240a0600 01401e18"],
      ["captured, original", "05000000 2a000000"],
      ["bytes", "0102030405 000000"],
      ["flags: outbound", "0200 0400 02000000"],
      ["end of options", "0000 0000"],
      ["length", "34000000"],
    ],
    value: {
      kind: "packet",
      interface: 1,
      timestamp: 1_700_000_000_000_001n,
      originalBytes: 42,
      direction: "out",
      bytes: Uint8Array.of(1, 2, 3, 4, 5),
      options: [],
    },
    text: "packet, interface 1, out, 5 of 42 bytes",
  },
  {
    name: "statistics",
    pieces: [
      ["type, length 52", "05000000 34000000"],
      ["interface 0, time 7 µs", "00000000 00000000 07000000"],
      ["received 300", "0400 0800 2c01000000000000"],
      ["dropped 2", "0500 0800 0200000000000000"],
      ["end of options", "0000 0000"],
      ["length", "34000000"],
    ],
    value: { kind: "statistics", interface: 0, timestamp: 7n, received: 300, dropped: 2, options: [] },
    text: "statistics, interface 0, received 300, dropped 2",
  },
  {
    name: "a block that we do not know",
    pieces: [
      ["type 4, length 16", "04000000 10000000"],
      ["body", "cafebabe"],
      ["length", "10000000"],
    ],
    value: { kind: "unknown", type: 4, body: Uint8Array.of(0xca, 0xfe, 0xba, 0xbe) },
    text: "block type 4, 4 bytes",
  },
];

const FAULTS: readonly [name: string, hex: string, fault: pcapng.PcapngFault][] = [
  ["11 bytes", "04000000 0c000000 0c0000", "pcapng-truncated"],
  ["a block beyond the file", "04000000 10000000 0c000000", "pcapng-truncated"],
  ["a length below the framing", "04000000 08000000 08000000", "pcapng-length"],
  ["a length that is no multiple of four", "04000000 0d000000 00 0d000000", "pcapng-length"],
  ["lengths that differ", "04000000 0c000000 10000000", "pcapng-length"],
  ["a packet without its fixed part", "06000000 10000000 00000000 10000000", "pcapng-length"],
  ["the other byte order", "0a0d0d0a 0000001c 1a2b3c4d 00010000 ffffffffffffffff 0000001c", "pcapng-byte-order"],
  [
    "more captured than there is",
    `06000000 20000000 00000000 ${"00".repeat(8)} 01000000 01000000 20000000`,
    "pcapng-captured-length",
  ],
  ["an option beyond its block", "01000000 18000000 0100000000000000 02000100 18000000", "pcapng-option"],
];

describe("pcapng", () => {
  for (const row of ROWS) {
    test(`${row.name}, read and written`, () => {
      const bytes = bytesOf(row.pieces);
      assert.deepEqual(pcapng.parse(viewOf(bytes), 0, bytes.length), row.value);
      assert.equal(pcapng.describe(viewOf(bytes), 0, bytes.length), row.text);
      const emitted = emitBothWays(pcapng.emittedBytes(row.value), (view, offset) => pcapng.emit(row.value, view, offset));
      assert.equal(hexOf(emitted), hexOf(bytes));
    });
  }
  for (const [name, hex, fault] of FAULTS) {
    test(`${name} is ${fault}`, () => {
      const bytes = bytesOf([["", hex]]);
      assert.equal(pcapng.parse(viewOf(bytes), 0, bytes.length), fault);
      assert.match(pcapng.describe(viewOf(bytes), 0, bytes.length), new RegExp(fault));
      assert.equal(pcapng.parseFile(viewOf(bytes)), fault);
    });
  }

  test("a file is its blocks, one after the other", () => {
    const file = fileOf(ROWS.map(({ value }) => value));
    assert.deepEqual(
      pcapng.parseFile(viewOf(file)),
      ROWS.map(({ value }) => value),
    );
  });

  test("tcpdump reads what we write", needs(command("tcpdump")), (t) => {
    const bytes = udpv4Frame({ source: 5353, destination: 53, payload: new Uint8Array(12) });
    const file = fileOf([
      { kind: "section", application: "tapnet", options: [] },
      { kind: "interface", linkType: pcapng.LINK_TYPE.ethernet, snapBytes: 0, name: "tn-web1", decimals: undefined, options: [] },
      {
        kind: "packet",
        interface: 0,
        timestamp: 1_700_000_000_000_001n,
        originalBytes: bytes.length,
        direction: "in",
        bytes,
        options: [],
      },
      { kind: "statistics", interface: 0, timestamp: 1_700_000_000_000_002n, received: 1, dropped: 0, options: [] },
    ]);
    const folder = mkdtempSync(join(tmpdir(), "pcapng-"));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "one.pcapng"), file);
    const tcpdump = spawnSync("tcpdump", ["-nntt", "-r", join(folder, "one.pcapng")], { encoding: "utf8" });
    assert.equal(tcpdump.status, 0, tcpdump.stderr);
    assert.match(tcpdump.stdout, /^1700000000\.000001 IP 10\.77\.0\.2\.5353 > 10\.77\.0\.1\.53:/);
  });
});

function fileOf(blocks: readonly pcapng.Block[]): Uint8Array {
  const file = new Uint8Array(blocks.reduce((sum, block) => sum + pcapng.emittedBytes(block), 0));
  let at = 0;
  for (const block of blocks) at += pcapng.emit(block, viewOf(file), at);
  return file;
}
