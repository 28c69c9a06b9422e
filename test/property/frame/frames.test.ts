/** What holds for every frame on its way in, through the filter, and out. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { SendBatch } from "../../../src/frame/batch.js";
import { Classifier, FRAME_KIND } from "../../../src/frame/classify.js";
import * as compose from "../../../src/frame/compose.js";
import { type Datagram, Reply } from "../../../src/frame/datagram.js";
import { controlFilter, type FilterBindings } from "../../../src/frame/filter.js";
import type { Link } from "../../../src/frame/link.js";
import * as checksum from "../../../src/wire/checksum.js";
import type { VlanTag } from "../../../src/wire/ethernet.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import { runBpf } from "../../support/bpf.js";
import {
  icmpv6Frame,
  PORT,
  PORT_LINK_LOCAL,
  readUdpFrame,
  receive,
  tableOf,
  udpv4Frame,
  udpv6Frame,
} from "../../support/frames.js";

const BINDINGS: FilterBindings = {
  datagrams: [
    { family: 4, port: 67, reach: "link" },
    { family: 4, port: 53, reach: "gateway" },
    { family: 6, port: 547, reach: "link" },
    { family: 6, port: 53, reach: "gateway" },
  ],
  packets: [{ message: "routerSolicitation" }, { message: "neighbourSolicitation" }, { message: "arp" }],
};

const ALL_SERVERS = (0xff02n << 112n) | 0x1_0002n;

const some = <Value>(...values: Value[]): fc.Arbitrary<Value> => fc.constantFrom(...values);
const optional = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> => fc.option(value, { nil: undefined });
/** The usual value in four of five cases, so that most frames are wanted by somebody. */
const mostly = <Value>(usual: fc.Arbitrary<Value>, ...others: Value[]): fc.Arbitrary<Value> =>
  fc.oneof({ arbitrary: usual, weight: 4 }, { arbitrary: some(...others), weight: 1 });
const stations = mostly(some(PORT.gatewayMac, 0xffff_ffff_ffff, 0x3333_0001_0002), 0x5254_0000_0009);
const ports = mostly(some(53, 67, 547), 69, 0, 1234);
const tags = mostly(
  fc.constant<VlanTag | undefined>(undefined),
  ...[0, 0, 5].map((id) => ({ priority: 3, dropEligible: false, id })),
);
const payload = fc.uint8Array({ maxLength: 60 });

const udpFields = fc.record({
  etherDestination: stations,
  tag: tags,
  source: mostly(some(68, 5353), 0),
  destination: ports,
  payload,
});
const udpv4 = fc
  .record({
    fields: udpFields,
    ipSource: mostly(some(0, 0x0a4d_0002), 0x7f00_0001),
    ipDestination: mostly(some(PORT.gatewayIpv4, 0xffff_ffff), 0x0808_0808, 0),
    options: fc.nat(10).map((words) => new Uint8Array(words * 4)),
    flags: mostly(some(0, 2), 1),
    checksum: mostly(some<number | undefined>(undefined, 0), 1),
  })
  .map(({ fields, checksum: fixed, ...rest }) =>
    udpv4Frame({ ...fields, ...rest, ...(fixed === undefined ? {} : { checksum: fixed }) }),
  );

const extensions = optional(
  mostly(some(0, 60, 43), 44, 51).chain((first) =>
    some(17, 58, 60).map((next) => ({ first, bytes: Uint8Array.of(next, 0, 0, 0, 0, 0, 0, 0) })),
  ),
);
const destinations = mostly(some(PORT.gatewayIpv6, PORT_LINK_LOCAL, ALL_SERVERS), (0x2001_0db8n << 96n) | 9n, 0n);
const udpv6 = fc
  .record({ fields: udpFields, ipv6Destination: destinations, extension: extensions })
  .map(({ fields, ipv6Destination, extension }) =>
    udpv6Frame({ ...fields, ipv6Destination, ...(extension && { extensions: extension }) }),
  );
const messages = fc
  .record({
    type: some(133, 134, 135, 136, 128, 143),
    hopLimit: mostly(fc.constant(255), 64, 1),
    ipv6Destination: destinations,
    etherDestination: stations,
  })
  .map((fields) => icmpv6Frame(fields));

/** Mostly right, with a few bytes changed: what gets deepest into the checks. */
const damaged = fc
  .tuple(fc.oneof(udpv4, udpv6, messages), fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 3 }), fc.nat(20))
  .map(([frame, changes, cut]) => {
    const copy = frame.slice(0, frame.length - (cut > 15 ? cut : 0));
    for (const [at, octet] of changes) if (at < copy.length) copy[at] = octet;
    return copy;
  });
const anyFrame = fc.oneof(udpv4, udpv6, messages, damaged, fc.uint8Array({ maxLength: 200 }));

