import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Reason } from "../../../src/frame/forward/reasons.js";
import * as icmpv4 from "../../../src/wire/icmpv4.js";
import {
  A,
  B,
  ForwardLab,
  GATEWAY_IPV4,
  GATEWAY_MAC,
  HOST,
  type Ipv4Fields,
  icmpPayload,
  ipv4Frame,
  NARROW,
  NOBODY_IPV4,
  readIpv4,
  type Station,
  stationsOf,
  udpPayload,
  WORLD_IPV4,
} from "../../support/forward-lab.js";
import { viewOf } from "../../support/pieces.js";

const IP = 14;
const DF = 2;

/** The first bytes of an ICMP error's quotation of the packet, and what else it says. */
interface Complaint {
  readonly type: number;
  readonly code: number;
  readonly rest?: number;
}

interface Row {
  readonly name: string;
  readonly rfc: string;
  readonly by?: number;
  readonly fields?: Ipv4Fields;
  readonly spoil?: (view: DataView) => void;
  readonly trim?: number;
  readonly became: Reason;
  readonly complaint?: Complaint;
  /** Where the packet itself leaves, when it does. */
  readonly leaves?: number;
}

const UNREACHABLE = icmpv4.TYPE.unreachable;
const EXCEEDED = { type: icmpv4.TYPE.timeExceeded, code: 0 };
const recordRoute = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 1);

