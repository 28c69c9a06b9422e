import { writeFileSync } from "node:fs";
import { describeMachine, type Machine } from "./machine.js";
import { median } from "./statistics.js";

/** One figure of one system in one case, over all rounds. */
export interface Row {
  readonly system: string;
  readonly case: string;
  readonly metric: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** A rival that could not take part. */
export interface Missing {
  readonly system: string;
  readonly reason: string;
}

/**
 * What a benchmark has found, as it grows: values are added round by round, rows are made of them at the end.
 *
 * Progress goes to stderr, so that the table on stdout can be kept in a file.
 */
export class Report {
  readonly bench: string;
  readonly rounds: number;
  readonly versions: Record<string, string> = { node: process.version };
  readonly missing: Missing[] = [];
  readonly #values = new Map<string, { row: Omit<Row, "median" | "min" | "max">; values: number[] }>();

  constructor(bench: string, rounds: number) {
    this.bench = bench;
    this.rounds = rounds;
  }

  /** Adds one round's value. */
  add(system: string, what: { readonly case: string; readonly metric: string; readonly unit: string }, value: number): void {
    const row = { system, case: what.case, metric: what.metric, unit: what.unit };
    const key = JSON.stringify(row);
    const entry = this.#values.get(key) ?? { row, values: [] };
    entry.values.push(value);
    this.#values.set(key, entry);
  }

  /** Names a rival that is not here, and why. */
  miss(system: string, reason: string): void {
    this.missing.push({ system, reason });
    this.progress(`missing: ${system}: ${reason}`);
  }

  progress(text: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    else process.stderr.write(`${text}\n`);
  }

  /** Ends the line of progress that a terminal shows. */
  endProgress(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }

  get rows(): Row[] {
    return [...this.#values.values()].map(({ row, values }) => ({
      ...row,
      median: median(values),
      min: Math.min(...values),
      max: Math.max(...values),
    }));
  }

  toJSON(): object {
    const machine: Machine = describeMachine();
    return { bench: this.bench, machine, versions: this.versions, rounds: this.rounds, rows: this.rows, missing: this.missing };
  }

  writeJson(path: string): void {
    writeFileSync(path, `${JSON.stringify(this, undefined, 2)}\n`);
  }
}
