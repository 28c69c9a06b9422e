/** The book's laws, and the group commit under it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { silentLogger } from "../../../src/base/log.js";
import type { LeaseEvent } from "../../../src/lease/events.js";
import { MemoryStore } from "../../../src/lease/memory-store.js";
import type { LeaseChange } from "../../../src/lease/store.js";
import { withResolvers } from "../../support/frames.js";
import { BookLab, leaseOf, sorted } from "../../support/leases.js";

/** A store whose saves end when, and as, the test says. */
class SlowStore extends MemoryStore {
  readonly waiting: { changes: readonly LeaseChange[]; done: () => Promise<void>; fail: () => Promise<void> }[] = [];

  override async save(changes: readonly LeaseChange[]): Promise<void> {
    const { promise, resolve, reject } = withResolvers();
    const settle = async (how: () => void): Promise<void> => {
      this.waiting.shift();
      how();
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    };
    this.waiting.push({ changes, done: () => settle(resolve), fail: () => settle(() => reject(new Error("no"))) });
    await promise;
    await super.save(changes);
  }
}

test("laws: one owner per address, one lease per identity, pool and book agree", () => {
  const client = fc.nat(14).map((number) => `mac:${number}`);
  const act = fc.oneof(
    fc.record({ name: fc.constantFrom("offer", "bind", "release", "decline", "withdraw"), client }),
    fc.record({ name: fc.constant("wait"), client, ms: fc.constantFrom(500, 10_000, 61_000, 3_700_000) }),
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 200 }), (acts) => {
      const lab = new BookLab({ size: 8 });
      for (const each of acts) {
        const lease = lab.book.find(each.client) ?? lab.book.findOffer(each.client);
        if (each.name === "offer") lab.book.offer(each.client, undefined, 60_000);
        else if (each.name === "bind") lab.bind(each.client);
        else if (each.name === "release" && lease !== undefined) lab.book.release(lease);
        else if (each.name === "decline" && lease !== undefined && lease.state !== "declined") lab.book.decline(lease, 100_000);
        else if (each.name === "withdraw") lab.book.withdraw(each.client);
        else if ("ms" in each) lab.clock.advance(each.ms);
        checkLaws(lab);
      }
    }),
    { numRuns: 300 },
  );
});

function checkLaws(lab: BookLab): void {
  const leases = [...lab.book.leases()];
  const addresses = new Set(leases.map((lease) => lease.address));
  assert.equal(addresses.size, leases.length);
  assert.equal(lab.pool.freeCount, lab.pool.size - leases.length);
  const bound = leases.filter((lease) => lease.state === "bound");
  assert.equal(new Set(bound.map((lease) => lease.identity)).size, bound.length);
  const { bound: boundCount, offered, ended, declined } = lab.book.counts();
  assert.equal(boundCount + offered + ended + declined, leases.length);
  assert.equal(boundCount, bound.length);
  assert.ok(declined <= 4);
}

test("an address comes back to its identity until others need it, oldest first", () => {
  const lab = new BookLab({ size: 3 });
  const addresses = ["a", "b", "c"].map((identity) => {
    lab.clock.advance(1000);
    return lab.bind(identity, 10_000);
  });
  lab.clock.advance(60_000);
  assert.equal(lab.book.counts().ended, 3);
  assert.equal(lab.bind("b"), addresses[1]);
  assert.equal(lab.bind("d"), addresses[0]);
  assert.equal(lab.bind("c"), addresses[2]);
  assert.equal(lab.bind("a"), undefined);
});

test("of offers that nobody takes up, 65,536 are held; the oldest goes, and leases are not touched", () => {
  const lab = new BookLab({ size: 100_000 });
  const kept = lab.bind("a client", 3600);
  const first = lab.book.offer("flood-0", undefined, 60_000)?.address;
  for (let number = 1; number < 80_000; number++) lab.book.offer(`flood-${number}`, undefined, 60_000);
  assert.deepEqual(lab.book.counts(), { bound: 1, offered: 65_536, ended: 0, declined: 0 });
  assert.equal(lab.pool.freeCount, 100_000 - 65_537);
  assert.equal(lab.book.findOffer("flood-0"), undefined);
  assert.notEqual(lab.book.findOffer("flood-79999"), undefined);
  assert.equal(lab.book.find("a client")?.address, kept);
  assert.equal(lab.book.claim("flood-0", first ?? 0, 1000)?.address, first);
  checkLaws(lab);
});

