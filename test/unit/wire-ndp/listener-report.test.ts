import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseIpv6 } from "../../../src/base/ipv6-address.js";
import * as mld from "../../../src/wire/mld.js";
import { bytesOf, emitBothWays, hexOf, type Piece, viewOf } from "../../support/pieces.js";

const ip = (text: string): bigint => parseIpv6(text) ?? assert.fail(text);

const ROWS: readonly { readonly name: string; readonly pieces: readonly Piece[]; readonly value: mld.ListenerReport }[] = [
  {
    name: "version 1 (RFC 2710 §3)",
    pieces: [
      ["report", "83 00 0000 00000000"],
      ["ff02::1:ff12:3456", "ff020000 00000000 00000001 ff123456"],
    ],
    value: { kind: "v1", group: ip("ff02::1:ff12:3456") },
  },
  {
    name: "version 2 (RFC 3810 §5.2)",
    pieces: [
      ["report, two records", "8f 00 0000 0000 0002"],
      ["to exclude, no source", "04 00 0000 ff020000 00000000 00000001 ff123456"],
      ["allow, one source", "05 00 0001 ff050000 00000000 00000000 00000101 20010db8 00000000 00000000 00000001"],
    ],
    value: {
      kind: "v2",
      records: [
        { type: mld.RECORD_TYPE.toExclude, group: ip("ff02::1:ff12:3456"), sources: [] },
        { type: mld.RECORD_TYPE.allow, group: ip("ff05::101"), sources: [ip("2001:db8::1")] },
      ],
    },
  },
];

describe("multicast listener reports", () => {
  for (const { name, pieces, value } of ROWS) {
    test(name, () => {
      const bytes = bytesOf(pieces);
      assert.deepEqual(mld.parse(viewOf(bytes), 0, bytes.length), value);
      assert.equal(mld.emittedBytes(value), bytes.length);
      assert.equal(hexOf(emitBothWays(bytes.length, (view, offset) => mld.emit(value, view, offset))), hexOf(bytes));
      for (let length = 0; length < bytes.length; length++) assert.equal(typeof mld.parse(viewOf(bytes), 0, length), "string");
    });
  }

  test("auxiliary data is stepped over", () => {
    const bytes = bytesOf([
      ["report", "8f 00 0000 0000 0001"],
      ["record, one word", "02 01 0000 ff02000000000000000000000000abcd"],
      ["data", "deadbeef"],
    ]);
    assert.equal(mld.check(viewOf(bytes), 0, bytes.length), undefined);
    assert.equal(mld.check(viewOf(bytes), 0, bytes.length - 1), "mld-record");
  });

  for (const [name, hex, fault] of [
    ["nothing", "", "mld-truncated"],
    ["a query", "82 00 0000 00000000", "mld-type"],
    ["more records than bytes", "8f 00 0000 0000 ffff", "mld-record"],
    ["more sources than bytes", "8f 00 0000 0000 0001 04 00 ffff ff02000000000000000000000000abcd", "mld-record"],
  ] as const) {
    test(`${name}: ${fault}`, () => {
      const bytes = bytesOf([["", hex]]);
      assert.equal(mld.parse(viewOf(bytes), 0, bytes.length), fault);
    });
  }
});