const ROWS: readonly Row[] = [
  { name: "guest to guest", rfc: "1812 §5.2", became: "forwarded", leaves: B.slot },
  { name: "guest to the world", rfc: "1812 §5.2", fields: { to: WORLD_IPV4 }, became: "forwarded", leaves: HOST.slot },
  {
    name: "world to guest",
    rfc: "1812 §5.2",
    by: HOST.slot,
    fields: { source: WORLD_IPV4, etherSource: HOST.peerMac, etherDestination: HOST.mac },
    became: "forwarded",
    leaves: B.slot,
  },
  { name: "TTL 2", rfc: "1812 §5.3.1", fields: { ttl: 2 }, became: "forwarded", leaves: B.slot },
  { name: "TTL 1", rfc: "1812 §5.3.1", fields: { ttl: 1 }, became: "hops-exceeded", complaint: EXCEEDED },
  { name: "TTL 0", rfc: "1812 §5.3.1", fields: { ttl: 0 }, became: "hops-exceeded", complaint: EXCEEDED },
  {
    name: "TTL 1 to the world: the host counts",
    rfc: "-",
    fields: { ttl: 1, to: WORLD_IPV4 },
    became: "forwarded",
    leaves: HOST.slot,
  },
  {
    name: "TTL 1 about an ICMP error",
    rfc: "1812 §4.3.2.7",
    fields: { ttl: 1, protocol: 1, payload: icmpPayload(11) },
    became: "hops-exceeded",
  },
  {
    name: "TTL 1 of an echo",
    rfc: "1812 §4.3.2.7",
    fields: { ttl: 1, protocol: 1, payload: icmpPayload(8) },
    became: "hops-exceeded",
    complaint: EXCEEDED,
  },
  {
    name: "TTL 1 of ICMP without a byte",
    rfc: "1812 §4.3.2.7",
    fields: { ttl: 1, protocol: 1, payload: new Uint8Array(0) },
    became: "hops-exceeded",
  },
  {
    name: "TTL 1 of a later fragment",
    rfc: "1812 §4.3.2.7",
    fields: { ttl: 1, fragmentOffsetBytes: 8 },
    became: "hops-exceeded",
  },
  {
    name: "TTL 1 of a first fragment",
    rfc: "1812 §4.3.2.7",
    fields: { ttl: 1, flags: 1 },
    became: "hops-exceeded",
    complaint: EXCEEDED,
  },
  {
    name: "nobody has the address",
    rfc: "1812 §5.2.7.1",
    fields: { to: NOBODY_IPV4 },
    became: "unreachable",
    complaint: { type: UNREACHABLE, code: 1 },
  },
  {
    name: "larger than the next link, DF",
    rfc: "1191 §4",
    fields: { to: NARROW.ipv4, flags: DF, payload: udpPayload(700) },
    became: "too-big",
    complaint: { type: UNREACHABLE, code: 4, rest: 600 },
  },
  {
    name: "as large as the next link, DF",
    rfc: "1191 §4",
    fields: { to: NARROW.ipv4, flags: DF, payload: udpPayload(572) },
    became: "forwarded",
    leaves: NARROW.slot,
  },
  {
    name: "too big and TTL 1: the TTL speaks",
    rfc: "1812 §5.2.1",
    fields: { ttl: 1, to: NARROW.ipv4, flags: DF, payload: udpPayload(700) },
    became: "hops-exceeded",
    complaint: EXCEEDED,
  },
  {
    name: "a fragment in the middle",
    rfc: "1812 §4.2.2.7",
    fields: { flags: 1, fragmentOffsetBytes: 1480 },
    became: "forwarded",
    leaves: B.slot,
  },
  { name: "reserved flag", rfc: "791", fields: { flags: 4 }, became: "forwarded", leaves: B.slot },
  { name: "without payload", rfc: "791", fields: { payload: new Uint8Array(0) }, became: "forwarded", leaves: B.slot },
  {
    name: "padding behind the packet is taken off",
    rfc: "894",
    fields: { payload: new Uint8Array(4) },
    trim: -20,
    became: "forwarded",
    leaves: B.slot,
  },
  {
    name: "checksum wrong",
    rfc: "1812 §5.2.2",
    spoil: (view) => view.setUint16(IP + 10, view.getUint16(IP + 10) ^ 1),
    became: "ipv4-checksum",
  },
  { name: "version 5", rfc: "1812 §5.2.2", spoil: (view) => view.setUint8(IP, 0x55), became: "ipv4-header" },
  { name: "header of four words", rfc: "1812 §5.2.2", spoil: (view) => view.setUint8(IP, 0x44), became: "ipv4-header" },
  {
    name: "header longer than the packet",
    rfc: "1812 §5.2.2",
    spoil: (view) => view.setUint8(IP, 0x4f),
    fields: { payload: new Uint8Array(8) },
    became: "ipv4-header",
  },
  {
    name: "total length above the frame's",
    rfc: "1812 §5.2.2",
    spoil: (view) => view.setUint16(IP + 2, 1000),
    became: "ipv4-header",
  },
  {
    name: "total length below the header's",
    rfc: "1812 §5.2.2",
    spoil: (view) => view.setUint16(IP + 2, 19),
    became: "ipv4-header",
  },
  { name: "cut in the header", rfc: "1812 §5.2.2", trim: 60, became: "ipv4-header" },
  { name: "source 127.0.0.1", rfc: "1812 §5.3.7", fields: { source: 0x7f00_0001 }, became: "martian" },
  { name: "source 0.0.0.0", rfc: "1812 §5.3.7", fields: { source: 0 }, became: "martian" },
  { name: "source multicast", rfc: "1812 §5.3.7", fields: { source: 0xe000_0001 }, became: "martian" },
  { name: "source broadcast", rfc: "1812 §5.3.7", fields: { source: 0xffff_ffff }, became: "martian" },
  { name: "destination 127.0.0.1", rfc: "1812 §5.3.7", fields: { to: 0x7f00_0001 }, became: "martian" },
  { name: "destination 0.0.0.1", rfc: "1812 §5.3.7", fields: { to: 1 }, became: "martian" },
  { name: "destination multicast", rfc: "1812 §5.3.5", fields: { to: 0xe000_0005 }, became: "multicast" },
  {
    name: "destination reserved for the future: an address like others",
    rfc: "1112 §4",
    fields: { to: 0xf000_0001 },
    became: "forwarded",
    leaves: HOST.slot,
  },
  { name: "destination broadcast, no service", rfc: "1812 §5.3.5", fields: { to: 0xffff_ffff }, became: "multicast" },
  {
    name: "unicast in a broadcast frame",
    rfc: "1812 §3.3.4",
    fields: { etherDestination: 0xffff_ffff_ffff },
    became: "not-ours",
  },
  { name: "to another station", rfc: "-", fields: { etherDestination: 0x5254_0000_0099 }, became: "not-ours" },
  { name: "another guest's source", rfc: "3704", fields: { source: B.ipv4 }, became: "spoofed" },
  { name: "another guest's source and MAC", rfc: "3704", fields: { source: B.ipv4, etherSource: B.mac }, became: "spoofed" },
  { name: "own source, another MAC", rfc: "-", fields: { etherSource: 0x5254_0000_0077 }, became: "spoofed" },
  { name: "a source that nobody has", rfc: "3704", fields: { source: NOBODY_IPV4 }, became: "spoofed" },
  { name: "our own source", rfc: "3704", fields: { source: GATEWAY_IPV4 }, became: "spoofed" },
  {
    name: "a guest's source from the host",
    rfc: "3704",
    by: HOST.slot,
    fields: { etherSource: HOST.peerMac, etherDestination: HOST.mac },
    became: "spoofed",
  },
  {
    name: "the host to nobody here",
    rfc: "1812 §5.2.7.1",
    by: HOST.slot,
    fields: { source: WORLD_IPV4, to: 0xc633_6409, etherSource: HOST.peerMac, etherDestination: HOST.mac },
    became: "unreachable",
  },
  {
    name: "loose source route",
    rfc: "1812 §5.3.13.2",
    fields: { options: Uint8Array.of(131, 7, 4, 10, 77, 0, 17, 0) },
    became: "source-route",
  },
  {
    name: "strict source route",
    rfc: "1812 §5.3.13.3",
    fields: { options: Uint8Array.of(137, 7, 4, 10, 77, 0, 17, 0) },
    became: "source-route",
  },
  {
    name: "router alert passes",
    rfc: "2113",
    fields: { options: Uint8Array.of(148, 4, 0, 0) },
    became: "forwarded",
    leaves: B.slot,
  },
  { name: "record route", rfc: "1812 §5.3.13.4", fields: { options: recordRoute }, became: "forwarded", leaves: B.slot },
  {
    name: "an option of length 0",
    rfc: "1812 §5.3.13",
    fields: { options: Uint8Array.of(1, 7, 0, 0) },
    became: "ipv4-options",
    complaint: { type: 12, code: 0, rest: 21 * 0x100_0000 },
  },
  {
    name: "an option that runs past the header",
    rfc: "1812 §5.3.13",
    fields: { options: Uint8Array.of(148, 5, 0, 0) },
    became: "ipv4-options",
    complaint: { type: 12, code: 0, rest: 20 * 0x100_0000 },
  },
  {
    name: "an option cut off after its type",
    rfc: "1812 §5.3.13",
    fields: { options: Uint8Array.of(1, 1, 1, 7) },
    became: "ipv4-options",
    complaint: { type: 12, code: 0, rest: 23 * 0x100_0000 },
  },
  {
    name: "behind the end of options there is nothing",
    rfc: "791",
    fields: { options: Uint8Array.of(0, 7, 0, 0) },
    became: "forwarded",
    leaves: B.slot,
  },
  {
    name: "ping of the gateway",
    rfc: "1812 §4.3.3.6",
    fields: { to: GATEWAY_IPV4, protocol: 1, payload: icmpPayload(8) },
    became: "echo-answered",
  },
  {
    name: "ping with a wrong checksum",
    rfc: "1122 §3.2.2.6",
    fields: { to: GATEWAY_IPV4, protocol: 1, payload: Uint8Array.of(8, 0, 1, 2, 0, 0, 0, 0) },
    became: "to-host",
    leaves: HOST.slot,
  },
  {
    name: "TTL 1 to the gateway is no hop",
    rfc: "1812 §5.3.1",
    fields: { to: GATEWAY_IPV4, ttl: 1, protocol: 1, payload: icmpPayload(8) },
    became: "echo-answered",
  },
  {
    name: "TCP to the gateway is the host's affair",
    rfc: "-",
    fields: { to: GATEWAY_IPV4, protocol: 6, payload: new Uint8Array(20) },
    became: "to-host",
    leaves: HOST.slot,
  },
  { name: "DNS to the gateway", rfc: "-", fields: { to: GATEWAY_IPV4, payload: udpPayload(20, 53) }, became: "control" },
  {
    name: "a fragment of DNS",
    rfc: "-",
    fields: { to: GATEWAY_IPV4, flags: 1, payload: udpPayload(24, 53) },
    became: "to-host",
    leaves: HOST.slot,
  },
  {
    name: "DHCP without an address",
    rfc: "2131 §4.1",
    fields: { source: 0, to: 0xffff_ffff, etherDestination: 0xffff_ffff_ffff, payload: udpPayload(300, 67) },
    became: "control",
  },
  {
    name: "DHCP renewal to the gateway",
    rfc: "2131 §4.3.2",
    fields: { to: GATEWAY_IPV4, payload: udpPayload(300, 67) },
    became: "control",
  },
];

