/**
 * Theory of operation
 *
 * pasta(1) joins a namespace to the world without any right: it makes an interface in there, with the name, address and routes of
 * the host's own way out, and turns what comes out of it into ordinary connections of this user. It is started outside, by us,
 * and like the keeper it outlives us: guests' connections are in it. A later start finds it by its pid file. Where there is no
 * pasta, or no way out of the host just now, guests still have each other; it is tried again as long as we live.
 *
 * Nothing is let in (`-t none -u none`; forwards are the relay's), no port of the namespace is reachable through loopback
 * (`-T none -U none`), and the gateway's address is the gateway's, not this host's (`--no-map-gw`): by default pasta would lead
 * guests to it.
 */
import { join } from "node:path";
import type { Logger } from "../../base/log.js";
import { KeptProcess } from "./kept-process.js";

const PROGRAM = "pasta";
const AGAIN_AFTER_MS = 5_000;

export class Pasta {
  readonly #namespacePid: number;
  readonly #pidFile: string;
  readonly #process: KeptProcess;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #warned = false;
  #ended = false;

  constructor(runDirectory: string, namespacePid: number, log: Logger) {
    this.#namespacePid = namespacePid;
    this.#pidFile = join(runDirectory, "pasta.pid");
    const logFile = join(runDirectory, "pasta.log");
    this.#process = new KeptProcess({ pidFile: this.#pidFile, logFile, mark: String(namespacePid) });
    this.#log = log;
  }

  /** Sees to it that one runs; returns when it is up, or cannot be for now. */
  async start(): Promise<void> {
    if (this.#ended) return;
    if (this.#process.pid === undefined) {
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
    this.#process.end();
  }

  async #run(): Promise<"missing" | undefined> {
    const outcome = await this.#process.start(PROGRAM, this.#words());
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

  #warn(outcome: string): void {
    if (outcome === "missing") {
      this.#log.warn({}, "there is no pasta, so guests reach each other but not the world: install the package passt");
    } else {
      this.#log.warn({ pasta: outcome }, "pasta does not start, so guests reach each other but not the world; it is tried again");
    }
  }
}
