import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as checksum from "../../../src/wire/checksum.js";
import { viewOf } from "../../support/pieces.js";

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

describe("the internet checksum", () => {
  test("the worked example of RFC 1071 §3", () => {
    const example = bytes("0001f203f4f5f6f7");
    assert.equal(checksum.fold(checksum.sum(viewOf(example), 0, 8)), 0xddf2);
    assert.equal(checksum.checksum(viewOf(example), 0, 8), 0x220d);
  });

  test("an odd last byte counts as the high half of a word", () => {
    assert.equal(checksum.fold(checksum.sum(viewOf(bytes("ab")), 0, 1)), 0xab00);
    assert.equal(checksum.checksum(viewOf(bytes("0102ab")), 0, 3), ~(0x0102 + 0xab00) & 0xffff);
  });

  test("nothing sums to zero, all ones to all ones", () => {
    assert.equal(checksum.checksum(viewOf(bytes("")), 0, 0), 0xffff);
    assert.equal(checksum.fold(checksum.sum(viewOf(new Uint8Array(65_536).fill(255)), 0, 65_536)), 0xffff);
  });

  test("a header with its checksum verifies, and not after any bit has flipped", () => {
    const header = bytes("45000073000040004011b861c0a80001c0a800c7");
    assert.ok(checksum.verify(viewOf(header), 0, header.length));
    for (let bit = 0; bit < header.length * 8; bit++) {
      header[bit >> 3] ^= 1 << (bit & 7);
      assert.ok(!checksum.verify(viewOf(header), 0, header.length), `bit ${bit}`);
      header[bit >> 3] ^= 1 << (bit & 7);
    }
  });

  test("the erratum's case of an update (RFC 1624 §4)", () => {
    assert.equal(checksum.update16(0xdd2f, 0x5555, 0x3285), 0x0000);
  });

  test("pseudo headers: the same sum as the bytes that RFC 768 and RFC 8200 §8.1 draw", () => {
    const drawn4 = bytes("0a4d0002 0a4d0001 0011 0134".replaceAll(" ", ""));
    const sum4 = checksum.pseudoHeaderIpv4(0x0a4d_0002, 0x0a4d_0001, 17, 0x134);
    assert.equal(checksum.fold(sum4), checksum.fold(checksum.sum(viewOf(drawn4), 0, drawn4.length)));
    const addresses = "fe800000000000000000000000000002ff020000000000000000000000010002";
    const drawn6 = bytes(`${addresses}000000400000003a`);
    const sum6 = checksum.pseudoHeaderIpv6(viewOf(bytes(addresses)), 0, 58, 64);
    assert.equal(checksum.fold(sum6), checksum.fold(checksum.sum(viewOf(drawn6), 0, drawn6.length)));
  });
});
