import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SendBatch } from "../../../src/frame/batch.js";
import * as compose from "../../../src/frame/compose.js";
import { Reply } from "../../../src/frame/datagram.js";
import * as ethernet from "../../../src/wire/ethernet.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import * as ipv6 from "../../../src/wire/ipv6.js";
import { must, readUdpFrame } from "../../support/frames.js";
import { hexOf, viewOf } from "../../support/pieces.js";

function frameOf(batch: SendBatch, row: number): Uint8Array {
  return batch.bytes.slice(batch.offset[row], batch.offset[row] + batch.length[row]);
}

function replyIn(batch: SendBatch, limit: number, payload: readonly number[]): Reply {
  const reply = new Reply();
  compose.pointAt(reply, batch, limit);
  reply.ifindex = 7;
  reply.etherSource = 0x0200_0000_0001;
  reply.etherDestination = 0x5254_0012_3456;
  reply.ipSource = 0x0a4d_0001;
  reply.ipDestination = 0x0a4d_0002;
  reply.ipv6Source.set([0xfe, 0x80]);
  reply.ipv6Source[15] = 1;
  reply.ipv6Destination.set([0xfe, 0x80]);
  reply.ipv6Destination[15] = 2;
  reply.udpSource = 67;
  reply.udpDestination = 68;
  reply.bytes.set(payload, reply.payloadOffset);
  reply.payloadLength = payload.length;
  return reply;
}

describe("compose", () => {
  test("UDP over IPv4, byte for byte", () => {
    const batch = new SendBatch(2);
    batch.bytes.fill(0xa5);
    compose.composeUdpv4(replyIn(batch, compose.PAYLOAD_LIMIT.udpv4, [1, 2, 3]), batch);
    const expected = [
      "525400123456 020000000001 0800",
      "4500 001f 0000 4000 40 11 2632 0a4d0001 0a4d0002",
      "0043 0044 000b e6b2",
      "010203",
    ];
    assert.equal(hexOf(frameOf(batch, 0)), expected.join("").replaceAll(" ", ""));
    assert.deepEqual([batch.count, batch.ifindex[0]], [1, 7]);
  });

  test("the rows of a batch follow each other, and each parses as what was asked", () => {
    const batch = new SendBatch(3);
    for (const payload of [[], [7], [1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
      compose.composeUdpv4(replyIn(batch, compose.PAYLOAD_LIMIT.udpv4, payload), batch);
      const row = batch.count - 1;
      const read = readUdpFrame(frameOf(batch, row));
      assert.deepEqual([...read.payload], payload);
      assert.deepEqual([read.ip.source, read.ip.destination], [0x0a4d_0001, 0x0a4d_0002]);
    }
  });

  test("UDP over IPv6", () => {
    const batch = new SendBatch(1);
    compose.composeUdpv6(replyIn(batch, compose.PAYLOAD_LIMIT.udpv6, [1, 2, 3]), batch);
    const { ip, udp, payload } = readUdpFrame(frameOf(batch, 0));
    assert.deepEqual([ip.source, ip.destination], [(0xfe80n << 112n) | 1n, (0xfe80n << 112n) | 2n]);
    assert.deepEqual([udp.source, udp.destination, udp.lengthBytes], [67, 68, 11]);
    assert.deepEqual([...payload], [1, 2, 3]);
  });

  test("a checksum that comes out as zero is sent as all ones (RFC 768)", () => {
    const batch = new SendBatch(1);
    compose.composeUdpv4(replyIn(batch, compose.PAYLOAD_LIMIT.udpv4, [0, 0]), batch);
    const plain = viewOf(frameOf(batch, 0)).getUint16(40);
    batch.count = 0;
    compose.composeUdpv4(replyIn(batch, compose.PAYLOAD_LIMIT.udpv4, [plain >>> 8, plain & 0xff]), batch);
    assert.equal(viewOf(frameOf(batch, 0)).getUint16(40), 0xffff);
    readUdpFrame(frameOf(batch, 0));
  });

  test("ICMPv6 with hop limit 255 and its checksum", () => {
    const batch = new SendBatch(1);
    compose.composeIcmpv6(replyIn(batch, compose.PAYLOAD_LIMIT.icmpv6, [134, 0, 0xa5, 0xa5, 64, 0, 7, 8]), batch);
    const view = viewOf(frameOf(batch, 0));
    const ip = must(ipv6.parse(view, 14, view.byteLength - 14));
    assert.deepEqual([ip.hopLimit, ip.nextHeader, ip.payloadBytes], [255, ipv6.NEXT_HEADER.icmpv6, 8]);
    assert.ok(icmpv6.verify(view, 14, 54, 8));
  });

  test("ARP is the message behind an Ethernet header", () => {
    const batch = new SendBatch(1);
    compose.composeArp(replyIn(batch, compose.PAYLOAD_LIMIT.arp, [9, 9]), batch);
    const frame = frameOf(batch, 0);
    assert.equal(ethernet.type(viewOf(frame), 0), ethernet.ETHERTYPE.arp);
    assert.deepEqual([...frame.subarray(14)], [9, 9]);
  });

  test("the largest payload makes a frame of 1,514 bytes", () => {
    for (const [limit, finish] of [
      [compose.PAYLOAD_LIMIT.udpv4, compose.composeUdpv4],
      [compose.PAYLOAD_LIMIT.udpv6, compose.composeUdpv6],
      [compose.PAYLOAD_LIMIT.icmpv6, compose.composeIcmpv6],
      [compose.PAYLOAD_LIMIT.arp, compose.composeArp],
    ] as const) {
      const batch = new SendBatch(1);
      finish(replyIn(batch, limit, Array<number>(limit).fill(0x5a)), batch);
      assert.equal(batch.length[0], 1514);
    }
  });
});
