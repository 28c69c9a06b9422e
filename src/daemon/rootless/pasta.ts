/**
 * Theory of operation
 *
 * pasta(1) joins a namespace to the world without any right: it makes an interface in there, with the name, address and routes of
 * the host's own way out, and turns what comes out of it into ordinary connections of this user. It is started outside, by us,
 * and like the keeper it outlives us: guests' connections are in it. A later start finds it by its pid file. Where there is no
 * pasta, or no way out of the host just now, guests still have each other; it is tried again as long as we live.
 *
 * Nothing is let in (`-t none -u none`), no port of the namespace is reachable through loopback (`-T none -U none`), and the
 * gateway's address is the gateway's, not this host's (`--no-map-gw`): by default pasta would lead guests to it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "../../base/log.js";

const PROGRAM = "pasta";
const LOOK_EVERY_MS = 20;
const UP_WITHIN_MS = 3_000;
const AGAIN_AFTER_MS = 5_000;
const SAID_MOST = 300;

export class Pasta {
  readonly #namespacePid: number;
  readonly #pidFile: string;
  readonly #logFile: string;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #warned = false;
  #ended = false;

  constructor(runDirectory: string, namespacePid: number, log: Logger) {
    this.#namespacePid = namespacePid;
    this.#pidFile = join(runDirectory, "pasta.pid");
    this.#logFile = join(runDirectory, "pasta.log");
    this.#log = log;
  }

  /** Sees to it that one runs; returns when it is up, or cannot be for now. */
  async start(): Promise<void> {
    if (this.#ended) return;
    if (this.#running() === undefined) {
      const failure = await this.#run();
      if (failure === "missing") return;
    }
    this.#timer = setTimeout(() => void this.start(), AGAIN_AFTER_MS).unref();
  }

  /** Looks after it no longer; it goes on. */
  leave(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  /** Ends it. */
  end(): void {
    this.leave();
    const pid = this.#running();
    if (pid !== undefined) process.kill(pid, "SIGTERM");
    rmSync(this.#pidFile, { force: true });
  }

  /** The process of ours that runs, by its pid file and its command line. */
  #running(): number | undefined {
    try {
      const pid = Number(readFileSync(this.#pidFile, "utf8").trim());
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      const isOurs = words.includes(this.#pidFile) && words.includes(String(this.#namespacePid));
      return pid > 0 && isOurs ? pid : undefined;
    } catch {
      // No file, or no such process any more.
      return undefined;
    }
  }

  async #run(): Promise<"missing" | undefined> {
    rmSync(this.#pidFile, { force: true });
    // Into a file, since it writes on when we are gone.
    const output = openSync(this.#logFile, "w", 0o600);
    const child = spawn(PROGRAM, this.#words(), { detached: true, stdio: ["ignore", output, output], cwd: "/" });
    closeSync(output);
    child.unref();
    const outcome = await this.#settle(child);
    if (outcome === "up") {
      if (this.#warned) this.#log.info({}, "guests have a way out again");
      this.#warned = false;
      return undefined;
    }
    if (!this.#warned) this.#warn(outcome);
    this.#warned = true;
    return outcome === "missing" ? "missing" : undefined;
  }

  #words(): string[] {
    const closed = ["-t", "none", "-u", "none", "-T", "none", "-U", "none", "--no-map-gw"];
    // As root it would become nobody, who may not enter.
    const user = process.getuid?.() === 0 ? ["--runas", "0"] : [];
    return ["--foreground", "--quiet", "--config-net", ...closed, ...user, "-P", this.#pidFile, String(this.#namespacePid)];
  }

  /** It writes its pid file when the interface is up. */
  async #settle(child: ChildProcess): Promise<"up" | "missing" | string> {
    let failure: string | undefined;
    child.once("error", (error: NodeJS.ErrnoException) => (failure = error.code === "ENOENT" ? "missing" : error.message));
    child.once("exit", () => (failure ??= this.#said() || "it ended without a word"));
    for (let waitedMs = 0; waitedMs < UP_WITHIN_MS; waitedMs += LOOK_EVERY_MS) {
      if (failure !== undefined) return failure;
      if (this.#running() !== undefined) return "up";
      await pause(LOOK_EVERY_MS);
    }
    return failure ?? "it does not get ready";
  }

  #said(): string {
    const lines = readFileSync(this.#logFile, "utf8").split("\n");
    // Without a syslog in reach it says so once a line.
    const own = lines.filter((line) => line.trim() !== "" && !line.endsWith("bytes to syslog"));
    return own.join("; ").slice(0, SAID_MOST);
  }

  #warn(outcome: string): void {
    if (outcome === "missing") {
      this.#log.warn({}, "there is no pasta, so guests reach each other but not the world: install the package passt");
    } else {
      this.#log.warn({ pasta: outcome }, "pasta does not start, so guests reach each other but not the world; it is tried again");
    }
  }
}
