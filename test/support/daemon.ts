import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Host } from "./lab.js";
import { script } from "./paths.js";
import type { RunningProcess } from "./process.js";
import { until } from "./wait.js";

const START_MS = 10_000;

/**
 * A tapnetd on a host of a lab, with folders of its own. Hooks and guests started on that host find it (`TAPNET_RUN`).
 *
 * It can be killed and started again: its folders stay until the lab goes.
 */
export class Daemon {
  readonly host: Host;
  readonly runFolder: string;
  readonly stateFolder: string;
  /** What it is started with: `["taskset", "-c", "0"]`. */
  wrapper: readonly string[] = [];
  readonly #config: string | undefined;
  #process: RunningProcess | undefined;

  /** Without a configuration it runs on its embedded default. */
  constructor(host: Host, config?: string) {
    this.host = host;
    this.runFolder = join(host.lab.subfolder(host.name), "run");
    this.stateFolder = join(host.lab.subfolder(host.name), "state");
    host.env["TAPNET_RUN"] = this.runFolder;
    if (config !== undefined) {
      this.#config = join(host.lab.subfolder(host.name), "tapnet.yaml");
      writeFileSync(this.#config, config);
    }
  }

  /** Another configuration, for its next start or SIGHUP. */
  configure(config: string): void {
    if (this.#config === undefined) throw new Error("tapnetd runs without a configuration file");
    writeFileSync(this.#config, config);
  }

  /** Starts it and waits until it answers: a configuration of ten thousand guests takes its time. */
  async start(timeoutMs = START_MS): Promise<this> {
    const started = this.host.start([...this.wrapper, ...script("src/daemon/main"), ...this.#arguments]);
    this.#process = started;
    const answers = async (): Promise<boolean> => {
      if (!started.running) throw new Error(`tapnetd ended with status ${await started.exited}:\n${started.output}`);
      return canConnect(join(this.runFolder, "control.sock"));
    };
    await until("tapnetd to answer", answers, timeoutMs);
    return this;
  }

  get #arguments(): string[] {
    const config = this.#config === undefined ? [] : ["--config", this.#config];
    return [...config, "--run", this.runFolder, "--state", this.stateFolder];
  }

  get process(): RunningProcess {
    if (this.#process === undefined) throw new Error("tapnetd was not started");
    return this.#process;
  }

  /** What it has logged since it was last started. */
  get log(): string {
    return this.process.output;
  }

  /** SIGTERM: the clean end. Hands back the exit status. */
  async stop(): Promise<number> {
    return this.process.stop();
  }

  /** SIGKILL: the crash. */
  async kill(): Promise<void> {
    await this.process.stop("SIGKILL");
  }

  /** Runs `tapnetd --cleanup`: the daemon must have been stopped. */
  async cleanup(): Promise<void> {
    await this.host.must(...script("src/daemon/main"), ...this.#arguments, "--cleanup");
  }

  /** Runs `tapnet` with `--json` and hands back what it printed. */
  async tapnet(...words: readonly string[]): Promise<unknown> {
    return JSON.parse(await this.host.must(...script("src/cli/main"), "--json", ...words));
  }
}

async function canConnect(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
