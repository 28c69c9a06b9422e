/** Attaches guests on a host as QEMU does, one `qemu-ifup` (or what is in its place) each; it holds their TAPs until they go. */
import type { Host } from "../../test/support/lab.js";
import type { RunningProcess } from "../../test/support/process.js";
import { tapOf } from "./guests.js";
import { loadProgram } from "./load-program.js";

const ATTACH_MS = 10_000;
const BATCH_MS = 60_000;
/** All TAPs go at once by their group: closing their descriptors one by one takes the kernel 20 ms each. */
const GROUP = 77;

export class Attacher {
  readonly host: Host;
  readonly #launcher: RunningProcess;
  #numbers: number[] = [];

  private constructor(host: Host, launcher: RunningProcess) {
    this.host = host;
    this.#launcher = launcher;
  }

  static async start(host: Host, hook: string, env: Readonly<Record<string, string>> = {}): Promise<Attacher> {
    return new Attacher(host, host.start([await loadProgram("launch"), hook], { env }));
  }

  /** Hands back how long the hook took, in milliseconds. */
  async attach(number: number): Promise<number> {
    this.#launcher.stdout = "";
    this.#launcher.child.stdin?.write(`${tapOf(number)}\n`);
    const [, nanoseconds, status] = await this.#launcher.waitFor(/^\S+ (\d+) (\d+)$/m, ATTACH_MS);
    if (status !== "0") throw new Error(`${tapOf(number)}: status ${status}\n${this.#launcher.stderr}`);
    this.#numbers.push(number);
    return Number(nanoseconds) / 1e6;
  }

  /** Removes the TAPs of these guests; the other ones stay. */
  async detach(numbers: readonly number[]): Promise<void> {
    this.#numbers = this.#numbers.filter((number) => !numbers.includes(number));
    await this.#ipBatch(numbers.map((number) => `link delete ${tapOf(number)}`));
  }

  async end(): Promise<void> {
    if (this.#numbers.length > 0)
      await this.#ipBatch([
        ...this.#numbers.map((number) => `link set ${tapOf(number)} group ${GROUP}`),
        `link delete group ${GROUP}`,
      ]);
    this.#numbers = [];
    await this.#launcher.stop();
  }

  async #ipBatch(lines: readonly string[]): Promise<void> {
    const { status, stderr } = await this.host.run(["ip", "-batch", "-"], {
      input: `${lines.join("\n")}\n`,
      timeoutMs: BATCH_MS,
    });
    if (status !== 0) throw new Error(`ip -batch: ${stderr}`);
  }
}
