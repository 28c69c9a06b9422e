/**
 * Runs the tests that were compiled: `node dist/test/support/run-tests.js [AREA] [PATH-PART]...`.
 *
 * Areas run one after another, the files of an area two at a time, because two cores are what every machine has; those with real
 * guests run alone, because a guest wants a core for itself. Failures are shown as they happen, and named again at the end, where
 * a log that was cut still has them; skipped tests are listed with their reasons; then one closing line `N passed, N failed,
 * N skipped` for the whole run. Whatever the tests have left on the machine is a failure too.
 */
import { spawnSync } from "node:child_process";
import { setMaxListeners } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { run } from "node:test";
import { errorMessage } from "../../src/base/errors.js";
import { lookBefore, removeLeaks } from "./leaks.js";
import { packageRoot } from "./paths.js";

interface Area {
  readonly name: string;
  /** One file may take this long. */
  readonly fileSeconds: number;
  /** An npm script that is the whole area, beside or instead of test files. */
  readonly npmScript?: string;
  /** Its tests are few and slow: each gets a line. */
  readonly slow?: boolean;
  /** How many files run at a time; two where it is not said. */
  readonly concurrency?: number;
}

const AREAS: readonly Area[] = [
  { name: "lint", fileSeconds: 300, npmScript: "lint" },
  { name: "tidy", fileSeconds: 60 },
  { name: "unit", fileSeconds: 120 },
  { name: "property", fileSeconds: 180 },
  { name: "golden", fileSeconds: 60 },
  { name: "sim", fileSeconds: 300 },
  { name: "native", fileSeconds: 900, npmScript: "test:native" },
  { name: "platform", fileSeconds: 120 },
  { name: "netns", fileSeconds: 240, slow: true },
  { name: "guest", fileSeconds: 300, slow: true, concurrency: 1 },
];
const CONCURRENCY = 2;
const WHOLE_RUN_MINUTES = 40;
const OUTPUT_KEPT = 20_000;

interface Tally {
  passed: number;
  readonly failed: string[];
  readonly skipped: string[];
}

/** The part of node:test's events that is read here. */
interface TestEvent {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string;
  readonly skip?: string | boolean;
  readonly details: { readonly duration_ms: number; readonly type?: string; readonly error?: Error & { cause?: unknown } };
}

async function main(wanted: readonly string[]): Promise<number> {
  const runId = String(process.pid);
  process.env["TAPNET_TEST_RUN"] = runId;
  const before = lookBefore();
  const giveUp = new AbortController();
  // Every file that is running listens to it.
  setMaxListeners(0, giveUp.signal);
  const timer = setTimeout(() => giveUp.abort(), WHOLE_RUN_MINUTES * 60_000);
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) process.once(signal, () => giveUp.abort());
  const tally: Tally = { passed: 0, failed: [], skipped: [] };

  const names = new Set(AREAS.map(({ name }) => name));
  const areas = AREAS.filter(({ name }) => wanted.includes(name) || !wanted.some((word) => names.has(word)));
  const parts = wanted.filter((word) => !names.has(word));
  for (const area of areas) await runArea(area, parts, tally, giveUp.signal);
  clearTimeout(timer);

  for (const leak of await removeLeaks(runId, before)) fail(tally, "left behind", leak);
  if (giveUp.signal.aborted)
    fail(tally, "the whole run", `stopped, by a signal or for taking more than ${WHOLE_RUN_MINUTES} minutes`);
  if (tally.passed + tally.failed.length + tally.skipped.length === 0)
    fail(tally, "no test was run", `nothing matches ${wanted.join(" ")}`);
  for (const line of tally.skipped) console.log(`skipped: ${line}`);
  for (const line of tally.failed) console.log(`failed: ${line}`);
  console.log(`${tally.passed} passed, ${tally.failed.length} failed, ${tally.skipped.length} skipped`);
  return tally.failed.length === 0 ? 0 : 1;
}

async function runArea(area: Area, parts: readonly string[], tally: Tally, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { passed } = tally;
  const [failed, skipped] = [tally.failed.length, tally.skipped.length];
  const started = performance.now();
  if (area.npmScript !== undefined && parts.length === 0) runNpmScript(area, area.npmScript, tally);
  const files = testFiles(area.name).filter((file) => parts.every((part) => relative(packageRoot, file).includes(part)));
  if (files.length > 0) await runFiles(files, area, tally, signal);

  const done = [tally.passed - passed, tally.failed.length - failed, tally.skipped.length - skipped];
  if (done.every((count) => count === 0)) return;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const mark = done[1] === 0 ? "✓" : "✗";
  console.log(`  ${mark} ${area.name.padEnd(10)} ${done[0]} ok, ${done[1]} failing, ${done[2]} left out, ${seconds} s`);
}

