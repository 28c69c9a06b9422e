/** What every store does, and what each refuses. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Logger, silentLogger } from "../../../src/base/log.js";
import { openStore, type StoreKind } from "../../../src/lease/open-store.js";
import type { LeaseStore } from "../../../src/lease/store.js";
import { leaseOf, put, sorted } from "../../support/leases.js";
import { ManualClock } from "../../support/manual-clock.js";
import { needs, root } from "../../support/needs.js";

const HOUR_MS = 3_600_000;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "tapnet-store-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function open(
  stateDirectory: string,
  kind: StoreKind,
  clock = new ManualClock(),
  log: Logger = silentLogger,
): Promise<LeaseStore> {
  return openStore({ kind, stateDirectory, clock, log });
}

/** As after kill −9: the files as they are, without the owner's mark. */
function copyOf(t: TestContext, from: string): string {
  const to = folder(t);
  cpSync(from, to, { recursive: true });
  rmSync(join(to, "leases", "owner"), { force: true });
  return to;
}

for (const kind of ["journal", "lmdb"] as const) {
  test(`${kind}: what was saved is there after a restart, what was removed is not`, async (t) => {
    const path = folder(t);
    let store = await open(path, kind);
    assert.deepEqual(await store.load(), []);
    const prefix = leaseOf(9, {
      family: 6,
      kind: "prefix",
      address: 0x2001_0db8n << 96n,
      prefixLength: 56,
      expiresAtMs: Number.POSITIVE_INFINITY,
    });
    await store.save([put(leaseOf(1)), put(leaseOf(2)), put(leaseOf(3)), put(prefix)]);
    await store.save([{ kind: "remove", lease: leaseOf(2) }, put(leaseOf(3, { state: "released" }))]);
    const expected = [leaseOf(1), leaseOf(3, { state: "released" }), prefix];
    await store.close();
    await store.close();
    store = await open(path, kind);
    assert.deepEqual(sorted(await store.load()), sorted(expected));
    await store.close();
  });

  test(`${kind}: the same after kill −9, with every acknowledged save`, async (t) => {
    const path = folder(t);
    const store = await open(path, kind);
    await store.load();
    for (let number = 0; number < 20; number++) {
      await store.save([put(leaseOf(number))]);
      if (number % 5 !== 0) continue;
      const other = await open(copyOf(t, path), kind);
      assert.equal((await other.load()).length, number + 1);
      await other.close();
    }
    await store.close();
  });

  test(`${kind}: saves that overlap are stored one after another, in their order, and all of them after kill −9`, async (t) => {
    const path = folder(t);
    const store = await open(path, kind);
    await store.load();
    const saves: Promise<void>[] = [];
    for (let number = 0; number < 20; number++) {
      saves.push(store.save([put(leaseOf(number))]));
      saves.push(store.save([put(leaseOf(number, { hostname: "later" })), put(leaseOf(100, { hostname: `after-${number}` }))]));
    }
    await Promise.all(saves);
    const other = await open(copyOf(t, path), kind);
    const names = sorted(await other.load()).map(({ hostname }) => hostname);
    assert.deepEqual(names, [...Array<string>(20).fill("later"), "after-19"]);
    await other.close();
    const last = store.save([put(leaseOf(200))]);
    await store.close();
    await last;
    const again = await open(path, kind);
    assert.equal((await again.load()).length, 22);
    await again.close();
  });

  test(`${kind}: history tells who had an address, newest first`, async (t) => {
    const path = folder(t);
    let store = await open(path, kind);
    await store.load();
    for (let number = 0; number < 10; number++) {
      const lease = leaseOf(0, { identity: `id:${number}`, boundAtMs: number * HOUR_MS });
      await store.save([{ kind: "ended", tenure: { lease, endedAtMs: (number + 1) * HOUR_MS - 1, reason: "expired" } }]);
    }
    const at = (hour: number) => ({ address: leaseOf(0).address, fromMs: hour * HOUR_MS, toMs: hour * HOUR_MS });
    assert.deepEqual(
      (await store.history(at(3))).map(({ lease }) => lease.identity),
      ["id:3"],
    );
    await store.close();
    store = await open(path, kind);
    assert.deepEqual(
      (await store.history(at(7))).map(({ lease }) => lease.identity),
      ["id:7"],
    );
    assert.equal((await store.history({ limit: 4 })).length, 4);
    assert.deepEqual(
      (await store.history({ limit: 1 })).map(({ lease }) => lease.identity),
      ["id:9"],
    );
    assert.deepEqual(await store.history({ network: "other" }), []);
    await store.close();
  });

  test(`${kind}: a file that was cut off is refused, wherever it was cut`, async (t) => {
    const path = folder(t);
    const store = await open(path, kind);
    await store.load();
    for (let number = 0; number < 300; number++) await store.save([put(leaseOf(number))]);
    await store.close();
    const file = kind === "lmdb" ? "leases.mdb" : "journal-00000001";
    const size = readFileSync(join(path, "leases", file)).length;
    for (const length of [0, 1, 100, 511, 4096, 9000, Math.floor(size / 2), size - 1]) {
      const cut = copyOf(t, path);
      truncateSync(join(cut, "leases", file), length);
      await assert.rejects(open(cut, kind), { code: "LEASE_STORE_CORRUPT" }, `cut to ${length}`);
    }
  });

  test(`${kind}: a directory that is a file, or cannot be made, is a clear error`, async (t) => {
    const path = folder(t);
    writeFileSync(join(path, "leases"), "");
    await assert.rejects(open(path, kind), { code: "LEASE_STORE_DENIED" });
    await assert.rejects(open("/dev/null/nowhere", kind), { code: "LEASE_STORE_DENIED" });
  });

  test(`${kind}: a read-only file system is a clear error`, needs(root), (t) => {
    const path = folder(t);
    mkdirSync(join(path, "leases"));
    chmodSync(path, 0o755);
    assert.match(openUnder(`mount -t tmpfs -o ro tmpfs '${path}'`, path, kind), /LEASE_STORE_DENIED/);
  });

  test(`${kind}: a full file system is a clear error at start`, needs(root), (t) => {
    const path = folder(t);
    const fill = `mount -t tmpfs -o size=1m tmpfs '${path}' && { dd if=/dev/zero of='${path}/full' bs=64k 2>/dev/null || true; }`;
    assert.match(openUnder(fill, path, kind), /LEASE_STORE_(?:FULL|IO)/);
  });
}

