import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";

/** What a command that ended has left. */
export interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** The command is killed after this long. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 20_000;
const KILL_AFTER_MS = 3_000;

/**
 * A program in the background, ended by its pid.
 *
 * It dies with this process, however that ends (PR_SET_PDEATHSIG), and has a session of its own, so that Ctrl-C on the
 * terminal reaches us first and the order of the shutdown is ours. Everything it prints is kept.
 */
export class RunningProcess {
  readonly command: string;
  readonly child: ChildProcess;
  readonly exited: Promise<number>;
  stdout = "";
  stderr = "";
  #status: number | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(argv: readonly string[], options: Pick<ProcessOptions, "env"> = {}) {
    this.command = argv.join(" ");
    this.child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...argv], {
      env: { ...process.env, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#note("stdout", text));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#note("stderr", text));
    this.child.stdin?.on("error", () => this.child.stdin?.destroy());
    this.exited = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", (code, signal) => {
        this.#status = code ?? 128 + signalNumber(signal);
        for (const watcher of this.#watchers) watcher();
        resolve(this.#status);
      });
    });
    this.exited.catch(() => undefined);
  }

  /** The same as the program's own pid: `setpriv` and `ip netns exec` replace themselves. */
  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.command}: did not start`);
    return this.child.pid;
  }

  get running(): boolean {
    return this.#status === undefined && this.child.pid !== undefined;
  }

  /** All that was printed on both streams; the order between the two is lost. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  /** Waits until the output matches; throws with the output when the program ends or the time is up first. */
  async waitFor(pattern: RegExp, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        outcome();
      };
      const look = (): void => {
        const match = pattern.exec(this.output);
        if (match !== null) settle(() => resolve(match));
        else if (!this.running) settle(() => reject(new Error(this.#report(`ended with ${this.#status} before ${pattern}`))));
      };
      const timer = setTimeout(() => {
        settle(() => reject(new Error(this.#report(`no ${pattern} in ${timeoutMs} ms`))));
      }, timeoutMs);
      this.#watchers.add(look);
      look();
    });
  }

  signal(name: NodeJS.Signals): void {
    if (this.running) send(this.pid, name);
  }

  /** Kills it and whatever it has started, unless that has a session of its own. Waits for nothing. */
  killGroup(): void {
    if (this.child.pid !== undefined) send(-this.child.pid, "SIGKILL");
  }

  /** Asks, waits, insists. Resolves with the exit status when the program and what it has started are gone. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number> {
    this.signal(signal);
    // All of them: a child that lives keeps the pipes open, and then this never counts as ended.
    const insist = setTimeout(() => this.killGroup(), KILL_AFTER_MS);
    try {
      return await this.exited;
    } finally {
      clearTimeout(insist);
      this.killGroup();
    }
  }

  #note(stream: "stdout" | "stderr", text: string): void {
    this[stream] += text;
    for (const watcher of [...this.#watchers]) watcher();
  }

  #report(what: string): string {
    return `${this.command}: ${what}\n${this.output}`;
  }
}

/** Runs a command to its end and hands back what it left, whatever its status. */
export async function run(argv: readonly string[], options: ProcessOptions = {}): Promise<Result> {
  const running = new RunningProcess(argv, options);
  running.child.stdin?.end(options.input ?? "");
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    running.signal("SIGKILL");
  }, timeoutMs);
  try {
    const status = await running.exited;
    if (timedOut) throw new Error(`${running.command}: still running after ${timeoutMs} ms\n${running.output}`);
    return { status, stdout: running.stdout, stderr: running.stderr };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a command that must succeed; hands back its standard output. */
export async function must(argv: readonly string[], options: ProcessOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await run(argv, options);
  if (status !== 0) throw new Error(`${argv.join(" ")}: status ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** A process that has just ended is no mistake: its end is told to us later than it happens. */
function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
  }
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal];
}
