import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import * as checksum from "../../../src/wire/checksum.js";
import { viewOf } from "../../support/pieces.js";

/** RFC 1071 as it is written: 16-bit words, one after the other. */
function plainSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) sum += (bytes[index] << 8) | (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

const region = fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ minLength: 1400, maxLength: 1600 }));

describe("the internet checksum", () => {
  test("is the plain sum, at any place and length", () => {
    fc.assert(
      fc.property(region, fc.nat(7), (bytes, offset) => {
        const slab = new Uint8Array(offset + bytes.length + 9).fill(0xa5);
        slab.set(bytes, offset);
        assert.equal(checksum.fold(checksum.sum(viewOf(slab), offset, bytes.length)), plainSum(bytes));
      }),
    );
  });

  test("may be summed in parts, cut at any even offset", () => {
    fc.assert(
      fc.property(region, fc.nat(), (bytes, at) => {
        const cut = (at % (bytes.length + 1)) & ~1;
        const view = viewOf(bytes);
        const parts = checksum.sum(view, cut, bytes.length - cut, checksum.sum(view, 0, cut));
        assert.equal(checksum.fold(parts), plainSum(bytes));
      }),
    );
  });

  test("an update is what a new computation would give (RFC 1624)", () => {
    const header = fc.uint8Array({ minLength: 20, maxLength: 20 }).filter((bytes) => bytes.some((octet) => octet !== 0));
    fc.assert(
      fc.property(header, fc.nat(9), fc.nat(0xffff), fc.nat(4), fc.nat(0xffff_ffff), (bytes, half, word, quarter, long) => {
        const view = viewOf(bytes);
        bytes[0] = 0x45;
        const before = checksum.checksum(view, 0, 20);
        const at16 = Math.max(2, half * 2);
        const updated = checksum.update16(before, view.getUint16(at16), word);
        view.setUint16(at16, word);
        assert.equal(updated, checksum.checksum(view, 0, 20));
        const at32 = Math.max(4, quarter * 4);
        const updatedAgain = checksum.update32(updated, view.getUint32(at32), long);
        view.setUint32(at32, long);
        assert.equal(updatedAgain, checksum.checksum(view, 0, 20));
      }),
    );
  });
});
