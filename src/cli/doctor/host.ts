import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** One thing that was looked at. */
export interface Finding {
  /** Stable name of the check, for scripts. */
  readonly check: string;
  /** `failure`: guests get no network. `warning`: some do not, or not always. `note`: good to know. */
  readonly result: "ok" | "note" | "warning" | "failure";
  readonly message: string;
  /** What to do; null where there is nothing to do. */
  readonly advice: string | null;
}

/** What a command said. */
export interface CommandOutput {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The host, as the checks see it; replaced in tests. Nothing here changes anything. */
export interface Host {
  readonly uid: number;
  /** Undefined where there is no such file, or none that may be read. */
  readText(path: string): string | undefined;
  /** Names in a folder; empty where there is none. */
  list(path: string): readonly string[];
  readLink(path: string): string | undefined;
  exists(path: string): boolean;
  mayReadAndWrite(path: string): boolean;
  /** Undefined where there is no such command. */
  run(command: string, args: readonly string[]): Promise<CommandOutput | undefined>;
}

const COMMAND_MS = 5_000;
const MOST_OUTPUT_BYTES = 64 * 1024 * 1024;
/** Where commands for root are, also for those whose PATH leaves them out. */
const SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin";

/** The host that this process runs on. */
export function realHost(): Host {
  return {
    uid: process.getuid?.() ?? -1,
    readText: (path) => attempt(() => readFileSync(path, "utf8")),
    list: (path) => attempt(() => readdirSync(path)) ?? [],
    readLink: (path) => attempt(() => readlinkSync(path)),
    exists: existsSync,
    mayReadAndWrite: (path) => attempt(() => accessSync(path, constants.R_OK | constants.W_OK) ?? true) === true,
    run: runCommand,
  };
}

/** A file that is missing or forbidden is an answer here, not a failure. */
function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function runCommand(command: string, args: readonly string[]): Promise<CommandOutput | undefined> {
  const env = { ...process.env, PATH: `${process.env.PATH ?? "/usr/bin:/bin"}:${SYSTEM_PATH}`, LC_ALL: "C" };
  return new Promise((resolve) => {
    execFile(command, [...args], { env, timeout: COMMAND_MS, maxBuffer: MOST_OUTPUT_BYTES }, (error, stdout, stderr) => {
      if (error !== null && (error as NodeJS.ErrnoException).code === "ENOENT") resolve(undefined);
      else resolve({ exitCode: error === null ? 0 : typeof error.code === "number" ? error.code : 1, stdout, stderr });
    });
  });
}
