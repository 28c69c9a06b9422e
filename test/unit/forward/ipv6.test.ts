import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Reason } from "../../../src/frame/forward/reasons.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import {
  A,
  B,
  ForwardLab,
  GATEWAY_IPV6,
  GATEWAY_MAC,
  HOST,
  type Ipv6Fields,
  icmpPayload,
  ipv6Frame,
  LINK_LOCAL_GATEWAY,
  NOBODY_IPV6,
  type Outcome,
  readIpv6,
  sealIcmpv6,
  stationsOf,
  udpPayload,
  WORLD_IPV6,
} from "../../support/forward-lab.js";
import { viewOf } from "../../support/pieces.js";

const IP = 14;
const LINK_LOCAL_A = (0xfe80n << 112n) | 0x10n;
const ALL_ROUTERS = (0xff02n << 112n) | 2n;

interface Row {
  readonly name: string;
  readonly rfc: string;
  readonly fields?: Ipv6Fields;
  readonly spoil?: (view: DataView) => void;
  readonly became: Reason;
  readonly complaint?: readonly [type: number, code: number, rest: number];
  readonly leaves?: number;
}

function icmp(type: number, code = 0, bytes = 8): Uint8Array {
  return Uint8Array.of(type, code, ...new Uint8Array(bytes - 2));
}

