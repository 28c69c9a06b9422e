/**
 * The process that leads ports of the host to guests (`native/relay`). Like pasta it is started outside and outlives us, since
 * guests' connections are in it, and a later start finds it. Which ports, the daemon says to it (`wiring/relay.ts`).
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "../../base/log.js";
import { relaySocket } from "../../control/paths.js";
import { KeptProcess } from "./kept-process.js";

const PROGRAM = fileURLToPath(new URL("../../../../build/Release/tapnet-relay", import.meta.url));
const LOOK_EVERY_MS = 2_000;

export class RelayProcess {
  readonly #words: readonly string[];
  readonly #process: KeptProcess;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #failed = false;

  constructor(runDirectory: string, namespacePid: number, log: Logger) {
    const pidFile = join(runDirectory, "relay.pid");
    this.#words = [relaySocket(runDirectory), pidFile, String(namespacePid)];
    this.#process = new KeptProcess({ pidFile, logFile: join(runDirectory, "relay.log"), mark: String(namespacePid) });
    this.#log = log;
  }

  /** Sees to it that one runs, as long as we live. */
  async start(): Promise<void> {
    if (this.#ended) return;
    if (this.#process.pid === undefined) await this.#run();
    this.#timer = setTimeout(() => void this.start(), LOOK_EVERY_MS).unref();
  }

  /** Looks after it no longer; it goes on. */
  leave(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  end(): void {
    this.leave();
    this.#process.end();
  }

  async #run(): Promise<void> {
    const outcome = await this.#process.start(PROGRAM, this.#words);
    const failed = outcome !== "up";
    if (failed && !this.#failed) {
      const said = outcome === "missing" ? `there is no ${PROGRAM}: install tapnet again, or npm run build:native` : outcome;
      this.#log.warn({ relay: said }, "port forwards lead nowhere: what carries them does not start; it is tried again");
    }
    this.#failed = failed;
  }
}
