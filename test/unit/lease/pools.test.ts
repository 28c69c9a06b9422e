import assert from "node:assert/strict";
import { test } from "node:test";
import { identityHash } from "../../../src/lease/identity-hash.js";
import { mergeRanges, RangePool } from "../../../src/lease/range-pool.js";
import { SparsePool } from "../../../src/lease/sparse-pool.js";

test("identities keep their place: the hash is the same in every version", () => {
  assert.deepEqual(["", "guest:web1", "mac:52:54:00:12:34:56"].map(identityHash), [2_872_998_923, 2_199_065_440, 1_556_698_076]);
});

test("ranges are sorted and joined where they touch", () => {
  const ranges = [
    { first: 30, last: 40 },
    { first: 1, last: 5 },
    { first: 6, last: 9 },
    { first: 35, last: 36 },
  ];
  assert.deepEqual(mergeRanges(ranges), [
    { first: 1, last: 9 },
    { first: 30, last: 40 },
  ]);
});

test("a pool gives every address of its ranges once, and none that is excluded", () => {
  const pool = new RangePool(
    [
      { first: 10, last: 19 },
      { first: 100, last: 104 },
    ],
    [12, 104, 500],
  );
  assert.equal(pool.size, 13);
  const given = new Set<number>();
  for (let number = 0; number < 13; number++) given.add(pool.takeFor(`id:${number}`) ?? -1);
  assert.equal(given.size, 13);
  assert.ok(!given.has(12) && !given.has(104) && !given.has(-1));
  assert.equal(pool.takeFor("id:more"), undefined);
  assert.equal(pool.freeCount, 0);
  pool.give(15);
  assert.equal(pool.takeFor("id:more"), 15);
});

test("an excluded or foreign address is neither taken nor given", () => {
  const pool = new RangePool([{ first: 10, last: 19 }], [12]);
  for (const address of [12, 9, 20, 1n]) {
    assert.equal(pool.contains(address), false);
    assert.equal(pool.take(address), false);
    pool.give(address);
  }
  assert.equal(pool.freeCount, 9);
});

test("an identity gets the same address from an empty pool, on every host", () => {
  const pools = [0, 1].map(() => new RangePool([{ first: 1000, last: 1999 }]));
  assert.equal(pools[0].takeFor("guest:web1"), pools[1].takeFor("guest:web1"));
});

test("sparse pools give addresses and prefixes, stable and apart", () => {
  const prefix = { family: 6, address: 0x2001_0db8n << 96n, prefixLength: 64 } as const;
  const pool = new SparsePool(prefix, 128, [(0x2001_0db8n << 96n) | 5n]);
  const one = pool.takeFor("guest:web1");
  assert.equal(new SparsePool(prefix, 128).takeFor("guest:web1"), one);
  assert.notEqual(pool.takeFor("guest:web1"), one);
  assert.equal(pool.contains(prefix.address), false);
  assert.equal(pool.take((0x2001_0db8n << 96n) | 5n), false);
});

test("a sparse pool of four prefixes gives four, aligned", () => {
  const pool = new SparsePool({ family: 6, address: 0x2001_0db8n << 96n, prefixLength: 54 }, 56);
  const given = new Set([1, 2, 3, 4].map((number) => pool.takeFor(`id:${number}`)));
  assert.equal(given.size, 4);
  assert.equal(pool.takeFor("id:5"), undefined);
  for (const address of given) assert.equal((address ?? 1n) & ((1n << 72n) - 1n), 0n);
  assert.equal(pool.take((0x2001_0db8n << 96n) | 1n), false);
});
