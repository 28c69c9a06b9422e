/**
 * A process that outlives us, and that a later start finds again: by its pid file, and because its command line names that file.
 * A number that somebody else has by now is so never taken for it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

export interface KeptProcessOptions {
  /** The process writes it when it is ready. */
  readonly pidFile: string;
  /** What it says, as it writes on when we are gone. */
  readonly logFile: string;
  /** A word of its command line, besides the pid file, that tells it from one that served another. */
  readonly mark: string;
}

const LOOK_EVERY_MS = 20;
const UP_WITHIN_MS = 3_000;
const SAID_MOST = 300;

export class KeptProcess {
  readonly #options: KeptProcessOptions;

  constructor(options: KeptProcessOptions) {
    this.#options = options;
  }

  /** Its number where it runs. */
  get pid(): number | undefined {
    const { pidFile, mark } = this.#options;
    try {
      const pid = Number(readFileSync(pidFile, "utf8").trim());
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return pid > 0 && words.includes(pidFile) && words.includes(mark) ? pid : undefined;
    } catch {
      // No file, or no such process any more.
      return undefined;
    }
  }

  /** Starts it: `up`, `missing` where there is no such program, or what it says instead. */
  async start(program: string, words: readonly string[]): Promise<"up" | "missing" | string> {
    const { pidFile, logFile } = this.#options;
    rmSync(pidFile, { force: true });
    const output = openSync(logFile, "w", 0o600);
    const child = spawn(program, words, { detached: true, stdio: ["ignore", output, output], cwd: "/" });
    closeSync(output);
    child.unref();
    return this.#settle(child);
  }

  end(): void {
    const { pid } = this;
    if (pid !== undefined) process.kill(pid, "SIGTERM");
    rmSync(this.#options.pidFile, { force: true });
  }

  async #settle(child: ChildProcess): Promise<"up" | "missing" | string> {
    let failure: string | undefined;
    child.once("error", (error: NodeJS.ErrnoException) => (failure = error.code === "ENOENT" ? "missing" : error.message));
    child.once("exit", () => (failure ??= this.#said() || "it ended without a word"));
    for (let waitedMs = 0; waitedMs < UP_WITHIN_MS; waitedMs += LOOK_EVERY_MS) {
      if (failure !== undefined) return failure;
      if (this.pid !== undefined) return "up";
      await pause(LOOK_EVERY_MS);
    }
    return failure ?? "it does not get ready";
  }

  #said(): string {
    const lines = readFileSync(this.#options.logFile, "utf8").split("\n");
    // Without a syslog in reach pasta says so once a line.
    const own = lines.filter((line) => line.trim() !== "" && !line.endsWith("bytes to syslog"));
    return own.join("; ").slice(0, SAID_MOST);
  }
}
