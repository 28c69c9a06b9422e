import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import Benchmark from "benchmark";
import type { Bench, BenchSize } from "./bench.js";
import type { MicroCase } from "./micro-case.js";
import type { Report } from "./report.js";
import { runRounds, type System } from "./rounds.js";

const FOLDER = new URL("../micro/", import.meta.url);
const FULL = { maxTime: 0.4, minSamples: 5 };
const SMOKE = { maxTime: 0.005, minTime: 0.001, minSamples: 1 };

/** All cases of `bench/micro/`, run by the package `benchmark`: our codecs beside the packages that do the same. */
export const bench: Bench = {
  about: "our codecs, with the packages dhcp, dns-packet and what else a case names",
  rounds: 5,
  async run(size, report) {
    for (const file of readdirSync(FOLDER)
      .filter((name) => name.endsWith(".js"))
      .sort()) {
      const { cases } = (await import(new URL(file, FOLDER).href)) as { cases: readonly MicroCase[] };
      for (const microCase of cases) await runCase(basename(file, ".js"), microCase, size, report);
    }
  },
};

async function runCase(file: string, microCase: MicroCase, size: BenchSize, report: Report): Promise<void> {
  const systems = Object.entries(microCase.systems).map(([name, operate]): System<undefined> => {
    noteVersion(report, name);
    operate();
    return {
      name,
      measure: () => [{ metric: "rate", unit: `${microCase.unit ?? "operations"}/s`, value: rateOf(name, operate, size) }],
    };
  });
  await runRounds({ cases: [{ name: `${file}: ${microCase.name}`, workload: undefined }], systems }, size, report);
}

function rateOf(name: string, operate: () => void, size: BenchSize): number {
  const { hz, error } = new Benchmark(name, operate, size.smoke ? SMOKE : FULL).run();
  if (error !== undefined) throw error;
  return hz;
}

/** A rival that goes by the name of an installed package is reported with that package's version. */
function noteVersion(report: Report, system: string): void {
  if (report.versions[system] !== undefined) return;
  try {
    report.versions[system] = (createRequire(import.meta.url)(`${system}/package.json`) as { version: string }).version;
  } catch {
    // Not a package: a rival of the case's own making, such as a textbook's loop.
  }
}