describe("one IPv4 packet", () => {
  for (const row of ROWS) {
    test(`${row.name} (RFC ${row.rfc})`, () => {
      const lab = new ForwardLab();
      const whole = ipv4Frame(row.fields, row.spoil);
      const frame = cutOrPadded(whole, row.trim ?? 0);
      const { sent, counted } = lab.in(row.by ?? A.slot, frame);
      const [became] = Object.keys(counted);
      assert.equal(became, row.became);
      if (row.complaint !== undefined) {
        assert.deepEqual(complaintOf(sent[0].bytes, whole, sent[0].port), row.complaint);
        assert.equal(sent.length, 1);
      } else if (row.leaves !== undefined) {
        assert.deepEqual(
          sent.map(({ port }) => port),
          [row.leaves],
        );
        readIpv4(sent[0].bytes);
      } else {
        assert.equal(sent.length, row.became === "echo-answered" ? 1 : 0);
      }
    });
  }
});

function cutOrPadded(frame: Uint8Array, trim: number): Uint8Array {
  if (trim >= 0) return frame.slice(0, frame.length - trim);
  const padded = new Uint8Array(frame.length - trim).fill(0xee);
  padded.set(frame);
  return padded;
}

/** What an error says; throws where anything in it is not as RFC 1812 §4.3.2 wants it. */
function complaintOf(frame: Uint8Array, original: Uint8Array, port: number): Complaint {
  const packet = readIpv4(frame);
  assert.equal(port, A.slot);
  assert.deepEqual(stationsOf(frame), { from: GATEWAY_MAC, to: A.mac });
  assert.deepEqual([packet.source, packet.destination], [GATEWAY_IPV4, A.ipv4]);
  assert.deepEqual([packet.ttl, packet.protocol, packet.trafficClass], [64, 1, 0xc0]);
  const message = icmpv4.parse(viewOf(packet.payload), 0, packet.payload.length);
  assert.ok(typeof message !== "string", "checksum right");
  const quoted = packet.payload.subarray(8);
  assert.deepEqual(quoted, original.subarray(IP, IP + Math.min(548, original.length - IP)));
  return { type: message.type, code: message.code, ...(message.rest === 0 ? {} : { rest: message.rest }) };
}