/** Whether some bound service would be called, by the dispatcher's rules. */
function isWanted(classifier: Classifier, kind: number): boolean {
  if (kind === FRAME_KIND.arp) return true;
  if (kind === FRAME_KIND.icmpv6) {
    const type = icmpv6.type(classifier.packet.view, classifier.packet.payloadOffset);
    return type === icmpv6.TYPE.routerSolicitation || type === icmpv6.TYPE.neighbourSolicitation;
  }
  return kind === FRAME_KIND.datagram && BINDINGS.datagrams.some((binding) => isBound(binding, classifier.datagram));
}

function isBound(binding: FilterBindings["datagrams"][number], datagram: Datagram): boolean {
  if (binding.family !== datagram.ipVersion || binding.port !== datagram.udpDestination) return false;
  if (binding.reach === "link") return true;
  if (datagram.ipVersion === 4) return datagram.ipDestination !== 0xffff_ffff;
  return datagram.bytes[datagram.ipv6DestinationOffset] !== 0xff;
}

describe("a frame on its way in", () => {
  test("is a kind or one counted drop, never an exception, and what is found lies within the frame", () => {
    const classifier = new Classifier(tableOf(PORT));
    let before = 0;
    fc.assert(
      fc.property(anyFrame, fc.nat(1), (frame, flags) => {
        const kind = classifier.classify(receive([frame], 0, flags), 0);
        const drops = classifier.drops.values.reduce((sum, count) => sum + count, 0);
        assert.equal(drops - before, kind === FRAME_KIND.dropped ? 1 : 0);
        before = drops;
        if (kind === FRAME_KIND.dropped) return;
        const { payloadOffset, payloadLength } = kind === FRAME_KIND.datagram ? classifier.datagram : classifier.packet;
        assert.ok(payloadOffset >= 14 + 20 || kind === FRAME_KIND.arp);
        assert.ok(payloadLength >= 0 && payloadOffset + payloadLength <= frame.length);
      }),
      { numRuns: 3000 },
    );
  });

  test("cut at any offset it is never a datagram of the same length", () => {
    const classifier = new Classifier(tableOf(PORT));
    fc.assert(
      fc.property(fc.oneof(udpv4, udpv6), (frame) => {
        for (let length = 0; length < frame.length; length++) {
          assert.equal(classifier.classify(receive([frame.subarray(0, length)]), 0), FRAME_KIND.dropped);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("passes the kernel's filter if a service would get it", () => {
    const links: Link[] = [PORT, { ...PORT, gatewayIpv6: 0n }, { ...PORT, gatewayIpv4: 0 }];
    const setUps = links.map((link) => ({ classifier: new Classifier(tableOf(link)), program: controlFilter(link, BINDINGS) }));
    let wanted = 0;
    fc.assert(
      fc.property(fc.constantFrom(...setUps), anyFrame, ({ classifier, program }, frame) => {
        const kind = classifier.classify(receive([frame]), 0);
        if (!isWanted(classifier, kind)) return;
        wanted++;
        assert.ok(runBpf(program, frame) >= frame.length);
      }),
      { numRuns: 6000 },
    );
    assert.ok(wanted > 200, `only ${wanted} frames were wanted: the property saw nothing`);
  });
});

describe("a reply on its way out", () => {
  const reply = fc.record({
    over: some(4, 6),
    payload: fc.uint8Array({ maxLength: 1452 }),
    addresses: fc.tuple(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff)),
    udpSource: fc.nat(0xffff),
    udpDestination: fc.nat(0xffff),
    dirt: fc.nat(255),
  });

  test("carries what the service wrote, with right checksums, whatever was in the row before", () => {
    fc.assert(
      fc.property(reply, (fields) => {
        const batch = new SendBatch(1);
        batch.bytes.fill(fields.dirt);
        const out = new Reply();
        compose.pointAt(out, batch, 1452);
        out.bytes.set(fields.payload, out.payloadOffset);
        out.payloadLength = fields.payload.length;
        [out.ipSource, out.ipDestination] = fields.addresses;
        out.udpSource = fields.udpSource;
        out.udpDestination = fields.udpDestination;
        if (fields.over === 4) compose.composeUdpv4(out, batch);
        else compose.composeUdpv6(out, batch);
        const frame = batch.bytes.subarray(batch.offset[0], batch.offset[0] + batch.length[0]);
        const read = readUdpFrame(frame);
        assert.deepEqual(read.payload, fields.payload);
        assert.deepEqual([read.udp.source, read.udp.destination], [fields.udpSource, fields.udpDestination]);
        assert.notEqual(read.udp.checksum, 0);
        if (fields.over === 4) assert.ok(checksum.verify(new DataView(frame.slice(14, 34).buffer), 0, 20));
      }),
      { numRuns: 300 },
    );
  });
});
