/**
 * How fast names are answered, and what an answer costs: tapnetd beside dnsmasq, unbound, Knot and NSD.
 *
 * Each server has a namespace of its own, with an upstream that knows every name. `native/bench/dns-load.c` keeps a fixed
 * number of questions open and checks every answer: its id, its question, its code, and that there is a record where there
 * should be one; one wrong answer ends the benchmark. It asks over sockets, as the host does, and by whole frames over a TAP,
 * as a guest does: the rivals then have the host's own stack between them and the TAP, tapnetd has not.
 */
import { type Host, Lab } from "../../test/support/lab.js";
import { until } from "../../test/support/wait.js";
import type { Bench } from "../frame/bench.js";
import { resultOf, runLoad } from "../frame/load.js";
import { loadProgram } from "../frame/load-program.js";
import { programVersion } from "../frame/machine.js";
import { cpuMicroseconds, residentMb } from "../frame/process-cost.js";
import type { Report } from "../frame/report.js";
import { type Measured, runRounds, type System } from "../frame/rounds.js";
import { type DnsPeer, dnsServers } from "../peers/dns-servers.js";
import { DOMAIN, GATEWAY_MAC, GUEST, NAMES, SERVER, UPSTREAM } from "../peers/dns-site.js";

const START_MS = 20_000;
const RCODE_NXDOMAIN = 3;
const CACHED_NAMES = 1000;
/** Questions of a new zone each time, so that none is in the cache from the measurement before. */
let zonesAsked = 0;

interface Size {
  readonly seconds: number;
  /** Questions kept open, and over how many sockets. */
  readonly clients: readonly { readonly open: number; readonly sockets: number }[];
}

const FULL: Size = {
  seconds: 3,
  clients: [
    { open: 1, sockets: 1 },
    { open: 100, sockets: 20 },
  ],
};
const SMOKE: Size = { seconds: 0.4, clients: [{ open: 100, sockets: 20 }] };

/** What is asked: words for the load, and whether only a server that forwards can answer. */
interface Asked {
  readonly name: string;
  readonly forwarded: boolean;
  /** Asked for a moment before it counts, so that it is in the cache. */
  readonly warm: boolean;
  words(): readonly string[];
}

const ASKED: readonly Asked[] = [
  { name: "local names", forwarded: false, warm: false, words: () => ["--domain", DOMAIN, "--names", String(NAMES)] },
  {
    name: "NXDOMAIN",
    forwarded: false,
    warm: false,
    words: () => ["--domain", `none.${DOMAIN}`, "--names", String(NAMES), "--rcode", String(RCODE_NXDOMAIN)],
  },
  {
    name: "cache hits",
    forwarded: true,
    warm: true,
    words: () => ["--domain", "cached.example", "--names", String(CACHED_NAMES)],
  },
  { name: "cache misses", forwarded: true, warm: false, words: () => ["--domain", `z${++zonesAsked}.example`, "--miss"] },
];

export const bench: Bench = {
  about: "tapnetd as DNS server, with dnsmasq, unbound, Knot and NSD",
  rounds: 3,
  async run(size, report) {
    const lab = new Lab();
    try {
      const systems: Server[] = [];
      for (const [number, peer] of installed(report).entries()) systems.push(await Server.start(lab, number, peer));
      await runRounds({ cases: casesOf(size.smoke ? SMOKE : FULL), systems }, size, report);
    } finally {
      await lab.dispose();
    }
  },
};

/** The servers that are on this machine; the others are named as missing. */
function installed(report: Report): DnsPeer[] {
  return dnsServers.filter(({ name, installed: needed }) => {
    if (needed === undefined) return true;
    const version = programVersion(needed.program, ...needed.versionWords);
    if (version === undefined) report.miss(name, `needs the Debian package ${needed.package}`);
    else report.versions[name] = /\d+(?:\.\d+)+\S*/.exec(version)?.[0] ?? version;
    return version !== undefined;
  });
}

type Work = (server: Server) => Promise<readonly Measured[]>;

function casesOf({ seconds, clients }: Size): { name: string; workload: Work }[] {
  const cases: { name: string; workload: Work }[] = [];
  for (const path of ["socket", "frames"] as const) {
    for (const asked of ASKED) {
      for (const { open, sockets } of clients) {
        const words = ["--open", String(open), "--sockets", String(sockets), "--seconds", String(seconds)];
        cases.push({ name: `${asked.name} by ${path}, ${open} open`, workload: (server) => server.ask(asked, path, words) });
      }
    }
  }
  return [...cases, { name: "after all of it", workload: (server) => server.memory() }];
}

/** What `native/bench/dns-load.c` prints. */
interface LoadResult {
  readonly answered: number;
  readonly perSecond: number;
  readonly retries: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

class Server implements System<Work> {
  readonly name: string;
  readonly #peer: DnsPeer;
  readonly #host: Host;
  readonly #pid: number;

  private constructor(peer: DnsPeer, host: Host, pid: number) {
    this.name = peer.name;
    this.#peer = peer;
    this.#host = host;
    this.#pid = pid;
  }

  static async start(lab: Lab, number: number, peer: DnsPeer): Promise<Server> {
    const host = await lab.host(`dns${number}`);
    await host.ip(`address add ${UPSTREAM}/32 dev lo`);
    await host.start([await loadProgram("dns-upstream"), UPSTREAM]).waitFor(/^serving$/m);
    const pid = await peer.start(host);
    const probe = [await loadProgram("dns-load"), "--server", SERVER, "--domain", DOMAIN, "--open", "1", "--seconds", "0.1"];
    await until(`${peer.name} to answer`, async () => (await host.run(probe)).status === 0, START_MS);
    return new Server(peer, host, pid);
  }

  measure(work: Work): Promise<readonly Measured[]> {
    return work(this);
  }

  async ask(asked: Asked, path: "socket" | "frames", words: readonly string[]): Promise<readonly Measured[]> {
    if (asked.forwarded && !this.#peer.forwards) return [];
    const load = ["--server", SERVER, ...asked.words()];
    if (asked.warm) await runLoad(this.#host, "dns-load", [...load, "--seconds", "0.3"]);
    const before = cpuMicroseconds(this.#pid);
    const result = await this.#load([...load, ...words, ...(path === "frames" ? this.#asGuest() : [])]);
    const cpuUs = cpuMicroseconds(this.#pid) - before;
    return [
      { metric: "rate", unit: "queries/s", value: result.perSecond },
      { metric: "p50", unit: "µs", value: result.p50Us },
      { metric: "p99", unit: "µs", value: result.p99Us },
      { metric: "p99.9", unit: "µs", value: result.p999Us },
      { metric: "CPU per query", unit: "µs", value: cpuUs / result.answered },
      { metric: "asked again", unit: "queries", value: result.retries },
    ];
  }

  memory(): Promise<readonly Measured[]> {
    return Promise.resolve([{ metric: "memory", unit: "MB", value: residentMb(this.#pid) }]);
  }

  #asGuest(): string[] {
    const { ifname, mac, address } = GUEST;
    return ["--tap", ifname, "--mac", mac, "--address", address, "--server-mac", GATEWAY_MAC, "--hook", this.#peer.hook];
  }

  async #load(words: readonly string[]): Promise<LoadResult> {
    const env = { GATEWAY: `${SERVER}/24`, GATEWAY_MAC, NEIGHBOUR: `${GUEST.address} ${GUEST.mac}` };
    return resultOf(this.#host.start([await loadProgram("dns-load"), ...words], { env }));
  }
}
