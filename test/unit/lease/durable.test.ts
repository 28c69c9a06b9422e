/**
 * What durable means, asked of the kernel: every save is on the disk before its promise is fulfilled. The journal writes
 * through a descriptor opened with O_DSYNC; lmdb calls fdatasync or writes its meta page through such a descriptor.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { command, needs, type Requirement } from "../../support/needs.js";

const SAVES = 5;

/** A container may have strace and no right to use it. (That strace is missing is said by `command`.) */
const tracing: Requirement = () => {
  const probe = spawnSync("strace", ["-o", "/dev/null", "true"], { encoding: "utf8" });
  if (probe.error !== undefined) return undefined;
  return probe.status === 0 ? undefined : `needs the right to trace: ${probe.stderr.trim()}`;
};
const MODULES = new URL("../../../src/", import.meta.url);

/** Saves leases one after another and says so after each, on standard error, byte by byte as the kernel sees it. */
function program(kind: string, stateDirectory: string): string {
  const from = (path: string): string => JSON.stringify(new URL(path, MODULES).href);
  return `
    import { writeSync } from "node:fs";
    const { openStore } = await import(${from("lease/open-store.js")});
    const { systemClock } = await import(${from("base/clock.js")});
    const { silentLogger } = await import(${from("base/log.js")});
    const where = { kind: ${JSON.stringify(kind)}, stateDirectory: ${JSON.stringify(stateDirectory)} };
    const store = await openStore({ ...where, clock: systemClock, log: silentLogger });
    await store.load();
    const key = { network: "default", family: 4, kind: "address", address: 1, prefixLength: 32 };
    const lease = { ...key, identity: "id:01", state: "bound", mac: 1, clientId: "01", hostname: "" };
    writeSync(2, "begin");
    for (let save = 1; save <= ${SAVES}; save++) {
      await store.save([{ kind: "put", lease: { ...lease, boundAtMs: save, renewedAtMs: save, expiresAtMs: save } }]);
      writeSync(2, "saved " + save);
    }
    process.exit(0);`;
}

for (const kind of ["journal", "lmdb"]) {
  test(`${kind}: every save reaches the disk before it is confirmed`, needs(command("strace"), tracing), (t) => {
    const folder = mkdtempSync(join(tmpdir(), "tapnet-strace-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const trace = join(folder, "trace");
    const calls = "trace=openat,pwrite64,pwritev,write,fdatasync,fsync,msync";
    const node = [process.execPath, "--input-type=module", "-e", program(kind, join(folder, "state"))];
    const run = spawnSync("strace", ["-f", "-o", trace, "-e", calls, "-s", "16", ...node], { encoding: "utf8", timeout: 60_000 });
    assert.match(run.stderr, new RegExp(`saved ${SAVES}`), run.stderr);
    assert.deepEqual(
      flushesPerSave(readFileSync(trace, "utf8")).map((flushes) => flushes > 0),
      Array<boolean>(SAVES).fill(true),
    );
  });
}

/** How many flushes ended between one confirmation and the next. */
function flushesPerSave(trace: string): number[] {
  const synchronous = new Set<string>();
  const pending = new Map<string, boolean>();
  const counts: number[] = [];
  let flushes = 0;
  for (const line of trace.split("\n")) {
    const [, thread, call] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (call === undefined) continue;
    const opened = /^openat\(.*O_D?SYNC.*= (\d+)$/.exec(call);
    if (opened !== null) synchronous.add(opened[1]);
    const confirmed = /^write\(2, "(begin|saved)/.exec(call);
    if (confirmed !== null) {
      if (confirmed[1] === "saved") counts.push(flushes);
      flushes = 0;
    }
    const isFlush = isFlushing(call, synchronous);
    if (call.includes("<unfinished ...>")) pending.set(thread, isFlush);
    else if (call.startsWith("<...")) flushes += pending.get(thread) === true && / = \d+$/.test(call) ? 1 : 0;
    else if (isFlush && / = \d+$/.test(call)) flushes++;
  }
  return counts;
}

function isFlushing(call: string, synchronous: ReadonlySet<string>): boolean {
  if (/^(?:fdatasync|fsync|msync)\(/.test(call)) return true;
  const written = /^pwritev?(?:64)?\((\d+),/.exec(call);
  return written !== null && synchronous.has(written[1]);
}
