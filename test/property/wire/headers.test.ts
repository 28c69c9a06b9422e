/** What holds for every header codec, whatever the bytes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import * as arp from "../../../src/wire/arp.js";
import * as checksum from "../../../src/wire/checksum.js";
import * as ethernet from "../../../src/wire/ethernet.js";
import * as icmpv4 from "../../../src/wire/icmpv4.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import * as ipv4 from "../../../src/wire/ipv4.js";
import * as ipv6 from "../../../src/wire/ipv6.js";
import * as udp from "../../../src/wire/udp.js";
import { emitBothWays, hexOf, viewOf } from "../../support/pieces.js";

const bits = (count: number): fc.Arbitrary<number> => fc.nat(2 ** count - 1);
const record = <Fields>(model: { [Key in keyof Fields]: fc.Arbitrary<Fields[Key]> }): fc.Arbitrary<Fields> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<Fields>;
const mac = fc.nat(2 ** 48 - 1);
const ipv6Address = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });

interface Codec<Repr> {
  parse(view: DataView, offset: number, length: number): Repr | string;
  emit(repr: Repr, view: DataView, offset: number): number;
  describe(view: DataView, offset: number, length: number): string;
}

/** `room`: bytes to parse from, header and what it counts. */
function laws<Repr>(
  name: string,
  codec: Codec<Repr>,
  repr: fc.Arbitrary<Repr>,
  headerBytes: (r: Repr) => number,
  room: (r: Repr) => number,
): void {
  describe(name, () => {
    test("what is emitted is parsed as it was, and emitted bytes are those promised, on any ground", () => {
      fc.assert(
        fc.property(repr, (value) => {
          const header = emitBothWays(headerBytes(value), (view, offset) => codec.emit(value, view, offset));
          const bytes = new Uint8Array(room(value));
          bytes.set(header);
          assert.deepEqual(codec.parse(viewOf(bytes), 0, bytes.length), value);
        }),
      );
    });

    test("cut at each offset it is a fault, never an exception", () => {
      fc.assert(
        fc.property(repr, (value) => {
          const bytes = new Uint8Array(headerBytes(value));
          codec.emit(value, viewOf(bytes), 0);
          for (let length = 0; length < bytes.length; length++) {
            assert.equal(typeof codec.parse(viewOf(bytes.subarray(0, length)), 0, length), "string");
            assert.equal(typeof codec.describe(viewOf(bytes.subarray(0, length)), 0, length), "string");
          }
        }),
        { numRuns: 30 },
      );
    });

    test("any bytes are a value or a fault; a value is emitted and parsed again as itself", () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
          codec.describe(viewOf(bytes), 0, bytes.length);
          const value = codec.parse(viewOf(bytes), 0, bytes.length);
          if (typeof value === "string") return;
          const again = bytes.slice();
          codec.emit(value, viewOf(again), 0);
          assert.deepEqual(codec.parse(viewOf(again), 0, again.length), value);
        }),
        { numRuns: 500 },
      );
    });
  });
}

const tag = fc.option(record({ priority: bits(3), dropEligible: fc.boolean(), id: bits(12) }), { nil: undefined });
const type = bits(16).filter((value) => value !== ethernet.ETHERTYPE.vlan);
laws("Ethernet", ethernet, record({ destination: mac, source: mac, tag, type }), ethernet.emittedBytes, ethernet.emittedBytes);

const arpRepr = record({
  operation: bits(16),
  senderMac: mac,
  senderAddress: bits(32),
  targetMac: mac,
  targetAddress: bits(32),
});
laws<arp.Arp>(
  "ARP",
  arp,
  arpRepr,
  () => arp.HEADER_BYTES,
  () => arp.HEADER_BYTES,
);

const ipv4Repr = record({
  trafficClass: bits(8),
  payload: fc.nat(100),
  identification: bits(16),
  flags: bits(3),
  fragmentOffset: bits(13),
  ttl: bits(8),
  protocol: bits(8),
  source: bits(32),
  destination: bits(32),
  options: fc.nat(10).chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })),
}).map(({ payload, fragmentOffset, ...rest }): ipv4.Ipv4 => {
  return { ...rest, totalBytes: ipv4.HEADER_BYTES + rest.options.length + payload, fragmentOffsetBytes: fragmentOffset * 8 };
});
laws("IPv4", ipv4, ipv4Repr, ipv4.emittedBytes, (value) => value.totalBytes);

const ipv6Repr = record({
  trafficClass: bits(8),
  flowLabel: bits(20),
  payloadBytes: fc.nat(100),
  nextHeader: bits(8),
  hopLimit: bits(8),
  source: ipv6Address,
  destination: ipv6Address,
});
laws<ipv6.Ipv6>(
  "IPv6",
  ipv6,
  ipv6Repr,
  () => ipv6.HEADER_BYTES,
  (value) => ipv6.HEADER_BYTES + value.payloadBytes,
);

const udpRepr = record({
  source: bits(16),
  destination: bits(16),
  lengthBytes: fc.integer({ min: 8, max: 200 }),
  checksum: bits(16),
});
laws<udp.Udp>(
  "UDP",
  udp,
  udpRepr,
  () => udp.HEADER_BYTES,
  (value) => value.lengthBytes,
);

const icmpv6Repr = record({ type: bits(8), code: bits(8), checksum: bits(16) });
laws<icmpv6.Icmpv6>(
  "ICMPv6",
  icmpv6,
  icmpv6Repr,
  () => icmpv6.HEADER_BYTES,
  () => icmpv6.HEADER_BYTES,
);

/** A header alone is a whole message, so its checksum follows from the rest. */
const icmpv4Repr = record({ type: bits(8), code: bits(8), rest: bits(32) }).map((fields): icmpv4.Icmpv4 => {
  const bytes = new Uint8Array(icmpv4.HEADER_BYTES);
  icmpv4.emit({ ...fields, checksum: 0 }, viewOf(bytes), 0);
  return { ...fields, checksum: checksum.checksum(viewOf(bytes), 0, bytes.length) };
});
laws(
  "ICMP",
  icmpv4,
  icmpv4Repr,
  () => icmpv4.HEADER_BYTES,
  () => icmpv4.HEADER_BYTES,
);

describe("the walk over IPv6 extension headers", () => {
  test("any bytes are a place within the packet, or a fault", () => {
    const extension = fc.constantFrom(0, 43, 44, 51, 60, 17, 58, 59);
    fc.assert(
      fc.property(
        extension,
        fc.uint8Array({ maxLength: 120 }),
        fc.array(fc.tuple(fc.nat(119), extension)),
        (first, behind, hints) => {
          for (const [at, next] of hints) if (at < behind.length) behind[at] = next;
          const bytes = Uint8Array.from([0x60, 0, 0, 0, 0, behind.length, first, 64, ...new Uint8Array(32), ...behind]);
          const extensions = new ipv6.ExtensionWalk();
          if (extensions.walk(viewOf(bytes), 0) !== undefined) return;
          assert.ok(extensions.length >= 0 && extensions.offset + extensions.length === bytes.length, hexOf(bytes));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
