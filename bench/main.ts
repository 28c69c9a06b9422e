/** `npm run bench -- NAME [options]`: one benchmark, its table on stdout, its progress on stderr. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter } from "node:path";
import { parseArgs } from "node:util";
import { errorMessage } from "../src/base/errors.js";
import type { Bench } from "./frame/bench.js";
import { bench as micro } from "./frame/micro.js";
import { writePlots } from "./frame/plot.js";
import { Report } from "./frame/report.js";
import { formatTable } from "./frame/table.js";

const MACRO = new URL("./macro/", import.meta.url);
const SMOKE_ROUNDS = 1;

/** Whoever ends a benchmark early wants its namespaces removed all the same: that is done when the process exits. */
function exitWhenTold(): void {
  for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 })) {
    process.once(signal, () => process.exit(128 + number));
  }
}

/** npm puts its packages' programs first: one of them is called `dhcpd`, and it is no rival. */
function leaveNpmPath(): void {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  process.env["PATH"] = folders.filter((folder) => !folder.endsWith("node_modules/.bin")).join(delimiter);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      smoke: { type: "boolean", default: false },
      json: { type: "string" },
      svg: { type: "string" },
      case: { type: "string" },
      rounds: { type: "string" },
      ipv6: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help || positionals.length !== 1) {
    (values.help ? console.log : console.error)(usage());
    return values.help ? 0 : 2;
  }
  const name = values.ipv6 ? `${positionals[0]}-ipv6` : positionals[0];
  if (!names().includes(name)) throw new Error(`there is no benchmark ${name}; there are ${names().join(", ")}`);
  const rounds = values.rounds === undefined ? undefined : parseRounds(values.rounds);
  const bench = await load(name);
  const size = { smoke: values.smoke, only: values.case, rounds: rounds ?? (values.smoke ? SMOKE_ROUNDS : bench.rounds) };

  const report = new Report(name, size.rounds);
  report.versions["tapnet"] = ownVersion();
  await bench.run(size, report);
  if (values.case !== undefined && report.rows.length === 0)
    throw new Error(`--case ${values.case}: no case of ${name} that could be measured has this in its name`);
  console.log(formatTable(report));
  if (values.json !== undefined) report.writeJson(values.json);
  if (values.svg !== undefined) writePlots(report, values.svg);
  return 0;
}

function usage(): string {
  return `Usage: npm run bench -- NAME [--smoke] [--case TEXT] [--json FILE] [--svg FOLDER] [--rounds N] [--ipv6]

Measures us beside the rivals in one call. NAME is one of ${names().join(", ")}.

  --smoke      the size of the tests: shows that the benchmark works, not how fast anything is
  --json FILE  writes the report for programs
  --svg FOLDER writes one plot a case and metric
  --case TEXT  only cases whose name has this text in it
  --rounds N   how often each system has its turn
  --ipv6       the same in IPv6, where there is such a one: leases --ipv6 is leases-ipv6`;
}

function names(): string[] {
  const macro = existsSync(MACRO) ? readdirSync(MACRO).filter((file) => file.endsWith(".js")) : [];
  return [...macro.map((file) => file.slice(0, -".js".length)), "micro"].sort();
}

async function load(name: string): Promise<Bench> {
  if (name === "micro") return micro;
  return ((await import(new URL(`${name}.js`, MACRO).href)) as { bench: Bench }).bench;
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${text}: expected a whole number from 1`);
  return rounds;
}

function ownVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

try {
  exitWhenTold();
  leaveNpmPath();
  process.exitCode = await main();
} catch (thrown) {
  console.error(`bench: ${errorMessage(thrown)}`);
  process.exitCode = 1;
}
