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
        for (const { metric, unit, value } of await system.measure(workload)) {
          report.add(system.name, { case: name, metric, unit }, value);
        }
      }
    }
  }
  report.endProgress();
}
