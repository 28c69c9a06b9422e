import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as ipv6 from "../../../src/wire/ipv6.js";
import { bytesOf, type Piece, viewOf } from "../../support/pieces.js";

const ADDRESSES: Piece = ["addresses", "00".repeat(32)];
const UDP: Piece = ["UDP", "00440043 00080000"];

/** An IPv6 packet whose next header is `first`, with these extension headers and a UDP header at the end. */
function packet(first: number, ...extensions: readonly string[]): Uint8Array {
  const behind = bytesOf([...extensions.map((hex): Piece => ["extension", hex]), UDP]);
  const length = behind.length.toString(16).padStart(4, "0");
  return Buffer.concat([
    bytesOf([["header", `60000000 ${length} ${first.toString(16).padStart(2, "0")} 40`], ADDRESSES]),
    behind,
  ]);
}

function walk(bytes: Uint8Array): ipv6.ExtensionWalk | string {
  assert.equal(ipv6.check(viewOf(bytes), 0, bytes.length), undefined);
  const extensions = new ipv6.ExtensionWalk();
  return extensions.walk(viewOf(bytes), 0) ?? extensions;
}

const HOP_BY_HOP = (next: string): string => `${next}00 050200000100`;
const DESTINATION = (next: string): string => `${next}01 010c000000000000000000000000`;

describe("the walk over extension headers (RFC 8200 §4)", () => {
  const found: [name: string, bytes: Uint8Array, offset: number][] = [
    ["none", packet(17), 40],
    ["hop-by-hop with a router alert", packet(0, HOP_BY_HOP("11")), 48],
    ["hop-by-hop, then destination options of 16 bytes", packet(0, HOP_BY_HOP("3c"), DESTINATION("11")), 64],
    ["a routing header that is at its end", packet(43, "1100 0400 00000000"), 48],
    ["authentication, counted in words of four bytes", packet(51, "1102 0000 00000001 00000001 00000000"), 56],
    ["eight of them", packet(60, ...Array<string>(7).fill(HOP_BY_HOP("3c")), HOP_BY_HOP("11")), 40 + 64],
  ];
  for (const [name, bytes, offset] of found) {
    test(`${name}: UDP found`, () => {
      const extensions = walk(bytes);
      assert.ok(typeof extensions !== "string");
      assert.deepEqual([extensions.protocol, extensions.offset, extensions.length], [17, offset, 8]);
    });
  }

  const faults: [name: string, bytes: Uint8Array, fault: ipv6.ExtensionFault][] = [
    ["a fragment", packet(44, "1100 0001 00000007"), "ipv6-fragment"],
    ["an atomic fragment", packet(44, "1100 0000 00000007"), "ipv6-fragment"],
    ["a fragment behind options", packet(0, HOP_BY_HOP("2c"), "1100 0008 00000007"), "ipv6-fragment"],
    ["segments left to visit", packet(43, "1100 0401 00000000"), "ipv6-routing"],
    ["hop-by-hop in second place", packet(60, HOP_BY_HOP("00"), HOP_BY_HOP("11")), "ipv6-extension-order"],
    ["nine of them", packet(60, ...Array<string>(8).fill(HOP_BY_HOP("3c")), HOP_BY_HOP("11")), "ipv6-extensions-many"],
    ["one that is longer than the packet", packet(0, "1102 050200000100"), "ipv6-extension-truncated"],
    ["one that begins in the last 7 bytes", packet(0, HOP_BY_HOP("3c")).fill(0xff, 48), "ipv6-extension-truncated"],
  ];
  for (const [name, bytes, fault] of faults) test(`${name}: ${fault}`, () => assert.equal(walk(bytes), fault));
});
