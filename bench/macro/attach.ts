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
import { Lab } from "../../test/support/lab.js";
import { hook, packageRoot } from "../../test/support/paths.js";
import { Attacher } from "../frame/attacher.js";
import type { Bench } from "../frame/bench.js";
import { addressOf, guestSection, tapOf } from "../frame/guests.js";
import { programVersion } from "../frame/machine.js";
import type { Report } from "../frame/report.js";
import { type Measured, runRounds, type System } from "../frame/rounds.js";
import { median } from "../frame/statistics.js";

const SCRIPT = join(packageRoot, "bench", "peers", "attach-script.sh");

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
    const systems: Way[] = [];
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

async function ours(lab: Lab, most: number): Promise<Way> {
  const host = await lab.host("tapnet");
  await new Daemon(host, configuration(most)).start();
  return new Way("tapnet", await Attacher.start(host, hook("qemu-ifup")));
}

async function theirs(lab: Lab, report: Report): Promise<Way | undefined> {
  const version = programVersion("ip", "-Version");
  if (version === undefined || programVersion("sysctl", "--version") === undefined) {
    report.miss("ip + sysctl", "needs the Debian packages iproute2 and procps");
    return undefined;
  }
  report.versions["iproute2"] = /iproute2-([\d.]+)/.exec(version)?.[1] ?? version;
  const host = await lab.host("script", { forwarding: true });
  return new Way("ip + sysctl", await Attacher.start(host, SCRIPT));
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
class Way implements System<Workload> {
  readonly name: string;
  readonly #attacher: Attacher;
  #attached = 0;

  constructor(name: string, attacher: Attacher) {
    this.name = name;
    this.#attacher = attacher;
  }

  async measure({ count, perRound }: Workload): Promise<readonly Measured[]> {
    while (this.#attached < count) await this.#attacher.attach(++this.#attached);
    const numbers = Array.from({ length: perRound }, (_, index) => this.#attached + 1 + index);
    const times: number[] = [];
    for (const number of numbers) times.push(await this.#attacher.attach(number));
    await this.#check(numbers);
    await this.#attacher.detach(numbers);
    return [{ metric: "attach", unit: "ms", value: median(times) }];
  }

  async end(): Promise<void> {
    await this.#attacher.end();
  }

  async #check(numbers: readonly number[]): Promise<void> {
    const routes = await this.#attacher.host.ip("-4 route show");
    for (const number of numbers) {
      if (!routes.includes(`${addressOf(number)} dev ${tapOf(number)} `))
        throw new Error(`${this.name}: no route to guest ${number}\n${routes}`);
    }
  }
}
