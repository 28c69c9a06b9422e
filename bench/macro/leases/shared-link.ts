import type { Host, Lab } from "../../../test/support/lab.js";
import { until } from "../../../test/support/wait.js";
import { countFlushes } from "../../frame/flushes.js";
import { resultOf, runLoad } from "../../frame/load.js";
import { loadProgram } from "../../frame/load-program.js";
import { cpuMicroseconds, residentMb } from "../../frame/process-cost.js";
import type { Measured, System } from "../../frame/rounds.js";
import type { DhcpServer } from "../../peers/dhcp-server.js";
import { GATEWAY, heldLeases, PREFIX_LENGTH, RELAY, SERVED } from "../../peers/dhcp-site.js";
import { describeLoad, type LoadKind, type LoadResult } from "./load-result.js";

/** One thing to measure on every shared link. */
export type Work = (link: SharedLink) => Promise<readonly Measured[]>;

const LOAD_INTERFACE = "load";
/** The clients of the crash are new ones, so that each ACK is a lease that the store did not hold. */
const CRASH_FIRST = 1_000_000;
const CRASH_CLIENTS = 60_000;
const CRASH_MS = 30_000;
const PROBE_RETRY_MS = 20;
/** How long a server may take to its first ACK: dnsmasq reads 50,000 leases for more than 20 s. */
const START_SECONDS = { empty: 15, full: 120 } as const;
/** A server that does not serve is started again so many times before the benchmark gives up. */
const STARTS = 3;
const LEASED_MS = 120_000;

export interface SharedLinkOptions {
  /** Tells the namespaces of several links apart. */
  readonly number: number;
  /** Clients that take turns: enough for the widest window, few enough that all of them come again. */
  readonly clients: number;
  readonly make: (host: Host, clients: Host) => DhcpServer;
}

/** A server with a namespace of its own, and the load at the other end of its link. */
export class SharedLink implements System<Work> {
  readonly name: string;
  readonly isRival: boolean;
  readonly #server: DhcpServer;
  readonly #host: Host;
  readonly #clients: Host;
  readonly #clientCount: number;
  #pid = 0;
  #startSeconds: number = START_SECONDS.empty;

  private constructor(server: DhcpServer, host: Host, clients: Host, clientCount: number) {
    this.name = server.name;
    this.isRival = server.name !== "tapnet";
    this.#server = server;
    this.#host = host;
    this.#clients = clients;
    this.#clientCount = clientCount;
  }

  static async make(lab: Lab, { number, clients: clientCount, make }: SharedLinkOptions): Promise<SharedLink> {
    const host = await lab.host(`server${number}`);
    const clients = await lab.host(`clients${number}`);
    await lab.link({ host: clients, ifname: LOAD_INTERFACE }, { host, ifname: SERVED });
    const server = make(host, clients);
    if (server.name !== "tapnet") await host.ip(`address add ${GATEWAY}/${PREFIX_LENGTH} dev ${SERVED}`);
    const relayMac = (await clients.must("cat", `/sys/class/net/${LOAD_INTERFACE}/address`)).trim();
    await host.ip(`neighbour replace ${RELAY} lladdr ${relayMac} dev ${SERVED} nud permanent`);
    return new SharedLink(server, host, clients, clientCount);
  }

  measure(work: Work): Promise<readonly Measured[]> {
    return work(this);
  }