/** Opens the store in a mount namespace of its own, in another process, and hands back the error's code. */
function openUnder(mount: string, path: string, kind: StoreKind): string {
  const modules = new URL("../../../src/", import.meta.url);
  const program = `
    const { openStore } = await import(${JSON.stringify(new URL("lease/open-store.js", modules).href)});
    const { systemClock } = await import(${JSON.stringify(new URL("base/clock.js", modules).href)});
    const { silentLogger } = await import(${JSON.stringify(new URL("base/log.js", modules).href)});
    const where = { kind: ${JSON.stringify(kind)}, stateDirectory: ${JSON.stringify(path)} };
    try { await openStore({ ...where, clock: systemClock, log: silentLogger }); console.log("opened"); }
    catch (thrown) { console.log(thrown.code, thrown.message); }
    process.exit(0);`;
  const run = spawnSync(
    "unshare",
    ["--mount", "sh", "-e", "-c", `${mount}\nexec "$0" --input-type=module -e "$1"`, process.execPath, program],
    {
      encoding: "utf8",
      timeout: 20_000,
    },
  );
  return run.stdout + run.stderr;
}

test("journal: a second process is kept out, a dead one is not waited for", async (t) => {
  const path = folder(t);
  const store = await open(path, "journal");
  await assert.rejects(open(path, "journal"), { code: "LEASE_STORE_BUSY" });
  await store.close();
  writeFileSync(join(path, "leases", "owner"), "999999 12345\n");
  await (await open(path, "journal")).close();
});

test("journal: a newer version is refused by name", async (t) => {
  const path = folder(t);
  await (await open(path, "journal")).close();
  const file = join(path, "leases", "journal-00000001");
  const bytes = readFileSync(file);
  const { crc32 } = await import("node:zlib");
  bytes.writeUInt32BE(2, 16);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 508)), 508);
  writeFileSync(file, bytes);
  await assert.rejects(open(path, "journal"), { code: "LEASE_STORE_NEWER" });
});

test("journal: a missing file is refused", async (t) => {
  const path = folder(t);
  for (let round = 0; round < 2; round++) {
    const store = await open(path, "journal");
    await store.load();
    await store.save([put(leaseOf(round))]);
    await store.close();
  }
  const [journal, snapshot] = readdirSync(join(path, "leases")).sort();
  assert.match(snapshot, /^snapshot/);
  for (const missing of [journal, snapshot]) {
    const other = copyOf(t, path);
    rmSync(join(other, "leases", missing));
    await assert.rejects(open(other, "journal"), { code: "LEASE_STORE_CORRUPT" }, missing);
  }
});

/** Overwrites `length` bytes at `offset` with what a disk might leave there. */
function damage(path: string, offset: number, length: number, octet: number): void {
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(length, octet), 0, length, offset);
  closeSync(file);
}