test("leases without end stay", () => {
  const lab = new BookLab();
  lab.bind("a", Number.POSITIVE_INFINITY);
  lab.clock.advance(1e12);
  assert.equal(lab.book.find("a")?.state, "bound");
});

test("what is staged while a save is under way goes into the next one, all together", async () => {
  const store = new SlowStore();
  const lab = new BookLab({ size: 100, store });
  lab.bind("a");
  const first = lab.commit.commit();
  for (let number = 0; number < 50; number++) lab.bind(`id:${number}`);
  const second = lab.commit.commit();
  assert.equal(store.waiting.length, 1);
  await store.waiting[0].done();
  await first;
  assert.equal(store.waiting.length, 1);
  assert.equal(store.waiting[0].changes.length, 50);
  await store.waiting[0].done();
  await second;
  assert.equal(lab.told.length, 51);
});

test("two changes of one lease are one in the save", async () => {
  const lab = new BookLab();
  lab.bind("a");
  lab.bind("a");
  await lab.commit.commit();
  assert.equal((await lab.store.load()).length, 1);
});

test("a failed save takes back the promise, also when the lease was renewed meanwhile only by that save", async () => {
  const store = new SlowStore();
  const lab = new BookLab({ store });
  lab.bind("a");
  const failed = lab.commit.commit();
  await assert.rejects(Promise.all([failed, store.waiting[0].fail()]), { code: "LEASE_SAVE" });
  assert.equal(lab.book.find("a"), undefined);
  assert.equal(lab.book.findOffer("a")?.state, "offered");
  assert.deepEqual(
    lab.told.map((event) => (event.kind === "bound" ? event.kind : event.reason)),
    ["bound", "unsaved"],
  );
  lab.clock.advance(11_000);
  assert.equal(lab.pool.freeCount, 10);
});

test("listeners are told while the disk writes, and nobody else before both are done", async () => {
  const store = new SlowStore();
  const applied = withResolvers();
  const told: LeaseEvent[] = [];
  const apply = (events: readonly LeaseEvent[]): Promise<void> => {
    told.push(...events);
    return applied.promise;
  };
  const lab = new BookLab({ store, events: { apply } });
  lab.bind("a");
  let isDone = false;
  const done = (async (): Promise<void> => {
    await lab.commit.commit();
    isDone = true;
  })();
  assert.equal(told.length, 1);
  await store.waiting[0].done();
  assert.equal(isDone, false);
  applied.resolve();
  await done;
  assert.equal(isDone, true);
});

test("laws: whatever saves fail, listeners know in the end who is bound, and with which MAC address", async () => {
  const client = fc.nat(5).map((number) => `mac:${number}`);
  const act = fc.oneof(
    fc.record({ name: fc.constant("bind"), client, mac: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ name: fc.constantFrom("release", "decline"), client }),
    fc.record({ name: fc.constant("wait"), ms: fc.constantFrom(500, 11_000, 3_700_000) }),
    fc.record({ name: fc.constant("commit"), fails: fc.boolean(), waits: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
      const store = new SlowStore();
      const lab = new BookLab({ size: 4, store });
      const settle = async (fails: boolean): Promise<void> => {
        const [save] = store.waiting;
        await (fails ? save?.fail() : save?.done());
      };
      for (const each of acts) {
        if ("mac" in each) {
          const lease = lab.book.offer(each.client, undefined, 60_000);
          const facts = { mac: each.mac, clientId: "", hostname: "", ifindex: 7 };
          if (lease !== undefined) lab.book.bind(lease, facts, 3_600_000);
        } else if ("client" in each) {
          const lease = lab.book.find(each.client);
          if (lease === undefined || lease.state === "declined") continue;
          if (each.name === "release") lab.book.release(lease);
          else lab.book.decline(lease, 100_000);
        } else if ("ms" in each) {
          lab.clock.advance(each.ms);
        } else {
          lab.commit.commit()?.catch(() => undefined);
          if (!each.waits) await settle(each.fails);
        }
      }
      for (let turn = 0; turn < 20; turn++) {
        lab.commit.commit()?.catch(() => undefined);
        await settle(false);
      }
      const known = new Map<unknown, number>();
      for (const event of lab.told) {
        if (event.kind === "bound") known.set(event.lease.address, event.lease.mac);
        else known.delete(event.lease.address);
      }
      const bound = [...lab.book.leases()].filter((lease) => lease.state === "bound");
      assert.deepEqual(known, new Map(bound.map((lease) => [lease.address, lease.record?.mac])));
    }),
    { numRuns: 500 },
  );
});

