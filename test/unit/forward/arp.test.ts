import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Mac } from "../../../src/base/mac.js";
import * as arp from "../../../src/wire/arp.js";
import * as ethernet from "../../../src/wire/ethernet.js";
import {
  A,
  B,
  ForwardLab,
  GATEWAY_IPV4,
  GATEWAY_MAC,
  HOST,
  MAC_BROADCAST,
  NOBODY_IPV4,
  stationsOf,
  WORLD_IPV4,
} from "../../support/forward-lab.js";
import { viewOf } from "../../support/pieces.js";

interface Question {
  readonly operation?: number;
  readonly senderMac?: Mac;
  readonly senderAddress?: number;
  readonly targetAddress: number;
  readonly etherSource?: Mac;
}

function question({ operation = 1, senderMac = A.mac, senderAddress = A.ipv4, targetAddress, etherSource = A.mac }: Question) {
  const frame = new Uint8Array(60);
  const view = viewOf(frame);
  ethernet.emit({ destination: MAC_BROADCAST, source: etherSource, tag: undefined, type: ethernet.ETHERTYPE.arp }, view, 0);
  arp.emit({ operation, senderMac, senderAddress, targetMac: 0, targetAddress }, view, 14);
  return frame;
}

const ANSWERED: readonly (readonly [string, Question])[] = [
  ["the gateway", { targetAddress: GATEWAY_IPV4 }],
  ["a probe of the gateway's address (RFC 5227)", { senderAddress: 0, targetAddress: GATEWAY_IPV4 }],
  ["another guest, which is behind us (RFC 1027)", { targetAddress: B.ipv4 }],
  ["the world, which is behind the host", { targetAddress: WORLD_IPV4 }],
];

const IGNORED: readonly (readonly [string, Question])[] = [
  ["the guest's own address", { targetAddress: A.ipv4 }],
  ["a probe of its own address: never claimed", { senderAddress: 0, targetAddress: A.ipv4 }],
  ["a probe of another guest's address", { senderAddress: 0, targetAddress: B.ipv4 }],
  ["an address that nobody has", { targetAddress: NOBODY_IPV4 }],
  ["by somebody who is not bound here", { senderAddress: B.ipv4, targetAddress: GATEWAY_IPV4 }],
  ["by a MAC that is not bound", { etherSource: 0x5254_0000_0077, senderMac: 0x5254_0000_0077, targetAddress: GATEWAY_IPV4 }],
  ["in the name of another MAC", { senderMac: B.mac, targetAddress: GATEWAY_IPV4 }],
  ["an unknown operation, without services", { operation: 9, targetAddress: GATEWAY_IPV4 }],
];

describe("ARP", () => {
  for (const [name, asked] of ANSWERED) {
    test(`answered: ${name}`, () => {
      const { sent, counted } = new ForwardLab({ services: false }).in(A.slot, question(asked));
      assert.deepEqual(counted, { "arp-answered": 1 });
      const [{ bytes, port }] = sent;
      assert.equal(port, A.slot);
      assert.deepEqual(stationsOf(bytes), { from: GATEWAY_MAC, to: A.mac });
      assert.deepEqual(arp.parse(viewOf(bytes), 14, bytes.length - 14), {
        operation: 2,
        senderMac: GATEWAY_MAC,
        senderAddress: asked.targetAddress,
        targetMac: A.mac,
        targetAddress: asked.senderAddress ?? A.ipv4,
      });
    });
  }

  for (const [name, asked] of IGNORED) {
    test(`silence: ${name}`, () => {
      const { sent, counted } = new ForwardLab({ services: false }).in(A.slot, question(asked));
      assert.deepEqual(counted, { "arp-ignored": 1 });
      assert.deepEqual(sent, []);
    });
  }

  test("the host may ask for its guests", () => {
    const lab = new ForwardLab();
    const { sent } = lab.in(
      HOST.slot,
      question({ etherSource: HOST.peerMac, senderMac: HOST.peerMac, senderAddress: WORLD_IPV4, targetAddress: A.ipv4 }),
    );
    assert.deepEqual(stationsOf(sent[0].bytes), { from: HOST.mac, to: HOST.peerMac });
  });

  test("answers are for services: they hear who answers a probe of theirs", () => {
    const lab = new ForwardLab();
    assert.deepEqual(lab.in(A.slot, question({ operation: 2, targetAddress: 0 })).counted, { control: 1 });
    assert.equal(lab.control[0].slot, A.slot);
  });

  test("what is too short or for other links is ignored", () => {
    const lab = new ForwardLab();
    assert.deepEqual(lab.in(A.slot, question({ targetAddress: GATEWAY_IPV4 }).subarray(0, 41)).counted, { "arp-ignored": 1 });
    const other = question({ targetAddress: GATEWAY_IPV4 });
    other[15] = 6;
    assert.deepEqual(lab.in(A.slot, other).counted, { "arp-ignored": 1 });
  });
});
