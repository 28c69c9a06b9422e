import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import * as pcapng from "../../../src/wire/pcapng.js";
import { emitBothWays, viewOf } from "../../support/pieces.js";

const record = <Fields>(model: { [Key in keyof Fields]: fc.Arbitrary<Fields[Key]> }): fc.Arbitrary<Fields> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<Fields>;
const bits = (count: number): fc.Arbitrary<number> => fc.nat(2 ** count - 1);
const optional = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> => fc.option(value, { nil: undefined });

/** Codes that have no field of their own. */
const options = fc.array(record({ code: fc.integer({ min: 100, max: 0xffff }), value: fc.uint8Array({ maxLength: 9 }) }), {
  maxLength: 3,
});
const text = optional(fc.string({ unit: "grapheme", maxLength: 8 }).filter((value) => value === Buffer.from(value).toString()));
const timestamp = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const count = fc.nat(2 ** 53 - 1);
const body = fc.nat(5).chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 }));

const block: fc.Arbitrary<pcapng.Block> = fc.oneof(
  record<pcapng.Section>({ kind: fc.constant("section"), application: text, options }),
  record<pcapng.Interface>({
    kind: fc.constant("interface"),
    linkType: bits(16),
    snapBytes: bits(32),
    name: text,
    decimals: optional(fc.nat(127)),
    options,
  }),
  record<pcapng.Packet>({
    kind: fc.constant("packet"),
    interface: bits(32),
    timestamp,
    originalBytes: bits(32),
    direction: fc.constantFrom("in", "out", undefined),
    bytes: fc.uint8Array({ maxLength: 70 }),
    options,
  }),
  record<pcapng.Statistics>({
    kind: fc.constant("statistics"),
    interface: bits(32),
    timestamp,
    received: optional(count),
    dropped: optional(count),
    options,
  }),
  record<pcapng.UnknownBlock>({ kind: fc.constant("unknown"), type: fc.integer({ min: 7, max: 0xffff }), body }),
);

function emitted(value: pcapng.Block): Uint8Array {
  return emitBothWays(pcapng.emittedBytes(value), (view, offset) => pcapng.emit(value, view, offset));
}

describe("pcapng", () => {
  test("what is emitted is parsed as it was", () => {
    fc.assert(
      fc.property(block, (value) => {
        const bytes = emitted(value);
        assert.deepEqual(pcapng.parse(viewOf(bytes), 0, bytes.length), value);
      }),
    );
  });

  test("a frame of a batch is emitted as the same bytes as its packet block", () => {
    const fields = record<pcapng.FrameFields>({
      interface: bits(32),
      seconds: bits(32),
      nanoseconds: fc.nat(999_999_999),
      direction: fc.constantFrom("in", "out"),
      originalBytes: bits(32),
    });
    fc.assert(
      fc.property(fields, fc.uint8Array({ maxLength: 70 }), fc.nat(9), (frame, bytes, offset) => {
        const { seconds, nanoseconds, ...same } = frame;
        const time = { timestamp: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds) };
        const packet = emitted({ kind: "packet", ...same, ...time, bytes, options: [] });
        const source = Uint8Array.from([...new Uint8Array(offset), ...bytes]);
        assert.ok(packet.length <= bytes.length + pcapng.PACKET_OVERHEAD_BYTES);
        const emit = (view: DataView, at: number): number => pcapng.emitFrame(frame, source, offset, bytes.length, view, at);
        assert.deepEqual(emitBothWays(packet.length, emit), packet);
      }),
    );
  });

  test("cut at each offset it is a fault", () => {
    fc.assert(
      fc.property(block, (value) => {
        const bytes = emitted(value);
        for (let length = 0; length < bytes.length; length++) {
          assert.equal(typeof pcapng.parse(viewOf(bytes.subarray(0, length)), 0, length), "string");
        }
      }),
      { numRuns: 30 },
    );
  });

  test("a damaged block is a block or a fault, and a block is written and read as itself", () => {
    fc.assert(
      fc.property(block, fc.array(fc.tuple(fc.nat(80), bits(8)), { maxLength: 4 }), (value, changes) => {
        const bytes = emitted(value);
        for (const [at, octet] of changes) if (at < bytes.length) bytes[at] = octet;
        pcapng.describe(viewOf(bytes), 0, bytes.length);
        const parsed = pcapng.parse(viewOf(bytes), 0, bytes.length);
        if (typeof parsed === "string") return;
        const again = emitted(parsed);
        assert.deepEqual(pcapng.parse(viewOf(again), 0, again.length), parsed);
      }),
      { numRuns: 1000 },
    );
  });
});