test("journal: power loss in the middle of any save leaves every save before it", async (t) => {
  const path = folder(t);
  const store = await open(path, "journal");
  await store.load();
  const sizes = [1, 40, 3, 12, 1];
  const borders = [512];
  let number = 0;
  for (const size of sizes) {
    await store.save(Array.from({ length: size }, () => put(leaseOf(number++))));
    borders.push(usedBytes(join(path, "leases", "journal-00000001")));
  }
  for (let save = 0; save < sizes.length; save++) {
    const expected = sizes.slice(0, save).reduce((sum, size) => sum + size, 0);
    for (let sector = borders[save]; sector < borders[save + 1]; sector += 512) {
      for (const octet of [0, 0xa5]) {
        const warned: string[] = [];
        const other = copyOf(t, path);
        const file = join(other, "leases", "journal-00000001");
        // What came after never reached the disk; of this save one sector did not either, or only as noise.
        damage(file, borders[save + 1], 512 * 64, 0);
        damage(file, sector, 512, octet);
        const cut = await open(other, "journal", new ManualClock(), {
          ...silentLogger,
          warn: (_, message) => void warned.push(message),
        });
        assert.equal((await cut.load()).length, expected);
        assert.equal(warned.length, borders[save + 1] - borders[save] > 512 || octet !== 0 ? 1 : 0);
        await cut.save([put(leaseOf(1000))]);
        await cut.close();
        const again = await open(other, "journal");
        assert.equal((await again.load()).length, expected + 1);
        await again.close();
      }
    }
  }
  await store.close();
});

test("journal: damage to what was acknowledged is refused, in every sector", async (t) => {
  const path = folder(t);
  const store = await open(path, "journal");
  await store.load();
  for (let number = 0; number < 8; number++) await store.save([put(leaseOf(number))]);
  await store.close();
  const file = join("leases", "journal-00000001");
  const end = usedBytes(join(path, file));
  for (let sector = 0; sector < end - 512; sector += 512) {
    for (const [offset, length, octet] of [
      [0, 512, 0],
      [0, 512, 0xff],
      [0, 1, 0x11],
      [40, 1, 0x11],
    ] as const) {
      const other = copyOf(t, path);
      damage(join(other, file), sector + offset, length, octet);
      await assert.rejects(open(other, "journal"), { code: "LEASE_STORE_CORRUPT" }, `sector ${sector / 512}`);
    }
  }
});

test("journal: damage to a snapshot is refused, at every byte", async (t) => {
  const path = folder(t);
  for (let round = 0; round < 2; round++) {
    const store = await open(path, "journal");
    await store.load();
    await store.save([put(leaseOf(round)), put(leaseOf(7))]);
    await store.close();
  }
  const file = join(path, "leases", "snapshot-00000002");
  const whole = readFileSync(file);
  for (let at = 0; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] ^= 0x41;
    writeFileSync(file, damaged);
    await assert.rejects(
      open(path, "journal"),
      (thrown: Error & { code: string }) => /^LEASE_STORE_(?:CORRUPT|NEWER)$/.test(thrown.code),
      `byte ${at}`,
    );
  }
  writeFileSync(file, whole);
  await (await open(path, "journal")).close();
});

/** Behind the last byte that is not zero, in whole sectors. */
function usedBytes(path: string): number {
  const bytes = readFileSync(path);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return Math.ceil(end / 512) * 512;
}

test("journal: it stays short under load, and nothing is lost when it is shortened", async (t) => {
  const path = folder(t);
  const store = await open(path, "journal");
  await store.load();
  let last = 0;
  for (let round = 0; round < 150; round++) {
    const leases = Array.from({ length: 1000 }, (_, index) => leaseOf(index, { renewedAtMs: round }));
    await store.save(leases.map(put));
    last = round;
  }
  const copy = copyOf(t, path);
  await store.close();
  for (const each of [path, copy]) {
    const sizes = readdirSync(join(each, "leases")).map((name) => readFileSync(join(each, "leases", name)).length);
    assert.ok(sizes.reduce((sum, size) => sum + size, 0) < 32 * 1024 * 1024);
    const other = await open(each, "journal");
    const leases = await other.load();
    assert.equal(leases.length, 1000);
    assert.ok(leases.every((lease) => lease.renewedAtMs === last));
    await other.close();
  }
});

test("journal: history that was not flushed is recovered from the journal, once", async (t) => {
  const path = folder(t);
  const store = await open(path, "journal");
  await store.load();
  await store.save([{ kind: "ended", tenure: { lease: leaseOf(1), endedAtMs: 5_000_000, reason: "released" } }]);
  const copy = copyOf(t, path);
  for (const name of readdirSync(join(copy, "leases"))) if (name.startsWith("history")) rmSync(join(copy, "leases", name));
  for (const each of [copy, copyOf(t, path)]) {
    const other = await open(each, "journal");
    assert.equal((await other.history({})).length, 1);
    await other.close();
  }
  await store.close();
});

test("journal: history is kept as long as it should be", async (t) => {
  const path = folder(t);
  const clock = new ManualClock();
  const store = await openStore({ kind: "journal", stateDirectory: path, historySeconds: 30 * 86_400, clock, log: silentLogger });
  await store.load();
  for (let day = 0; day < 60; day++) {
    await store.save([{ kind: "ended", tenure: { lease: leaseOf(day), endedAtMs: clock.nowMs(), reason: "expired" } }]);
    clock.advance(86_400_000);
  }
  const kept = (await store.history({})).length;
  assert.ok(kept >= 30 && kept <= 33, `${kept} days`);
  await store.close();
});