const ROWS: readonly Row[] = [
  { name: "guest to guest", rfc: "8200", became: "forwarded", leaves: B.slot },
  { name: "guest to the world", rfc: "8200", fields: { to: WORLD_IPV6 }, became: "forwarded", leaves: HOST.slot },
  { name: "hop limit 1", rfc: "4443 §3.3", fields: { hopLimit: 1 }, became: "hops-exceeded", complaint: [3, 0, 0] },
  { name: "hop limit 0", rfc: "4443 §3.3", fields: { hopLimit: 0 }, became: "hops-exceeded", complaint: [3, 0, 0] },
  {
    name: "hop limit 1 to the world: the host counts",
    rfc: "-",
    fields: { hopLimit: 1, to: WORLD_IPV6 },
    became: "forwarded",
    leaves: HOST.slot,
  },
  {
    name: "hop limit 1 about an error",
    rfc: "4443 §2.4 e.1",
    fields: { hopLimit: 1, nextHeader: 58, payload: icmp(3) },
    became: "hops-exceeded",
  },
  {
    name: "hop limit 1 of a redirect",
    rfc: "4443 §2.4 e.2",
    fields: { hopLimit: 1, nextHeader: 58, payload: icmp(137) },
    became: "hops-exceeded",
  },
  {
    name: "hop limit 1 of ICMPv6 without a byte",
    rfc: "4443 §2.4",
    fields: { hopLimit: 1, nextHeader: 58, payload: new Uint8Array(0) },
    became: "hops-exceeded",
  },
  {
    name: "hop limit 1 of an echo",
    rfc: "4443 §2.4",
    fields: { hopLimit: 1, nextHeader: 58, payload: icmp(128) },
    became: "hops-exceeded",
    complaint: [3, 0, 0],
  },
  { name: "nobody has the address", rfc: "4443 §3.1", fields: { to: NOBODY_IPV6 }, became: "unreachable", complaint: [1, 0, 0] },
  {
    name: "larger than the next link",
    rfc: "4443 §3.2",
    fields: { payload: udpPayload(1453) },
    became: "too-big",
    complaint: [2, 0, 1500],
  },
  {
    name: "as large as the next link",
    rfc: "4443 §3.2",
    fields: { payload: udpPayload(1452) },
    became: "forwarded",
    leaves: B.slot,
  },
  {
    name: "a jumbo payload",
    rfc: "2675 §2",
    fields: { nextHeader: 0, payload: Uint8Array.of(17, 0, 0xc2, 4, 0, 1, 0, 0, 1, 2, 3, 4) },
    spoil: (view) => view.setUint16(IP + 4, 0),
    became: "ipv6-header",
  },
  { name: "version 7", rfc: "8200 §3", spoil: (view) => view.setUint8(IP, 0x70), became: "ipv6-header" },
  {
    name: "payload length above the frame's",
    rfc: "8200 §3",
    spoil: (view) => view.setUint16(IP + 4, 1000),
    became: "ipv6-header",
  },
  { name: "source multicast", rfc: "4291 §2.7", fields: { source: ALL_ROUTERS }, became: "martian" },
  { name: "source ::1", rfc: "4291 §2.5.3", fields: { source: 1n }, became: "martian" },
  { name: "source ::", rfc: "4291 §2.5.2", fields: { source: 0n }, became: "martian" },
  { name: "destination ::1", rfc: "4291 §2.5.3", fields: { to: 1n }, became: "martian" },
  { name: "destination ::", rfc: "4291 §2.5.2", fields: { to: 0n }, became: "martian" },
  { name: "source link-local, destination beyond the link", rfc: "4007 §9", fields: { source: LINK_LOCAL_A }, became: "spoofed" },
  { name: "destination link-local of somebody", rfc: "4291 §2.5.6", fields: { to: LINK_LOCAL_A }, became: "not-ours" },
  { name: "another guest's source", rfc: "3704", fields: { source: B.ipv6 }, became: "spoofed" },
  {
    name: "multicast without a service",
    rfc: "8200",
    fields: { to: ALL_ROUTERS, etherDestination: 0x3333_0000_0002 },
    became: "multicast",
  },
  { name: "unicast in a multicast frame", rfc: "-", fields: { etherDestination: 0x3333_0000_0002 }, became: "not-ours" },
  {
    name: "router solicitation",
    rfc: "4861",
    fields: {
      source: LINK_LOCAL_A,
      to: ALL_ROUTERS,
      etherDestination: 0x3333_0000_0002,
      hopLimit: 255,
      nextHeader: 58,
      payload: icmp(133),
    },
    became: "control",
  },
  {
    name: "DHCPv6",
    rfc: "8415",
    fields: {
      source: LINK_LOCAL_A,
      to: (0xff02n << 112n) | 0x1_0002n,
      etherDestination: 0x3333_0001_0002,
      payload: udpPayload(40, 547),
    },
    became: "control",
  },
  { name: "DNS to the gateway", rfc: "-", fields: { to: GATEWAY_IPV6, payload: udpPayload(20, 53) }, became: "control" },
  {
    name: "TCP to the gateway is the host's affair",
    rfc: "-",
    fields: { to: GATEWAY_IPV6, nextHeader: 6, payload: new Uint8Array(20) },
    became: "to-host",
    leaves: HOST.slot,
  },
  {
    name: "TCP to the link-local gateway",
    rfc: "-",
    fields: { to: LINK_LOCAL_GATEWAY, nextHeader: 6, payload: new Uint8Array(20) },
    became: "own-address",
  },
  {
    name: "hop limit 1 about an error behind a route that is not at its end",
    rfc: "4443 §2.4 e.1",
    fields: { hopLimit: 1, nextHeader: 43, payload: Uint8Array.of(58, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0) },
    became: "hops-exceeded",
  },
  {
    name: "hop limit 1 about the first fragment of an error",
    rfc: "4443 §2.4 e.1",
    fields: { hopLimit: 1, nextHeader: 44, payload: Uint8Array.of(58, 0, 0, 1, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 0) },
    became: "hops-exceeded",
  },
  {
    name: "hop limit 1 about a later fragment of what may be an error",
    rfc: "4443 §2.4 e.1",
    fields: { hopLimit: 1, nextHeader: 44, payload: Uint8Array.of(58, 0, 1, 0, 0, 0, 0, 7, 128, 0, 0, 0, 0, 0, 0, 0) },
    became: "hops-exceeded",
  },
  {
    name: "hop limit 1 about the first fragment of an echo",
    rfc: "4443 §3.3",
    fields: { hopLimit: 1, nextHeader: 44, payload: Uint8Array.of(58, 0, 0, 1, 0, 0, 0, 7, 128, 0, 0, 0, 0, 0, 0, 0) },
    became: "hops-exceeded",
    complaint: [3, 0, 0],
  },
  {
    name: "hop limit 1 about a later fragment of UDP",
    rfc: "4443 §3.3",
    fields: { hopLimit: 1, nextHeader: 44, payload: Uint8Array.of(17, 0, 1, 0, 0, 0, 0, 7, 0, 0, 0, 0) },
    became: "hops-exceeded",
    complaint: [3, 0, 0],
  },
  {
    name: "hop limit 1 about an extension header that is cut off",
    rfc: "4443 §2.4",
    fields: { hopLimit: 1, nextHeader: 0, payload: Uint8Array.of(58, 0, 1) },
    became: "hops-exceeded",
  },
  {
    name: "hop-by-hop options that an unknowing node complains about, on the way",
    rfc: "8200 §4",
    fields: { nextHeader: 0, payload: Uint8Array.of(17, 0, 0xde, 4, 0, 0, 0, 0) },
    became: "forwarded",
    leaves: B.slot,
  },
  {
    name: "extension headers are nobody's business on the way",
    rfc: "7045",
    fields: { nextHeader: 43, payload: Uint8Array.of(17, 0, 0, 1, 0, 0, 0, 0) },
    became: "forwarded",
    leaves: B.slot,
  },
];