function runNpmScript(area: Area, name: string, tally: Tally): void {
  const { scripts } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { scripts: Record<string, string> };
  if (scripts[name] === undefined) return;
  const { status, stdout, stderr } = spawnSync("npm", ["run", "--silent", name], {
    cwd: packageRoot,
    encoding: "utf8",
    timeout: area.fileSeconds * 1000,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (status === 0) tally.passed++;
  else fail(tally, `npm run ${name}`, `${stdout}${stderr}`.slice(-OUTPUT_KEPT));
  for (const [, reason] of stdout.matchAll(/^skipped: (.+)$/gm)) tally.skipped.push(reason);
}

function testFiles(area: string): string[] {
  const folder = join(packageRoot, "dist", "test", area);
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder, { recursive: true }) as string[];
  return found
    .filter((path) => path.endsWith(".test.js"))
    .map((path) => join(folder, path))
    .sort();
}

async function runFiles(files: string[], area: Area, tally: Tally, signal: AbortSignal): Promise<void> {
  const printed = new Map<string, string>();
  const print = ({ file, message }: { file?: string; message: string }): void => {
    if (file !== undefined) printed.set(file, ((printed.get(file) ?? "") + message).slice(-OUTPUT_KEPT));
  };
  // The names of the suites around a test, by file: an event carries only its own.
  const suites = new Map<string, string[]>();
  const named = (event: TestEvent): TestEvent => {
    const around = suites.get(event.file ?? "")?.slice(0, event.nesting) ?? [];
    return { ...event, name: [...around, event.name].join(" › ") };
  };
  const stream = run({ files, concurrency: area.concurrency ?? CONCURRENCY, timeout: area.fileSeconds * 1000, signal });
  stream.on("test:stdout", print);
  stream.on("test:stderr", print);
  stream.on("test:start", ({ file = "", name, nesting }: TestEvent) => {
    const around = suites.get(file) ?? [];
    around.length = nesting;
    around.push(name);
    suites.set(file, around);
  });
  stream.on("test:pass", (event: TestEvent) => pass(named(event), area, tally));
  stream.on("test:fail", (event: TestEvent) => {
    if (isCount(event)) fail(tally, `${where(event)}: ${named(event).name}`, explain(event) + said(printed, event));
  });
  stream.resume();
  await new Promise((resolve) => stream.once("close", resolve));
}

function pass(event: TestEvent, area: Area, tally: Tally): void {
  if (event.skip !== undefined && event.skip !== false) {
    tally.skipped.push(
      `${where(event)}: ${event.name}: ${event.skip === true || event.skip === "" ? "no reason given" : event.skip}`,
    );
  } else if (isCount(event) && event.name !== event.file) {
    tally.passed++;
    if (area.slow) console.log(`    ✓ ${where(event)}: ${event.name} (${(event.details.duration_ms / 1000).toFixed(1)} s)`);
  }
}

/** A suite only groups tests; it counts when it fails without any of its tests failing. */
function isCount(event: TestEvent): boolean {
  const cause = event.details.error as { failureType?: string } | undefined;
  return event.details.type !== "suite" && cause?.failureType !== "subtestsFailed";
}

function fail(tally: Tally, name: string, why: string): void {
  const [first] = why.trim().split("\n", 1);
  tally.failed.push(`${name}: ${first}`);
  console.log(`  ✗ ${name}\n${why.trimEnd().replaceAll(/^/gm, "      ")}`);
}

function explain(event: TestEvent): string {
  const cause = event.details.error?.cause ?? event.details.error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : errorMessage(cause);
}

function said(printed: Map<string, string>, event: TestEvent): string {
  const text = event.file === undefined ? undefined : printed.get(event.file);
  return text === undefined ? "" : `\nthe file printed:\n${text}`;
}

function where(event: TestEvent): string {
  return event.file === undefined ? "?" : relative(join(packageRoot, "dist", "test"), event.file).replace(/\.test\.js$/, "");
}

process.exitCode = await main(process.argv.slice(2));
