import type { Host } from "../../test/support/lab.js";
import type { RunningProcess } from "../../test/support/process.js";
import { loadProgram } from "./load-program.js";

/** Runs a load program of `native/bench/` and hands back what its line of JSON says; throws where it found the work not done. */
export async function runLoad<Line>(
  host: Host,
  name: string,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Line> {
  return resultOf(host.start([await loadProgram(name), ...words], { env }));
}

/** The same for a load that runs already. */
export async function resultOf<Line>(load: RunningProcess): Promise<Line> {
  const status = await load.exited;
  const line = load.stdout.trimEnd().split("\n").at(-1) ?? "";
  if (status !== 0) throw new Error(`${load.command}: status ${status}\n${line}\n${load.stderr}`);
  return JSON.parse(line) as Line;
}
