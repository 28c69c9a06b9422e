import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.js";
import { silentLogger } from "../../../src/base/log.js";
import { openKernel } from "../../../src/daemon/wiring/kernel.js";
import { rehearse } from "../../../src/daemon/wiring/rehearsal.js";
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
  const folder = mkdtempSync(join(tmpdir(), "tapnet-test-"));
  const kernel = openKernel(folder, silentLogger);
  const store = new WatchedStore();
  try {
    assert.deepEqual(await rehearse({ clock: systemClock, kernel, store }), { acks: 16, bound: 16 });
    assert.deepEqual(store.kinds.slice(0, 2), ["put", "remove"]);
    assert.deepEqual(await store.load(), []);
    assert.deepEqual(await store.history({}), []);
  } finally {
    kernel.close();
    rmSync(folder, { recursive: true });
  }
});

test("a store that takes nothing is found before anybody is served", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tapnet-test-"));
  const kernel = openKernel(folder, silentLogger);
  const store = new MemoryStore();
  store.save = () => Promise.reject(new Error("the disk is full"));
  try {
    await assert.rejects(rehearse({ clock: systemClock, kernel, store }), /the disk is full/);
  } finally {
    kernel.close();
    rmSync(folder, { recursive: true });
  }
});