test("a renewal that was not saved goes back to what was saved before, for listeners too", async () => {
  const store = new SlowStore();
  const lab = new BookLab({ store });
  lab.bind("a");
  const first = lab.commit.commit();
  await store.waiting[0].done();
  await first;
  const lease = lab.book.find("a");
  assert.ok(lease !== undefined);
  lab.book.bind(lease, { mac: 2, clientId: "", hostname: "other", ifindex: 7 }, 3_600_000);
  const second = lab.commit.commit();
  await assert.rejects(Promise.all([second, store.waiting[0].fail()]), { code: "LEASE_SAVE" });
  assert.equal(lab.book.find("a")?.record?.mac, 1);
  assert.deepEqual(
    lab.told.map((event) => [event.kind, event.lease.mac, event.kind === "bound" ? event.previous?.mac : undefined]),
    [
      ["bound", 1, undefined],
      ["bound", 2, 1],
      ["bound", 1, 2],
    ],
  );
});

test("a later save keeps what it has saved, whatever became of an earlier one", async () => {
  const store = new SlowStore();
  const lab = new BookLab({ store });
  lab.bind("a");
  const first = lab.commit.commit();
  lab.clock.advance(1000);
  lab.bind("a");
  const second = lab.commit.commit();
  await assert.rejects(Promise.all([first, store.waiting[0].fail()]));
  assert.equal(lab.book.find("a")?.state, "bound");
  await store.waiting[0].done();
  await second;
  assert.equal(lab.book.find("a")?.state, "bound");
  assert.equal((await store.load()).length, 1);
});

test("a release that was not saved stands, and is saved later", async () => {
  const store = new SlowStore();
  const lab = new BookLab({ store });
  lab.bind("a");
  const bound = lab.commit.commit();
  await store.waiting[0].done();
  await bound;
  const lease = lab.book.find("a");
  assert.ok(lease !== undefined);
  lab.book.release(lease);
  const failed = lab.commit.commit();
  await assert.rejects(Promise.all([failed, store.waiting[0].fail()]));
  assert.equal(lab.book.find("a")?.state, "released");
  lab.clock.advance(1001);
  await store.waiting[0].done();
  assert.equal((await store.load())[0].state, "released");
  assert.equal((await store.history({})).length, 1);
});

test("listeners that fail take every lease of the call back, also on disk", async () => {
  let isBroken = true;
  const told: LeaseEvent[] = [];
  const apply = (events: readonly LeaseEvent[]): Promise<void> => {
    if (isBroken) return Promise.reject(new Error("no kernel"));
    told.push(...events);
    return Promise.resolve();
  };
  const lab = new BookLab({ events: { apply } });
  lab.bind("a");
  await assert.rejects(async () => lab.commit.commit(), { code: "LEASE_SAVE" });
  assert.equal(lab.book.find("a"), undefined);
  isBroken = false;
  await lab.commit.drain();
  assert.deepEqual(await lab.store.load(), []);
  lab.bind("a");
  await lab.commit.commit();
  assert.deepEqual(
    told.map(({ kind }) => kind),
    ["unbound", "bound"],
  );
});

