import { errorMessage } from "../../src/base/errors.js";
import type { BenchSize } from "./bench.js";
import type { Report } from "./report.js";

/** What one system did in one round of one case. */
export interface Measured {
  readonly metric: string;
  readonly unit: string;
  readonly value: number;
}

export interface System<Case> {
  readonly name: string;
  /** A rival that fails in a case is named as missing there; where we fail ourselves, the benchmark does. */
  readonly isRival?: boolean;
  /** Does the work once, checks that it was done, and says how it went. */
  measure(workload: Case): Promise<readonly Measured[]> | readonly Measured[];
}

/**
 * Measures every system in every case, round by round: in each round all systems have their turn, another one first each time,
 * so that whatever else the machine does hits all of them alike.
 */
export async function runRounds<Case>(
  plan: {
    readonly cases: readonly { readonly name: string; readonly workload: Case }[];
    readonly systems: readonly System<Case>[];
  },
  size: BenchSize,
  report: Report,
): Promise<void> {
  for (const { name, workload } of plan.cases) {
    if (size.only !== undefined && !name.includes(size.only)) continue;
    for (let round = 0; round < size.rounds; round++) {
      for (let turn = 0; turn < plan.systems.length; turn++) {
        const system = plan.systems[(turn + round) % plan.systems.length];
        report.progress(`${report.bench}: ${name}: round ${round + 1} of ${size.rounds}: ${system.name}`);
        for (const { metric, unit, value } of await measure(system, { name, workload }, report)) {
          report.add(system.name, { case: name, metric, unit }, value);
        }
      }
    }
  }
  report.endProgress();
}

async function measure<Case>(
  system: System<Case>,
  { name, workload }: { readonly name: string; readonly workload: Case },
  report: Report,
): Promise<readonly Measured[]> {
  try {
    return await system.measure(workload);
  } catch (thrown) {
    if (system.isRival !== true) throw thrown;
    report.miss(`${system.name} in ${name}`, errorMessage(thrown).split("\n", 1)[0]);
    return [];
  }
}
