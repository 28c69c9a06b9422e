import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ReturnPath } from "../../../src/frame/datagram.js";
import { FrameSender } from "../../../src/frame/sender.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import { GUEST_IPV4, GUEST_MAC, PORT, RecordingTransmitter, readUdpFrame } from "../../support/frames.js";
import { viewOf } from "../../support/pieces.js";

const PATH: ReturnPath = {
  link: PORT,
  ipVersion: 4,
  etherDestination: GUEST_MAC,
  ipSource: PORT.gatewayIpv4,
  ipDestination: GUEST_IPV4,
  ipv6Source: undefined,
  ipv6Destination: undefined,
  udpSource: 53,
  udpDestination: 40_000,
};

const HOST = Uint8Array.from([0xfe, 0x80, ...new Uint8Array(13), 1]);
const GUEST = Uint8Array.from([0xfe, 0x80, ...new Uint8Array(13), 2]);

function setUp() {
  const transmitter = new RecordingTransmitter();
  const turns: (() => void)[] = [];
  const sender = new FrameSender(transmitter, (flush) => turns.push(flush));
  const endTurn = (): void => {
    for (const flush of turns.splice(0)) flush();
  };
  return { transmitter, sender, endTurn, turns };
}

describe("the sender", () => {
  test("gathers what is sent in one turn into one flush; payloads may be reused at once", () => {
    const { transmitter, sender, endTurn, turns } = setUp();
    const payload = Uint8Array.of(1);
    sender.send(PATH, payload);
    payload[0] = 2;
    sender.send({ ...PATH, ipVersion: 6, ipv6Source: HOST, ipv6Destination: GUEST }, payload);
    payload[0] = 3;
    assert.deepEqual([transmitter.flushes, turns.length], [0, 1]);
    endTurn();
    assert.equal(transmitter.flushes, 1);
    const [first, second] = transmitter.frames.map(({ bytes }) => readUdpFrame(bytes));
    assert.deepEqual([first.ip.source, first.udp.destination, [...first.payload]], [PORT.gatewayIpv4, 40_000, [1]]);
    assert.deepEqual([second.ip.destination, [...second.payload]], [(0xfe80n << 112n) | 2n, [2]]);
    sender.send(PATH, payload);
    endTurn();
    assert.deepEqual([transmitter.flushes, sender.counters.get("sent")], [2, 3]);
  });

  test("what is not to wait leaves at once, with what has gathered before it", () => {
    const { transmitter, sender, endTurn } = setUp();
    sender.send(PATH, Uint8Array.of(1));
    sender.send(PATH, Uint8Array.of(2), true);
    assert.deepEqual([transmitter.flushes, transmitter.frames.length], [1, 2]);
    endTurn();
    assert.equal(transmitter.frames.length, 2);
  });

  test("a full batch leaves at once", () => {
    const { transmitter, sender, endTurn } = setUp();
    for (let count = 0; count < 600; count++) sender.send(PATH, Uint8Array.of(count & 255));
    assert.equal(transmitter.frames.length, 512);
    endTurn();
    assert.equal(transmitter.frames.length, 600);
    assert.deepEqual([...readUdpFrame(transmitter.frames[599].bytes).payload], [599 & 255]);
  });

  test("what fits no frame is not sent, and counted", () => {
    const { transmitter, sender, endTurn } = setUp();
    sender.send(PATH, new Uint8Array(1473));
    sender.send({ ...PATH, ipVersion: 6, ipv6Source: HOST, ipv6Destination: GUEST }, new Uint8Array(1453));
    sender.send(PATH, new Uint8Array(1472));
    endTurn();
    assert.deepEqual([transmitter.frames.length, sender.counters.get("too-long")], [1, 2]);
  });

  test("ICMPv6 and ARP of our own", () => {
    const { transmitter, sender, endTurn } = setUp();
    sender.sendIcmpv6(
      { link: PORT, etherDestination: GUEST_MAC, ipv6Source: HOST, ipv6Destination: GUEST },
      Uint8Array.of(134, 0, 0, 0, 64, 0),
    );
    sender.sendArp(PORT, GUEST_MAC, new Uint8Array(28));
    endTurn();
    const [advertisement, arp] = transmitter.frames.map(({ bytes }) => bytes);
    assert.ok(icmpv6.verify(viewOf(advertisement), 14, 54, 6));
    assert.equal(advertisement[14 + 7], 255);
    assert.deepEqual([arp.length, viewOf(arp).getUint16(12)], [42, 0x0806]);
  });

  test("without a schedule of its own it flushes at the end of the event loop's turn", async () => {
    const transmitter = new RecordingTransmitter();
    new FrameSender(transmitter).send(PATH, Uint8Array.of(1));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(transmitter.frames.length, 1);
  });
});
