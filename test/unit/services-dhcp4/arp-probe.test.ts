import assert from "node:assert/strict";
import { test } from "node:test";
import { MAC_BROADCAST } from "../../../src/base/mac.js";
import type { Link } from "../../../src/frame/link.js";
import { Packet } from "../../../src/frame/packet.js";
import { ArpProbe } from "../../../src/services/dhcp4/arp-probe.js";
import * as arp from "../../../src/wire/arp.js";
import { BRIDGE, ip } from "../../support/dhcp4-lab.js";
import { must } from "../../support/frames.js";
import { ManualClock } from "../../support/manual-clock.js";
import { viewOf } from "../../support/pieces.js";

const ADDRESS = ip("10.77.0.9");
const OTHER_LINK: Link = { ...BRIDGE, slot: 9, ifindex: 99 };

class Site {
  readonly clock = new ManualClock();
  readonly asked: { link: Link; to: number; message: arp.Arp }[] = [];
  readonly answers: boolean[] = [];
  readonly probe = new ArpProbe(
    {
      sendIcmpv6: () => undefined,
      sendArp: (link, to, payload) =>
        void this.asked.push({ link, to, message: must(arp.parse(viewOf(payload.slice()), 0, payload.length)) }),
    },
    this.clock,
  );

  ask(address = ADDRESS): void {
    this.probe.probe(BRIDGE, address, 500, (isUsed) => void this.answers.push(isUsed));
  }

  hear(message: Partial<arp.Arp>, link = BRIDGE): void {
    const bytes = new Uint8Array(arp.HEADER_BYTES);
    const whole = { operation: 2, senderMac: 0x5254_0000_0009, senderAddress: 0, targetMac: 0, targetAddress: 0, ...message };
    arp.emit(whole, viewOf(bytes), 0);
    this.probe.handle(Object.assign(new Packet(), { link, bytes, view: viewOf(bytes), payloadLength: bytes.length }));
  }
}

test("a probe asks everybody twice, with no address of its own, and takes silence for free", () => {
  const site = new Site();
  site.ask();
  site.clock.advance(499);
  assert.deepEqual(site.answers, []);
  site.clock.advance(1);
  assert.deepEqual(site.answers, [false]);
  assert.equal(site.asked.length, 2);
  for (const { to, message } of site.asked) {
    assert.equal(to, MAC_BROADCAST);
    assert.deepEqual(message, {
      operation: 1,
      senderMac: BRIDGE.gatewayMac,
      senderAddress: 0,
      targetMac: 0,
      targetAddress: ADDRESS,
    });
  }
  assert.equal(site.clock.pending, 0);
});

/** What is heard, and whether it means that the address is used. */
const HEARD: readonly (readonly [name: string, message: Partial<arp.Arp>, link: Link, isUsed: boolean])[] = [
  ["a reply for it", { senderAddress: ADDRESS }, BRIDGE, true],
  ["a request from it", { operation: 1, senderAddress: ADDRESS, targetAddress: ip("10.77.0.1") }, BRIDGE, true],
  ["somebody else's probe for it", { operation: 1, targetAddress: ADDRESS }, BRIDGE, true],
  ["our own probe coming back", { operation: 1, senderMac: BRIDGE.gatewayMac, targetAddress: ADDRESS }, BRIDGE, false],
  ["a question for it", { operation: 1, senderAddress: ip("10.77.0.3"), targetAddress: ADDRESS }, BRIDGE, false],
  ["a reply for another address", { senderAddress: ip("10.77.0.8") }, BRIDGE, false],
  ["a reply on another link", { senderAddress: ADDRESS }, OTHER_LINK, false],
];

for (const [name, message, link, isUsed] of HEARD) {
  test(`heard: ${name}`, () => {
    const site = new Site();
    site.ask();
    site.hear(message, link);
    site.clock.advance(1000);
    assert.deepEqual(site.answers, [isUsed]);
  });
}

test("two probes for one address are both answered, once each", () => {
  const site = new Site();
  site.ask();
  site.ask();
  site.hear({ senderAddress: ADDRESS });
  site.hear({ senderAddress: ADDRESS });
  site.clock.advance(1000);
  assert.deepEqual(site.answers, [true, true]);
});
