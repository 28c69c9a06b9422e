import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FreeSet } from "../../../src/lease/free-set.js";

/** The first member from `start` on, or again from zero, the slow way. */
function naiveNext(members: ReadonlySet<number>, start: number): number {
  const sorted = [...members].sort((a, b) => a - b);
  return sorted.find((member) => member >= start) ?? sorted[0] ?? -1;
}

test("a free set is a set, with next as a search would find it", () => {
  const operation = fc.tuple(fc.constantFrom("add", "delete", "next"), fc.nat(3000));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.array(operation, { maxLength: 300 }), (size, operations) => {
      const set = new FreeSet(size);
      const model = new Set(Array.from({ length: size }, (_, index) => index));
      if (size > 40) {
        for (let index = 20; index < size; index++) {
          set.delete(index);
          model.delete(index);
        }
      }
      for (const [name, number] of operations) {
        const index = number % size;
        if (name === "add") {
          assert.equal(set.add(index), !model.has(index));
          model.add(index);
        } else if (name === "delete") assert.equal(set.delete(index), model.delete(index));
        else assert.equal(set.next(index), naiveNext(model, index));
        assert.equal(set.count, model.size);
        assert.equal(set.has(index), model.has(index));
      }
    }),
  );
});

test("an empty set has no next", () => {
  const set = new FreeSet(1);
  set.delete(0);
  assert.equal(set.next(0), -1);
  assert.equal(new FreeSet(0).next(0), -1);
});

test("sixteen million numbers are searched as fast as sixteen", () => {
  const size = 1 << 24;
  const set = new FreeSet(size);
  for (let index = 0; index < size; index++) if (index !== 12_345) set.delete(index);
  const started = performance.now();
  for (let round = 0; round < 10_000; round++) assert.equal(set.next((round * 1667) % size), 12_345);
  assert.ok(performance.now() - started < 1000);
});