test("listeners that refuse to hear of what was taken back are told of", async () => {
  const errors: string[] = [];
  const log = { ...silentLogger, error: (_fields: object, message: string) => void errors.push(message) };
  const apply = (events: readonly LeaseEvent[]): Promise<void> =>
    events.some(({ kind }) => kind === "unbound") ? Promise.reject(new Error("no kernel")) : Promise.resolve();
  const store = new SlowStore();
  const lab = new BookLab({ store, events: { apply }, log });
  lab.bind("a");
  const failed = lab.commit.commit();
  await assert.rejects(Promise.all([failed, store.waiting[0].fail()]), { code: "LEASE_SAVE" });
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  assert.deepEqual(errors, [
    "leases were not saved, so no ACK was sent: no",
    "leases that were not saved are not all unbound again: no kernel",
  ]);
});

test("an address that changed hands is not removed from the store by its former owner", async () => {
  const lab = new BookLab({ size: 1 });
  lab.bind("a", 1000);
  await lab.commit.commit();
  lab.clock.advance(60_000);
  lab.bind("b");
  await lab.commit.drain();
  assert.deepEqual(
    (await lab.store.load()).map(({ identity, state }) => [identity, state]),
    [["b", "bound"]],
  );
});

test("loading: bound leases stay, late ones are expired, of two of one client the later counts", async () => {
  const lab = new BookLab({ size: 100 });
  lab.clock.advance(100_000);
  const nowMs = lab.clock.nowMs();
  lab.book.load([
    leaseOf(1),
    leaseOf(2, { expiresAtMs: nowMs - 1 }),
    leaseOf(3, { identity: "id:same" }),
    leaseOf(4, { identity: "id:same" }),
    leaseOf(5, { state: "declined" }),
    leaseOf(6, { network: "other" }),
    leaseOf(7, { state: "declined", expiresAtMs: nowMs - 1 }),
    leaseOf(8, { state: "released" }),
  ]);
  assert.deepEqual(lab.book.counts(), { bound: 2, offered: 0, ended: 2, declined: 1 });
  assert.equal(lab.book.find("id:same")?.address, leaseOf(4).address);
  assert.equal(lab.pool.freeCount, 95);
  await lab.commit.drain();
  assert.deepEqual(
    (await lab.store.history({})).map(({ lease }) => Number(lease.address)).sort((a, b) => a - b),
    [leaseOf(2).address, leaseOf(3).address],
  );
});

test("a clock that was set back does not make a stored lease longer", () => {
  const lab = new BookLab({ size: 100 });
  const later = lab.clock.nowMs() + 1_000_000_000;
  lab.book.load([leaseOf(1, { boundAtMs: later, renewedAtMs: later, expiresAtMs: later + 3_600_000 })]);
  assert.equal(lab.book.find(leaseOf(1).identity)?.untilMs, lab.clock.nowMs() + 3_600_000);
});

test("an imported lease is taken over and stored, unless somebody has its address", async () => {
  const lab = new BookLab({ size: 100 });
  lab.bind("id:other");
  const taken = Number(lab.book.find("id:other")?.address);
  assert.equal(lab.book.take(leaseOf(1)), taken !== leaseOf(1).address);
  assert.equal(lab.book.take(leaseOf(1, { address: taken, identity: "id:new" })), false);
  await lab.commit.drain();
  assert.ok(sorted(await lab.store.load()).some(({ identity }) => identity === leaseOf(1).identity));
});

test("50,000 leases are bound, found and renewed as fast as a few", async () => {
  const lab = new BookLab({ size: 60_000 });
  const time = (count: number, from: number): number => {
    const started = performance.now();
    for (let number = from; number < from + count; number++) lab.bind(`mac:${number}`);
    return (performance.now() - started) / count;
  };
  time(2000, 0);
  const early = time(2000, 2000);
  time(44_000, 4000);
  const late = time(2000, 48_000);
  assert.ok(late < early * 10 + 0.02, `${late} ms against ${early} ms a lease`);
  await lab.commit.commit();
  assert.equal((await lab.store.load()).length, 50_000);
});
