/**
 * How long a guest's start waits for its network: `qemu-ifup` from exec to exit, beside a script that does the same with `ip` and
 * `sysctl`, where so many guests are attached already.
 *
 * Each system has a namespace of its own and attaches all its guests itself. The programs are started and timed by
 * `native/bench/launch.c`, which makes the TAPs and holds them as QEMU does. After each round it is checked that the new guests
 * have their route; then their TAPs are removed again, so that the next round starts from the same number.
 */
import { join } from "node:path";
import { Daemon } from "../../test/support/daemon.js";
import { type Host, Lab } from "../../test/support/lab.js";
import { hook, packageRoot } from "../../test/support/paths.js";
import type { RunningProcess } from "../../test/support/process.js";
import type { Bench } from "../frame/bench.js";
import { addressOf, guestSection } from "../frame/guests.js";
import { loadProgram } from "../frame/load-program.js";
import { programVersion } from "../frame/machine.js";
import type { Report } from "../frame/report.js";
import { type Measured, runRounds, type System } from "../frame/rounds.js";
import { median } from "../frame/statistics.js";

const SCRIPT = join(packageRoot, "bench", "peers", "attach-script.sh");
const ATTACH_MS = 10_000;

interface Size {
  readonly attached: readonly number[];
  /** Guests attached in one round; the round's value is their median. */
  readonly perRound: number;
}

const FULL: Size = { attached: [1, 100, 1000], perRound: 20 };
const SMOKE: Size = { attached: [1, 5], perRound: 3 };

export const bench: Bench = {
  about: "qemu-ifup as a whole process, with a script of ip and sysctl",
  rounds: 5,
  async run(size, report) {
    const { attached, perRound } = size.smoke ? SMOKE : FULL;
    const lab = new Lab();
    const systems: Attacher[] = [];
    try {
      systems.push(await ours(lab, Math.max(...attached) + perRound));
      const rival = await theirs(lab, report);
      if (rival !== undefined) systems.push(rival);
      const cases = attached.map((count) => ({ name: `${count} attached`, workload: { count, perRound } }));
      await runRounds({ cases, systems }, size, report);
      for (const system of systems) await system.end();
    } finally {
      await lab.dispose();
    }
  },
};

async function ours(lab: Lab, most: number): Promise<Attacher> {
  const host = await lab.host("tapnet");
  await new Daemon(host, configuration(most)).start();
  return new Attacher("tapnet", host, host.start([await loadProgram("launch"), hook("qemu-ifup")]));
}

async function theirs(lab: Lab, report: Report): Promise<Attacher | undefined> {
  const version = programVersion("ip", "-Version");
  if (version === undefined || programVersion("sysctl", "--version") === undefined) {
    report.miss("ip + sysctl", "needs the Debian packages iproute2 and procps");
    return undefined;
  }
  report.versions["iproute2"] = /iproute2-([\d.]+)/.exec(version)?.[1] ?? version;
  const host = await lab.host("script", { forwarding: true });
  return new Attacher("ip + sysctl", host, host.start([await loadProgram("launch"), SCRIPT]));
}

interface Workload {
  readonly count: number;
  readonly perRound: number;
}

/** Every guest has its address from the start, so that both systems have the same to do. */
function configuration(most: number): string {
  return `networks:\n  default: { kind: nat, ipv4: 10.77.0.0/16 }\n${guestSection(most)}`;
}

/** One way to attach, on its own host, with the guests that it has attached so far. */
class Attacher implements System<Workload> {
  readonly name: string;
  readonly #host: Host;
  readonly #launcher: RunningProcess;
  #attached = 0;

  constructor(name: string, host: Host, launcher: RunningProcess) {
    this.name = name;
    this.#host = host;
    this.#launcher = launcher;
  }

  async measure({ count, perRound }: Workload): Promise<readonly Measured[]> {
    while (this.#attached < count) await this.#attach(++this.#attached);
    const numbers = Array.from({ length: perRound }, (_, index) => this.#attached + 1 + index);
    const times: number[] = [];
    for (const number of numbers) times.push(await this.#attach(number));
    await this.#check(numbers);
    await this.#ipBatch(numbers.map((number) => `link delete tn-b${number}`));
    return [{ metric: "attach", unit: "ms", value: median(times) }];
  }

  /** Removes all TAPs at once: closing their descriptors one by one takes the kernel 20 ms each. */
  async end(): Promise<void> {
    const numbers = Array.from({ length: this.#attached }, (_, index) => index + 1);
    await this.#ipBatch([...numbers.map((number) => `link set tn-b${number} group 77`), "link delete group 77"]);
  }

  /** Attaches one guest; hands back how long its script took, in milliseconds. */
  async #attach(number: number): Promise<number> {
    this.#launcher.stdout = "";
    this.#launcher.child.stdin?.write(`tn-b${number}\n`);
    const [, nanoseconds, status] = await this.#launcher.waitFor(/^\S+ (\d+) (\d+)$/m, ATTACH_MS);
    if (status !== "0") throw new Error(`${this.name}: tn-b${number}: status ${status}\n${this.#launcher.stderr}`);
    return Number(nanoseconds) / 1e6;
  }

  async #ipBatch(lines: readonly string[]): Promise<void> {
    const { status, stderr } = await this.#host.run(["ip", "-batch", "-"], { input: `${lines.join("\n")}\n`, timeoutMs: 60_000 });
    if (status !== 0) throw new Error(`ip -batch: ${stderr}`);
  }

  async #check(numbers: readonly number[]): Promise<void> {
    const routes = await this.#host.ip("-4 route show");
    for (const number of numbers) {
      if (!routes.includes(`${addressOf(number)} dev tn-b${number} `))
        throw new Error(`${this.name}: no route to guest ${number}\n${routes}`);
    }
  }
}
