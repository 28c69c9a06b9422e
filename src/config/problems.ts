import { styleText } from "node:util";
import { ConfigError } from "../base/errors.js";

/** Where a key stands in the file: `["networks", "lan", "dhcp", "ranges", 0]`. */
export type KeyPath = readonly (string | number)[];

/** One thing that is wrong. Lines and columns count from 1; `length` is what the caret underlines. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  readonly length: number;
  readonly message: string;
}

/** More than this many at once help nobody. */
export const MOST_PROBLEMS = 20;

/** All that is wrong with one configuration; `message` has one line a problem, `report` shows the places. */
export class ConfigurationError extends ConfigError {
  readonly problems: readonly Problem[];
  /** Problems beyond the first `MOST_PROBLEMS`. */
  readonly leftOut: number;
  readonly #text: string;

  constructor(path: string, text: string, found: readonly Problem[]) {
    const sorted = found.toSorted((left, right) => left.line - right.line || left.column - right.column);
    const problems = sorted.slice(0, MOST_PROBLEMS);
    const [first, ...others] = problems.map((problem, index) =>
      index === 0 ? problem.message : `${path}:${problem.line}:${problem.column}: ${problem.message}`,
    );
    super([first, ...others].join("\n"), { path, line: problems[0].line, column: problems[0].column });
    this.problems = problems;
    this.leftOut = sorted.length - problems.length;
    this.#text = text;
  }

  /** Each problem with the lines around it and a caret below it; coloured where asked. */
  report(colours = false): string {
    const lines = this.#text.split("\n");
    const parts = this.problems.map((problem) => describeProblem(this.path, lines, problem, colours));
    if (this.leftOut > 0) parts.push(`and ${this.leftOut} more`);
    return parts.join("\n\n");
  }
}

function describeProblem(path: string, lines: readonly string[], problem: Problem, colours: boolean): string {
  const paint = (style: "red" | "bold" | "dim", text: string): string =>
    colours ? styleText(style, text, { validateStream: false }) : text;
  const head = `${paint("bold", `${path}:${problem.line}:${problem.column}`)}: ${problem.message}`;
  const width = String(problem.line + 1).length;
  const frame: string[] = [];
  for (let line = Math.max(1, problem.line - 1); line <= Math.min(lines.length, problem.line + 1); line++) {
    const text = lines[line - 1].replaceAll("\t", " ").trimEnd();
    const here = line === problem.line;
    if (!here && text === "") continue;
    frame.push(`${paint("dim", `${here ? ">" : " "} ${String(line).padStart(width)} |`)} ${text}`);
    if (!here) continue;
    const length = Math.max(1, Math.min(problem.length, text.length - problem.column + 1));
    const indent = " ".repeat(problem.column - 1);
    frame.push(`${paint("dim", `  ${" ".repeat(width)} |`)} ${indent}${paint("red", "^".repeat(length))}`);
  }
  return [head, ...frame].join("\n");
}

/** `networks.lan.dhcp.ranges[0]`; keys that are not plain words are quoted. */
export function formatKeyPath(path: KeyPath): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else text += `${text === "" ? "" : "."}${/^[\w*-]+$/.test(key) ? key : JSON.stringify(key)}`;
  }
  return text;
}
