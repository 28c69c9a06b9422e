import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { EndReason, LeaseRecord, StoredState } from "../../../src/lease/lease.js";
import { leaseFromJson, leaseToJson, tenureFromJson, tenureToJson } from "../../../src/lease/lease-json.js";
import { ChangeReader, ChangeWriter } from "../../../src/lease/record-codec.js";
import type { LeaseChange } from "../../../src/lease/store.js";

const text = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: "grapheme", maxLength }).map((each) => each.replaceAll("\0", ""));
const time = fc.nat(4_000_000_000_000);
const key = fc.oneof(
  fc.record({
    family: fc.constant(4 as const),
    kind: fc.constant("address" as const),
    address: fc.nat(0xffff_ffff),
    prefixLength: fc.constant(32),
  }),
  fc.record({
    family: fc.constant(6 as const),
    kind: fc.constantFrom("address" as const, "prefix" as const),
    address: fc.bigInt(0n, (1n << 128n) - 1n),
    prefixLength: fc.constantFrom(56, 64, 128),
  }),
);
const record: fc.Arbitrary<LeaseRecord> = fc
  .tuple(
    key,
    fc.record({
      network: text(20),
      identity: text(80),
      state: fc.constantFrom<StoredState>("bound", "released", "expired", "declined"),
      mac: fc.nat(0xffff_ffff_ffff),
      clientId: text(40),
      hostname: text(63),
      boundAtMs: time,
      renewedAtMs: time,
      expiresAtMs: fc.oneof(time, fc.constant(Number.POSITIVE_INFINITY)),
    }),
  )
  .map(([where, what]) => ({ ...where, ...what }));
const reason = fc.constantFrom<EndReason>("released", "expired", "declined", "reassigned", "removed");
const change: fc.Arbitrary<LeaseChange> = fc.oneof(
  record.map((lease): LeaseChange => ({ kind: "put", lease })),
  record.map(({ network, family, kind, address, prefixLength }): LeaseChange => {
    return { kind: "remove", lease: { network, family, kind, address, prefixLength } };
  }),
  fc.record({ lease: record, endedAtMs: time, reason }).map((tenure): LeaseChange => ({ kind: "ended", tenure: { ...tenure } })),
);

function write(changes: readonly LeaseChange[], room = 0): Uint8Array {
  const writer = new ChangeWriter();
  writer.reset(room);
  for (const each of changes) writer.write(each);
  return Uint8Array.from(writer.written);
}

function read(bytes: Uint8Array, start = 0): { changes: LeaseChange[]; isBroken: boolean } {
  const reader = new ChangeReader(bytes, start);
  const changes: LeaseChange[] = [];
  for (let each = reader.next(); each !== undefined; each = reader.next()) changes.push(each);
  return { changes, isBroken: reader.isBroken };
}

test("changes come out as they went in", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), fc.nat(40), (changes, room) => {
      assert.deepEqual(read(write(changes, room), room), { changes, isBroken: false });
    }),
  );
});

test("bytes cut at any place give the changes before it, and say that they are cut", () => {
  fc.assert(
    fc.property(change, change, (one, two) => {
      const whole = write([one, two]);
      const border = write([one]).length;
      for (let length = 0; length < whole.length; length++) {
        const { changes, isBroken } = read(whole.subarray(0, length));
        assert.equal(changes.length, length < border ? 0 : 1);
        assert.equal(isBroken, length !== 0 && length !== border);
      }
    }),
    { numRuns: 30 },
  );
});

test("any bytes are read to an end", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void read(bytes)));
});

test("leases survive JSON, to the millisecond", () => {
  fc.assert(
    fc.property(record, time, reason, (lease, endedAtMs, why) => {
      if (lease.network === "" || lease.identity === "") return;
      const normal =
        lease.kind === "prefix" || lease.prefixLength === 128 || lease.family === 4 ? lease : { ...lease, prefixLength: 128 };
      assert.deepEqual(leaseFromJson(JSON.parse(JSON.stringify(leaseToJson(normal)))), normal);
      const tenure = { lease: normal, endedAtMs, reason: why };
      assert.deepEqual(tenureFromJson(JSON.parse(JSON.stringify(tenureToJson(tenure)))), tenure);
    }),
  );
});
