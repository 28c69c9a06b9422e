import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { release } from "node:os";
import { test } from "node:test";
import { addon } from "../../../src/os/addon.js";
import { command, needs, type Requirement, root } from "../../support/needs.js";

const MODULE = new URL("../../../src/os/scheduling.js", import.meta.url).href;

const slicesAreShown: Requirement = () =>
  existsSync("/proc/self/sched") ? undefined : "needs /proc/self/sched (a kernel with CONFIG_SCHED_DEBUG)";

/** Where a slice can be chosen. */
const since6Dot12: Requirement = () => {
  const [major, minor] = release().split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 12) ? undefined : "needs Linux 6.12";
};

interface ThreadSeen {
  /** Field 19 of /proc/PID/stat (proc(5)). */
  readonly niceness: number;
  readonly sliceNs: number | undefined;
}

/** Runs `body` in a process of its own, and what each of its threads then has. A pool thread is there before, another comes after. */
function threadsAfter(body: string, wrapper: readonly string[] = []): { said: unknown; threads: ThreadSeen[] } {
  const program = `
    import { readdirSync, readFileSync } from "node:fs";
    import { stat } from "node:fs/promises";
    import * as scheduling from ${JSON.stringify(MODULE)};
    await stat("/");
    const said = ${body};
    await Promise.all(Array.from({ length: 8 }, () => stat("/")));
    const threads = readdirSync("/proc/self/task").map((id) => {
      const fields = readFileSync("/proc/self/task/" + id + "/stat", "utf8").split(") ")[1].split(" ");
      let slice;
      try {
        slice = /se.slice +: +(\\d+)/.exec(readFileSync("/proc/self/task/" + id + "/sched", "utf8"))?.[1];
      } catch {}
      return { niceness: Number(fields[16]), sliceNs: slice && Number(slice) };
    });
    console.log(JSON.stringify({ said: said ?? null, threads }));`;
  const line = [...wrapper, process.execPath, "--input-type=module", "--eval", program];
  const { stdout, stderr, status } = spawnSync(line[0], line.slice(1), { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as { said: unknown; threads: ThreadSeen[] };
}

test("every thread is preferred, those that come later too", needs(root), () => {
  const { said, threads } = threadsAfter("scheduling.runSoon()");
  assert.equal(said, null);
  assert.ok(threads.length > 4);
  for (const { niceness } of threads) assert.equal(niceness, -10);
});

test("every thread has the shortest slice", needs(slicesAreShown, since6Dot12), () => {
  const { threads } = threadsAfter("scheduling.runSoon()");
  for (const { sliceNs } of threads) assert.equal(sliceNs, 100_000);
});

test("a niceness that somebody has chosen stays", () => {
  const { said, threads } = threadsAfter("scheduling.runSoon()", ["nice", "-n", "5"]);
  assert.equal(said, null);
  for (const { niceness } of threads) assert.equal(niceness, 5);
});

test("a policy that somebody has chosen stays", needs(root, slicesAreShown, command("chrt", "util-linux")), () => {
  const policy = `(scheduling.runSoon(), readFileSync("/proc/self/sched", "utf8").match(/policy +: +(\\d+)/)?.[1])`;
  const { said, threads } = threadsAfter(policy, ["chrt", "--batch", "0"]);
  assert.equal(said, "3");
  for (const { niceness } of threads) assert.equal(niceness, 0);
});

test("who may not is told, and goes on", needs(root, command("setpriv", "util-linux")), () => {
  const { said, threads } = threadsAfter("scheduling.runSoon()", ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"]);
  assert.match(String(said), /^niceness stays 0: a lower one needs CAP_SYS_NICE/);
  for (const { niceness } of threads) assert.equal(niceness, 0);
});

test("a thread that may run for long is like any other again, and the others are not", needs(root), () => {
  const { threads } = threadsAfter("(scheduling.runSoon(), scheduling.runAsOthers())");
  assert.equal(threads[0].niceness, 0);
  assert.ok(threads.slice(1).some(({ niceness }) => niceness === -10));
});

test("what makes no sense is refused, and changes nothing", () => {
  for (const [niceness, sliceNs] of [
    [-21, 100_000],
    [20, 100_000],
    [0.5, 100_000],
    [0, 99_999],
    [0, 100_000_001],
    [0, Number.NaN],
  ])
    assert.throws(() => addon().setScheduling(niceness, sliceNs), { code: "INVALID_ARGUMENT" });
});
