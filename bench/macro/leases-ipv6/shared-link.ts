import type { Host, Lab } from "../../../test/support/lab.js";
import { until } from "../../../test/support/wait.js";
import { countFlushes } from "../../frame/flushes.js";
import { resultOf, runLoad } from "../../frame/load.js";
import { loadProgram } from "../../frame/load-program.js";
import { cpuMicroseconds, residentMb } from "../../frame/process-cost.js";
import type { Measured, System } from "../../frame/rounds.js";
import type { DhcpServer } from "../../peers/dhcp-server.js";
import { GATEWAY6, PREFIX6_LENGTH, SERVED6 } from "../../peers/dhcp6-site.js";
import { describeLoad, type LoadKind, type LoadResult } from "../leases/load-result.js";

/** One thing to measure on every server. */
export type Work6 = (link: SharedLink6) => Promise<readonly Measured[]>;

const LOAD_INTERFACE = "load";
/** The clients of the crash are new ones, so that each Reply is a lease that the store did not hold. */
const CRASH_FIRST = 1_000_000;
const CRASH_CLIENTS = 60_000;
const CRASH_MS = 30_000;
const PROBE_RETRY_MS = 20;
const START_SECONDS = 15;
const STARTS = 3;
const LEASED_MS = 120_000;

export interface SharedLink6Options {
  /** Tells the namespaces of several links apart. */
  readonly number: number;
  /** Clients that take turns. */
  readonly clients: number;
  readonly make: (host: Host) => DhcpServer;
}

/** A DHCPv6 server with a namespace of its own, and the load at the other end of its link. */
export class SharedLink6 implements System<Work6> {
  readonly name: string;
  readonly #server: DhcpServer;
  readonly #host: Host;
  readonly #clients: Host;
  readonly #clientCount: number;
  #pid = 0;

  private constructor(server: DhcpServer, host: Host, clients: Host, clientCount: number) {
    this.name = server.name;
    this.#server = server;
    this.#host = host;
    this.#clients = clients;
    this.#clientCount = clientCount;
  }

  static async make(lab: Lab, { number, clients: clientCount, make }: SharedLink6Options): Promise<SharedLink6> {
    const host = await lab.host(`server${number}`);
    const clients = await lab.host(`clients${number}`);
    await lab.link({ host: clients, ifname: LOAD_INTERFACE }, { host, ifname: SERVED6 });
    const server = make(host);
    if (server.name !== "tapnet") await host.ip(`-6 address add ${GATEWAY6}/${PREFIX6_LENGTH} dev ${SERVED6}`);
    return new SharedLink6(server, host, clients, clientCount);
  }

