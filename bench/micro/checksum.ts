import * as checksum from "../../src/wire/checksum.js";
import type { MicroCase } from "../frame/micro-case.js";

/** A DHCP message, a DNS answer of the largest safe size, a full frame. */
const SIZES = [308, 1232, 1480];

/** The loop of RFC 1071 §4.1 as everybody writes it first. */
function textbook(view: DataView, offset: number, length: number): number {
  let sum = 0;
  for (let at = offset; at + 1 < offset + length; at += 2) sum += view.getUint16(at);
  if (length % 2 === 1) sum += view.getUint8(offset + length - 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export const cases: MicroCase[] = SIZES.map((length) => {
  const view = new DataView(new ArrayBuffer(length + 14));
  for (let at = 0; at < view.byteLength; at++) view.setUint8(at, (at * 37) & 255);
  const expected = textbook(view, 14, length);
  const expect = (value: number): void => {
    if (value !== expected) throw new Error(`checksum of ${length} bytes: ${value} instead of ${expected}`);
  };
  return {
    name: `internet checksum, ${length} bytes`,
    systems: {
      tapnet: () => expect(checksum.checksum(view, 14, length)),
      "RFC 1071 loop": () => expect(textbook(view, 14, length)),
    },
  };
});
