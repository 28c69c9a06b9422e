/** What a test run must not leave behind, found by the run's id in names and environments (see `lab.ts`). */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./wait.js";

const NAMESPACES = "/run/netns";

/** What the machine looked like before the run; the tests must not change it. */
export interface Before {
  readonly namespaces: readonly string[];
  readonly interfaces: readonly string[];
  readonly runFolder: boolean;
}

export function lookBefore(): Before {
  return { namespaces: namespaces(), interfaces: readdirSync("/sys/class/net"), runFolder: existsSync("/run/tapnet") };
}

/** Names everything that the run has left, and removes it: the next run must not suffer for this one. */
export async function removeLeaks(runId: string, before: Before): Promise<string[]> {
  const left: string[] = [];
  // A test file that was stopped for taking too long gets a moment to clean up after itself.
  await until("the processes of the run to end", () => processesOf(runId).length === 0, 3_000).catch(() => undefined);
  for (const pid of processesOf(runId)) {
    left.push(`process ${pid}: ${readProc(pid, "cmdline").replaceAll("\0", " ").trim()}`);
    tryKill(pid);
  }
  for (const name of namespaces().filter((each) => !before.namespaces.includes(each) && !belongsToAnother(each, runId))) {
    left.push(`namespace ${name}`);
    spawnSync("ip", ["netns", "delete", name], { stdio: "ignore" });
  }
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(`tnt-${runId}-`))) {
    left.push(`folder ${join(tmpdir(), name)}`);
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
  for (const name of readdirSync("/sys/class/net").filter((each) => !before.interfaces.includes(each))) {
    left.push(`interface ${name} in the machine's own namespace`);
  }
  if (!before.runFolder && existsSync("/run/tapnet")) left.push("folder /run/tapnet");
  return left;
}

function namespaces(): string[] {
  return existsSync(NAMESPACES) ? readdirSync(NAMESPACES).filter((name) => name.startsWith("tnt-")) : [];
}

/** Another test run on the same machine, still alive, made it. */
function belongsToAnother(namespace: string, runId: string): boolean {
  const pid = /^tnt-(\d+)-/.exec(namespace)?.[1];
  return pid !== undefined && pid !== runId && existsSync(`/proc/${pid}`);
}

function processesOf(runId: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => readProc(pid, "environ").split("\0").includes(`TAPNET_TEST_RUN=${runId}`));
}

/** Empty when the process is gone, or not ours to read. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended between being found and being ended.
  }
}