describe("a packet on its way", () => {
  test("TTL goes down by one, the checksum with it, and nothing else changes but the stations", () => {
    const lab = new ForwardLab();
    const before = ipv4Frame({ trafficClass: 0xb9 });
    const [{ bytes, port }] = lab.in(A.slot, before).sent;
    assert.equal(port, B.slot);
    assert.deepEqual(stationsOf(bytes), { from: GATEWAY_MAC, to: B.mac });
    assert.deepEqual(readIpv4(bytes), { ...readIpv4(before), ttl: 63 });
    assert.deepEqual(bytes.subarray(IP + 20), before.subarray(IP + 20));
  });

  test("the checksum is right for each TTL and many identifications, the sums that wrap included (RFC 1624 §4)", () => {
    const lab = new ForwardLab();
    for (let identification = 0; identification < 0x1_0000; identification += 0x3f) {
      const ttl = 2 + (identification % 254);
      const [{ bytes }] = lab.in(A.slot, ipv4Frame({ identification, ttl })).sent;
      assert.equal(readIpv4(bytes).ttl, ttl - 1);
    }
    // The sum that an incremental update the wrong way round would write as 0xffff.
    for (let identification = 0; identification < 0x1_0000; identification++) {
      const frame = ipv4Frame({ identification });
      if (viewOf(frame).getUint16(IP + 10) < 0xfe00 && viewOf(frame).getUint16(IP + 10) > 0x200) continue;
      readIpv4(lab.in(A.slot, frame).sent[0].bytes);
    }
  });

  test("a packet through the host's port keeps its TTL: the host counts it", () => {
    const lab = new ForwardLab();
    assert.equal(readIpv4(lab.in(A.slot, ipv4Frame({ to: WORLD_IPV4 })).sent[0].bytes).ttl, 64);
    assert.deepEqual(stationsOf(lab.in(A.slot, ipv4Frame({ to: WORLD_IPV4 })).sent[0].bytes), {
      from: HOST.mac,
      to: HOST.peerMac,
    });
  });

  test("record route gets our address on the way out, and the pointer moves (RFC 791)", () => {
    const lab = new ForwardLab();
    const { options } = readIpv4(lab.in(A.slot, ipv4Frame({ options: recordRoute })).sent[0].bytes);
    assert.deepEqual([...options], [7, 7, 8, 10, 77, 0, 1, 1]);
    const full = Uint8Array.of(7, 7, 8, 1, 2, 3, 4, 0);
    assert.deepEqual(readIpv4(lab.in(A.slot, ipv4Frame({ options: full })).sent[0].bytes).options, full);
  });

  test("timestamps are written where there is room, else counted (RFC 791)", () => {
    const lab = new ForwardLab();
    lab.clock.advance(12_345);
    const empty = Uint8Array.of(68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    const stamped = readIpv4(lab.in(A.slot, ipv4Frame({ options: empty })).sent[0].bytes).options;
    assert.deepEqual([...stamped], [68, 12, 13, 1, 10, 77, 0, 1, 0, 0, 0x30, 0x39]);
    const full = Uint8Array.of(68, 8, 9, 0, 1, 1, 1, 1);
    assert.equal(readIpv4(lab.in(A.slot, ipv4Frame({ options: full })).sent[0].bytes).options[3], 0x10);
    const worn = Uint8Array.of(68, 8, 9, 0xf0, 1, 1, 1, 1);
    assert.deepEqual(readIpv4(lab.in(A.slot, ipv4Frame({ options: worn })).sent[0].bytes).options, worn);
  });

  test("what is too large and may be fragmented leaves in pieces that make the whole again (RFC 791 §3.2)", () => {
    const lab = new ForwardLab();
    const options = Uint8Array.of(148, 4, 0, 0, ...recordRoute);
    const frame = ipv4Frame({ to: NARROW.ipv4, payload: udpPayload(1400), options });
    const { sent, counted } = lab.in(A.slot, frame);
    assert.equal(counted.fragmented, 1);
    assert.deepEqual(
      sent.map(({ port }) => port),
      [NARROW.slot, NARROW.slot, NARROW.slot],
    );
    const pieces = sent.map(({ bytes }) => readIpv4(bytes));
    for (const [index, piece] of pieces.entries()) {
      assert.ok(piece.totalBytes <= 600);
      assert.equal(piece.ttl, 63);
      assert.equal(piece.flags, index === pieces.length - 1 ? 0 : 1);
      assert.equal(piece.identification, 0x1234);
      assert.equal(piece.options[0], 148, "router alert is copied into every piece");
      assert.equal(piece.options[4], index === 0 ? 7 : 1, "record route is in the first only");
    }
    const whole = new Uint8Array(1408);
    for (const piece of pieces) whole.set(piece.payload, piece.fragmentOffsetBytes);
    assert.deepEqual(whole, udpPayload(1400));
  });

  test("a fragment is fragmented further, at its own offset, and only its last piece ends the packet", () => {
    const lab = new ForwardLab();
    const middle = { to: NARROW.ipv4, flags: 1, fragmentOffsetBytes: 1480, payload: new Uint8Array(1000) };
    const { sent } = lab.in(A.slot, ipv4Frame(middle));
    const shape = sent.map(({ bytes }) => readIpv4(bytes)).map(({ flags, fragmentOffsetBytes }) => [flags, fragmentOffsetBytes]);
    assert.deepEqual(shape, [
      [1, 1480],
      [1, 2056],
    ]);
  });

  test("a ping comes back whole, from the address that was asked, options too", () => {
    const lab = new ForwardLab();
    const payload = icmpPayload(
      8,
      0,
      Uint8Array.from({ length: 60 }, (_, index) => index),
    );
    const [{ bytes, port }] = lab.in(A.slot, ipv4Frame({ to: GATEWAY_IPV4, protocol: 1, payload, ttl: 3 })).sent;
    const packet = readIpv4(bytes);
    assert.deepEqual([port, packet.source, packet.destination, packet.ttl], [A.slot, GATEWAY_IPV4, A.ipv4, 64]);
    assert.deepEqual(packet.payload, icmpPayload(0, 0, payload.subarray(4)));
  });

  test("a checksum that was left to us is completed", () => {
    const lab = new ForwardLab();
    const payload = udpPayload(20);
    const frame = ipv4Frame({ payload });
    lab.links.deliver(lab.engine, A.slot, [frame], 1);
    const packet = readIpv4(lab.links.take()[0].bytes);
    const sum = viewOf(packet.payload).getUint16(6);
    assert.notEqual(sum, 0);
    assert.equal(sum, udpChecksum(A, B, payload));
  });

  test("guests that are kept apart are told so; the world is still there", () => {
    const lab = new ForwardLab();
    lab.engine.isolateGuests(true);
    const { sent, counted } = lab.in(A.slot, ipv4Frame());
    assert.deepEqual(counted, { prohibited: 1, "error-sent": 1 });
    assert.deepEqual([...readIpv4(sent[0].bytes).payload.subarray(0, 2)], [3, 13]);
    assert.equal(lab.in(A.slot, ipv4Frame({ to: WORLD_IPV4 })).counted.forwarded, 1);
  });

  test("without a way out the rest of the world is unreachable: network (RFC 1812 §5.2.7.1)", () => {
    const lab = new ForwardLab({ host: false });
    const { sent } = lab.in(A.slot, ipv4Frame({ to: WORLD_IPV4 }));
    assert.deepEqual([...readIpv4(sent[0].bytes).payload.subarray(0, 2)], [3, 0]);
    assert.equal(lab.in(A.slot, ipv4Frame({ to: GATEWAY_IPV4, protocol: 6 })).counted["own-address"], 1);
  });

  test("errors of a port are limited, those of others are not touched by that (RFC 1812 §4.3.2.8)", () => {
    const lab = new ForwardLab({ errors: { burst: 5, perSecond: 10 } });
    const flood = Array.from({ length: 20 }, () => ipv4Frame({ ttl: 1 }));
    const { sent, counted } = lab.in(A.slot, ...flood);
    assert.equal(sent.length, 5);
    assert.deepEqual(counted, { "hops-exceeded": 20, "error-sent": 5, "error-limited": 15 });
    assert.equal(lab.in(B.slot, ipv4Frame({ from: B, to: A.ipv4, ttl: 1 })).sent.length, 1);
    lab.clock.advance(100);
    assert.equal(lab.in(A.slot, ...flood).sent.length, 1);
  });

  test("more errors than there is room for at once leave in several goes, none is lost", () => {
    const lab = new ForwardLab({ errors: { burst: 5000, perSecond: 1 } });
    const flood = Array.from({ length: 1000 }, () => ipv4Frame({ ttl: 1, payload: udpPayload(600) }));
    const { sent } = lab.in(A.slot, ...flood);
    assert.equal(sent.length, 1000);
    for (const { bytes } of sent) readIpv4(bytes);
  });
});

function udpChecksum(from: Station, to: Station, payload: Uint8Array): number {
  const view = viewOf(payload);
  let sum = (from.ipv4 >>> 16) + (from.ipv4 & 0xffff) + (to.ipv4 >>> 16) + (to.ipv4 & 0xffff) + 17 + payload.length;
  for (let at = 0; at < payload.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