  /** From the start of its process to its first ACK, with so many leases in its store; then the memory that it has. */
  async startWith(count: number): Promise<Measured[]> {
    if (this.#pid !== 0) await this.#server.stop("SIGTERM");
    await this.#server.hold(heldLeases(count));
    this.#startSeconds = count === 0 ? START_SECONDS.empty : START_SECONDS.full;
    const firstAnswerMs = await this.#start();
    return [
      { metric: "start to first ACK", unit: "ms", value: firstAnswerMs },
      { metric: "memory", unit: "MB", value: residentMb(this.#pid) },
    ];
  }

  /** Exchanges (DISCOVER to ACK) or renewals, `window` at once, for so many seconds. */
  async load(kind: LoadKind, window: number, seconds: number): Promise<Measured[]> {
    if (this.#pid === 0) await this.startWith(0);
    const words = ["--clients", String(this.#clientCount), "--window", String(window), "--seconds", String(seconds)];
    if (kind === "renewals") words.push("--relay", RELAY, "--renew");
    const load = this.#clients.start([await loadProgram("dhcp-load"), "--interface", LOAD_INTERFACE, ...words]);
    if (kind === "renewals") await load.waitFor(/^leased$/m, LEASED_MS);
    const before = cpuMicroseconds(this.#pid);
    const result = await resultOf<LoadResult>(load);
    return describeLoad(kind, result, cpuMicroseconds(this.#pid) - before);
  }

  /** Flushes to disk for each ACK, 32 exchanges open at once. Slow under strace: no figure for speed comes of it. */
  async flushes(exchanges: number): Promise<Measured[]> {
    const words = ["--clients", String(this.#clientCount), "--exchanges", String(exchanges), "--window", "32", "--seconds", "30"];
    let acknowledged = 0;
    if (this.#pid === 0) await this.startWith(0);
    const flushes = await countFlushes(this.#host, this.#pid, async () => {
      acknowledged = (await this.#load(words)).exchanges;
    });
    if (acknowledged === 0) throw new Error(`${this.name} gave no lease under strace; it says: ${this.#server.output}`);
    return [{ metric: "flushes per ACK", unit: "flushes", value: flushes / acknowledged }];
  }

  /** Kills the server while it serves, starts it again, and counts the leases that it acknowledged and does not know any more. */
  async crash(afterAcks: number): Promise<Measured[]> {
    if (this.#pid === 0) await this.startWith(0);
    const clients = ["--first", String(CRASH_FIRST), "--clients", String(CRASH_CLIENTS), "--window", "32", "--seconds", "60"];
    const load = this.#clients.start([await loadProgram("dhcp-load"), "--interface", LOAD_INTERFACE, ...clients, "--leases"]);
    // A slow server is killed with what it has acknowledged by then.
    await until(`${afterAcks} leases from ${this.name}`, () => load.stdout.length > afterAcks * 30, CRASH_MS).catch(
      () => undefined,
    );
    await this.#server.stop("SIGKILL");
    await load.stop();
    const acknowledged = [...load.stdout.matchAll(/^[0-9a-f:]{17} ([\d.]+)\n/gm)].map(([, address]) => address);
    if (acknowledged.length === 0) throw new Error(`${this.name} acknowledged nothing before it was killed`);
    await this.#start();
    const stored = await this.#server.stored();
    return [
      { metric: "acknowledged before kill -9", unit: "leases", value: acknowledged.length },
      { metric: "lost by kill -9", unit: "leases", value: acknowledged.filter((address) => !stored.has(address)).length },
    ];
  }

  async end(): Promise<void> {
    if (this.#pid !== 0) await this.#server.stop("SIGTERM");
  }

  /** Starts the server; hands back how long its first ACK took, in milliseconds. */
  async #start(): Promise<number> {
    await loadProgram("dhcp-load");
    for (let start = 1; start <= STARTS; start++) {
      const firstAckMs = await this.#startOnce();
      if (firstAckMs !== undefined) return firstAckMs;
      if (start < STARTS) await this.#server.stop("SIGKILL");
    }
    throw new Error(`${this.name} does not serve, started ${STARTS} times; it says: ${this.#server.output}`);
  }

  /** Undefined where no ACK came. */
  async #startOnce(): Promise<number | undefined> {
    const seconds = String(this.#startSeconds);
    const words = ["--clients", "1", "--exchanges", "1", "--retry", String(PROBE_RETRY_MS), "--seconds", seconds];
    const startedMs = performance.now();
    const first = this.#load(words).then(({ exchanges }) => ({ exchanges, answeredMs: performance.now() }));
    const [pid, { exchanges, answeredMs }] = await Promise.all([this.#server.start(), first]);
    this.#pid = pid;
    return exchanges === 0 ? undefined : answeredMs - startedMs;
  }

  async #load(words: readonly string[]): Promise<LoadResult> {
    try {
      return await runLoad<LoadResult>(this.#clients, "dhcp-load", ["--interface", LOAD_INTERFACE, ...words]);
    } catch (thrown) {
      throw new Error(`${this.name} was not measured; it says: ${this.#server.output}`, { cause: thrown });
    }
  }
}