  async measure(work: Work6): Promise<readonly Measured[]> {
    // Where only some cases are asked for, the one that starts it may not be among them.
    if (this.#pid === 0) await this.startEmpty();
    return work(this);
  }

  /** From the start of its process to its first Reply; then the memory that it has. */
  async startEmpty(): Promise<Measured[]> {
    if (this.#pid !== 0) await this.#server.stop("SIGTERM");
    await this.#server.hold([]);
    const firstReplyMs = await this.#start();
    return [
      { metric: "start to first Reply", unit: "ms", value: firstReplyMs },
      { metric: "memory", unit: "MB", value: residentMb(this.#pid) },
    ];
  }

  /** Exchanges (Solicit to Reply) or renewals, `window` at once, for so many seconds. */
  async load(kind: LoadKind, window: number, seconds: number): Promise<Measured[]> {
    const words = ["--clients", String(this.#clientCount), "--window", String(window), "--seconds", String(seconds)];
    if (kind === "renewals") words.push("--renew");
    const load = this.#clients.start([await loadProgram("dhcp6-load"), "--interface", LOAD_INTERFACE, ...words]);
    if (kind === "renewals") await load.waitFor(/^leased$/m, LEASED_MS);
    const before = cpuMicroseconds(this.#pid);
    const result = await resultOf<LoadResult>(load);
    if (result.naks > 0) throw new Error(`${this.name} refused ${result.naks} times; it says: ${this.#server.output}`);
    return describeLoad(kind, result, cpuMicroseconds(this.#pid) - before);
  }

  /** What perfdhcp says of a server that is offered so many exchanges a second: how many end, and how long each half takes. */
  async perfdhcp(rate: number, seconds: number): Promise<Measured[]> {
    const words = ["-6", "-r", String(rate), "-R", String(this.#clientCount), "-p", String(seconds), "-l", LOAD_INTERFACE];
    // It ends with 3 where it lost messages, which is a figure here and no failure.
    const { stdout, stderr } = await this.#clients.run(["perfdhcp", ...words, "all"]);
    const ended =
      /\*\*\*Statistics for: REQUEST-REPLY\*\*\*\n(?:.*\n)*?received packets: (\d+)\n(?:.*\n)*?avg delay: ([\d.]+) ms/.exec(
        stdout,
      );
    if (ended === null) throw new Error(`perfdhcp told nothing of ${this.name}: ${stdout}${stderr}`);
    const [, replies, delayMs] = ended.map(Number);
    return [
      { metric: "rate", unit: "exchanges/s", value: replies / seconds },
      { metric: "Reply mean", unit: "µs", value: delayMs * 1000 },
    ];
  }

  /** Flushes to disk for each Reply, 32 exchanges open at once. Slow under strace: no figure for speed comes of it. */
  async flushes(exchanges: number): Promise<Measured[]> {
    const words = ["--clients", String(this.#clientCount), "--exchanges", String(exchanges), "--window", "32", "--seconds", "30"];
    let replied = 0;
    const flushes = await countFlushes(this.#host, this.#pid, async () => {
      replied = (await this.#load(words)).exchanges;
    });
    if (replied === 0) throw new Error(`${this.name} gave no lease under strace; it says: ${this.#server.output}`);
    return [{ metric: "flushes per Reply", unit: "flushes", value: flushes / replied }];
  }

  /** Kills the server while it serves, starts it again, and counts the leases that it gave and does not know any more. */
  async crash(afterReplies: number): Promise<Measured[]> {
    const clients = ["--first", String(CRASH_FIRST), "--clients", String(CRASH_CLIENTS), "--window", "32", "--seconds", "60"];
    const load = this.#clients.start([await loadProgram("dhcp6-load"), "--interface", LOAD_INTERFACE, ...clients, "--leases"]);
    // A slow server is killed with what it has given by then.
    await until(`${afterReplies} leases from ${this.name}`, () => load.stdout.length > afterReplies * 20, CRASH_MS).catch(
      () => undefined,
    );
    await this.#server.stop("SIGKILL");
    await load.stop();
    const given = [...load.stdout.matchAll(/^leased ([0-9a-f:]+)\n/gm)].map(([, address]) => address);
    if (given.length === 0) throw new Error(`${this.name} gave nothing before it was killed`);
    await this.#start();
    const stored = await this.#server.stored();
    return [
      { metric: "given before kill -9", unit: "leases", value: given.length },
      { metric: "lost by kill -9", unit: "leases", value: given.filter((address) => !stored.has(address)).length },
    ];
  }

  async end(): Promise<void> {
    if (this.#pid !== 0) await this.#server.stop("SIGTERM");
  }

  /** Starts the server; hands back how long its first Reply took, in milliseconds. */
  async #start(): Promise<number> {
    await loadProgram("dhcp6-load");
    for (let start = 1; start <= STARTS; start++) {
      const firstReplyMs = await this.#startOnce();
      if (firstReplyMs !== undefined) return firstReplyMs;
      if (start < STARTS) await this.#server.stop("SIGKILL");
    }
    throw new Error(`${this.name} does not serve, started ${STARTS} times; it says: ${this.#server.output}`);
  }

  /** Undefined where no Reply came. */
  async #startOnce(): Promise<number | undefined> {
    const words = ["--clients", "1", "--exchanges", "1", "--retry", String(PROBE_RETRY_MS), "--seconds", String(START_SECONDS)];
    const startedMs = performance.now();
    const first = this.#load(words).then(({ exchanges }) => ({ exchanges, answeredMs: performance.now() }));
    const [pid, { exchanges, answeredMs }] = await Promise.all([this.#server.start(), first]);
    this.#pid = pid;
    return exchanges === 0 ? undefined : answeredMs - startedMs;
  }

  async #load(words: readonly string[]): Promise<LoadResult> {
    try {
      return await runLoad<LoadResult>(this.#clients, "dhcp6-load", ["--interface", LOAD_INTERFACE, ...words]);
    } catch (thrown) {
      throw new Error(`${this.name} was not measured; it says: ${this.#server.output}`, { cause: thrown });
    }
  }
}