describe("one IPv6 packet", () => {
  for (const row of ROWS) {
    test(`${row.name} (RFC ${row.rfc})`, () => {
      const lab = new ForwardLab();
      const frame = ipv6Frame(row.fields, row.spoil);
      const { sent, counted } = lab.in(A.slot, frame);
      assert.equal(Object.keys(counted)[0], row.became);
      if (row.complaint !== undefined) {
        assert.equal(sent.length, 1);
        assert.deepEqual(complaintOf(sent[0].bytes, frame), row.complaint);
      } else {
        assert.deepEqual(
          sent.map(({ port }) => port),
          row.leaves === undefined ? [] : [row.leaves],
        );
      }
    });
  }
});

function complaintOf(frame: Uint8Array, original: Uint8Array): readonly number[] {
  const packet = readIpv6(frame);
  assert.deepEqual(stationsOf(frame), { from: GATEWAY_MAC, to: A.mac });
  assert.deepEqual([packet.source, packet.destination, packet.hopLimit, packet.nextHeader], [GATEWAY_IPV6, A.ipv6, 64, 58]);
  assert.ok(packet.payloadBytes + 40 <= 1280);
  assert.ok(icmpv6.verify(viewOf(frame), IP, IP + 40, packet.payloadBytes), "checksum right");
  assert.deepEqual(packet.payload.subarray(8), original.subarray(IP, IP + Math.min(1232, original.length - IP)));
  return [packet.payload[0], packet.payload[1], viewOf(packet.payload).getUint32(4)];
}

