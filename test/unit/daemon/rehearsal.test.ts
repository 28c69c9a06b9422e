import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Clock, systemClock } from "../../../src/base/clock.js";
import { silentLogger } from "../../../src/base/log.js";
import { type KernelParts, openKernel } from "../../../src/daemon/wiring/kernel.js";
import { Rehearsal } from "../../../src/daemon/wiring/rehearsal.js";
import { MemoryStore } from "../../../src/lease/memory-store.js";
import type { LeaseChange } from "../../../src/lease/store.js";

class WatchedStore extends MemoryStore {
  readonly kinds: string[] = [];

  override save(changes: readonly LeaseChange[]): Promise<void> {
    this.kinds.push(...changes.map(({ kind }) => kind));
    return super.save(changes);
  }
}

test("the rehearsal goes the whole way: every exchange binds an address and ends in an ACK, and the store ends as it began", async () => {
  const store = new WatchedStore();
  await withKernel(async (kernel) => {
    const rehearsal = await Rehearsal.begin({ clock: systemClock, kernel, store });
    await rehearsal.close();
    assert.deepEqual(rehearsal.outcome, { acks: 16, bound: 16 });
    assert.deepEqual(store.kinds.slice(0, 2), ["put", "remove"]);
    assert.deepEqual(await store.load(), []);
    assert.deepEqual(await store.history({}), []);
  });
});

test("a store that takes nothing is found before anybody is served", async () => {
  const store = new MemoryStore();
  store.save = () => Promise.reject(new Error("the disk is full"));
  await withKernel(async (kernel) => {
    await assert.rejects(Rehearsal.begin({ clock: systemClock, kernel, store }), /the disk is full/);
  });
});

/** Delays pass at once. */
const hasty: Clock = { ...systemClock, after: (_delayMs, run) => setImmediate(run) };

test("it goes on beside the guests, and ends when there has been enough of it", async () => {
  await withKernel(async (kernel) => {
    const rehearsal = await Rehearsal.begin({ clock: hasty, kernel, store: new MemoryStore() });
    await rehearsal.goOn();
    assert.deepEqual(rehearsal.outcome, { acks: 3216, bound: 3216 });
    await rehearsal.close();
  });
});

test("it ends when guests need the time, and when the daemon does", async () => {
  await withKernel(async (kernel) => {
    let received = 0;
    const frames = {
      rehearse() {},
      get received() {
        received += 10;
        return received;
      },
    };
    const rehearsal = await Rehearsal.begin({ clock: hasty, kernel, store: new MemoryStore(), frames });
    await rehearsal.goOn();
    assert.equal(rehearsal.outcome.acks, 16);
    const other = await Rehearsal.begin({ clock: hasty, kernel, store: new MemoryStore() });
    void other.goOn();
    await other.close();
    assert.equal(other.outcome.acks, 16);
  });
});

async function withKernel(work: (kernel: KernelParts) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "tapnet-test-"));
  const kernel = openKernel(folder, silentLogger);
  try {
    await work(kernel);
  } finally {
    kernel.close();
    rmSync(folder, { recursive: true });
  }
}
