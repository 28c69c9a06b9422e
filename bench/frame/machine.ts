import { spawnSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";

/** Where a benchmark ran. A figure means nothing without it. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  /** Load over the last minute when the report was made: what else the machine was doing. */
  readonly load: number;
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    load: Number(loadavg()[0].toFixed(2)),
  };
}

/** The first line that a program prints about its version; undefined when there is no such program. */
export function programVersion(program: string, ...words: readonly string[]): string | undefined {
  const { error, stdout, stderr } = spawnSync(program, words, { encoding: "utf8", timeout: 5_000 });
  return error === undefined ? `${stdout}${stderr}`.trim().split("\n")[0] : undefined;
}