describe("IPv6 on a port", () => {
  test("the hop limit goes down by one and nothing else changes but the stations", () => {
    const lab = new ForwardLab();
    const before = ipv6Frame();
    const [{ bytes, port }] = lab.in(A.slot, before).sent;
    assert.equal(port, B.slot);
    assert.deepEqual(stationsOf(bytes), { from: GATEWAY_MAC, to: B.mac });
    assert.deepEqual(readIpv6(bytes), { ...readIpv6(before), hopLimit: 63 });
  });

  test("both of our addresses answer a ping, from the address that was asked", () => {
    const lab = new ForwardLab();
    for (const [source, to] of [
      [A.ipv6, GATEWAY_IPV6],
      [LINK_LOCAL_A, LINK_LOCAL_GATEWAY],
    ] as const) {
      const { sent, counted } = lab.in(A.slot, sealIcmpv6(ipv6Frame({ source, to, nextHeader: 58, payload: icmp(128, 0, 24) })));
      assert.equal(counted["echo-answered"], 1);
      const packet = readIpv6(sent[0].bytes);
      assert.deepEqual([packet.source, packet.destination, packet.payload[0]], [to, source, 129]);
      assert.ok(icmpv6.verify(viewOf(sent[0].bytes), IP, IP + 40, packet.payloadBytes));
    }
    const spoofed = sealIcmpv6(ipv6Frame({ source: B.ipv6, to: GATEWAY_IPV6, nextHeader: 58, payload: icmp(128, 0, 24) }));
    assert.deepEqual(lab.in(A.slot, spoofed).counted, { spoofed: 1 });
  });

  test("a ping behind extension headers is answered without them, where they may be passed over (RFC 8200 §4.2)", () => {
    const echo = icmpPayload(icmpv6.TYPE.echoRequest);
    const ask = (type: number, ...extension: number[]): Outcome => {
      const payload = Uint8Array.from([...extension, ...echo]);
      const frame = ipv6Frame({ to: GATEWAY_IPV6, nextHeader: type, payload });
      return new ForwardLab({ services: false, host: false }).in(A.slot, sealIcmpv6(frame, IP + 40 + extension.length));
    };
    for (const outcome of [
      ask(58),
      ask(0, 58, 0, 1, 4, 0, 0, 0, 0),
      ask(60, 58, 0, 0x1e, 4, 0, 0, 0, 0),
      ask(0, 60, 0, 5, 2, 0, 0, 0, 0, 58, 0, 0, 0, 0, 0, 0, 0),
    ]) {
      assert.deepEqual(outcome.counted, { "echo-answered": 1 });
      const reply = readIpv6(outcome.sent[0].bytes);
      assert.deepEqual([reply.nextHeader, reply.source, reply.destination, reply.hopLimit], [58, GATEWAY_IPV6, A.ipv6, 64]);
      assert.deepEqual([reply.payload[0], reply.payload.subarray(4)], [icmpv6.TYPE.echoReply, echo.subarray(4)]);
      assert.ok(icmpv6.verify(viewOf(outcome.sent[0].bytes), IP, IP + 40, reply.payloadBytes));
      assert.deepEqual(stationsOf(outcome.sent[0].bytes), { from: GATEWAY_MAC, to: A.mac });
    }
    for (const outcome of [
      ask(60, 58, 0, 0x5e, 4, 0, 0, 0, 0),
      ask(60, 58, 0, 0x9e, 4, 0, 0, 0, 0),
      ask(60, 58, 0, 1, 9, 0, 0, 0, 0),
      ask(51, 58, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1),
    ]) {
      assert.deepEqual(outcome, { sent: [], counted: { "own-address": 1 } });
    }
  });

  test("a solicitation for our link-local address is answered here, one for the global address only without services", () => {
    const solicitation = (target: bigint) => {
      const payload = icmp(135, 0, 32);
      const view = viewOf(payload);
      view.setBigUint64(8, target >> 64n);
      view.setBigUint64(16, target & 0xffff_ffff_ffff_ffffn);
      payload.set([1, 1, 0x52, 0x54, 0, 0, 0, 0x10], 24);
      const group = (0xff02n << 112n) | (1n << 32n) | 0xff00_0000n | (target & 0xff_ffffn);
      return sealIcmpv6(
        ipv6Frame({
          source: LINK_LOCAL_A,
          to: group,
          etherDestination: 0x3333_ff00_0001,
          hopLimit: 255,
          nextHeader: 58,
          payload,
        }),
      );
    };
    const served = new ForwardLab();
    const [{ bytes, port }] = served.in(A.slot, solicitation(LINK_LOCAL_GATEWAY)).sent;
    const packet = readIpv6(bytes);
    assert.deepEqual([port, packet.source, packet.destination, packet.hopLimit], [A.slot, LINK_LOCAL_GATEWAY, LINK_LOCAL_A, 255]);
    assert.deepEqual([packet.payload[0], viewOf(packet.payload).getUint32(4)], [136, 0xe000_0000]);
    assert.deepEqual([...packet.payload.subarray(24)], [2, 1, 2, 0, 0, 0, 0, 1]);
    assert.ok(icmpv6.verify(viewOf(bytes), IP, IP + 40, packet.payloadBytes));
    assert.equal(served.control.length, 1, "services see it too: they learn from it");
    assert.equal(served.in(A.slot, solicitation(GATEWAY_IPV6)).sent.length, 0);
    const alone = new ForwardLab({ services: false });
    assert.deepEqual(alone.in(A.slot, solicitation(GATEWAY_IPV6)).counted, { "neighbour-answered": 1 });
    assert.equal(alone.in(A.slot, solicitation(B.ipv6)).sent.length, 0);
    const crossed = solicitation(LINK_LOCAL_GATEWAY);
    crossed[IP + 7] = 254;
    assert.equal(served.in(A.slot, crossed).sent.length, 0, "one that crossed a router is not believed");
  });

  test("a link-local source on a link of many is told that it does not reach beyond (RFC 4007 §9)", () => {
    const lab = new ForwardLab();
    lab.engine.addPort({ slot: 9, name: "lan", kind: "network", mac: GATEWAY_MAC, ipv6: GATEWAY_IPV6 });
    const { sent, counted } = lab.in(9, ipv6Frame({ source: LINK_LOCAL_A }));
    assert.equal(counted.martian, 1);
    assert.deepEqual([...readIpv6(sent[0].bytes).payload.subarray(0, 2)], [1, 2]);
  });
});
