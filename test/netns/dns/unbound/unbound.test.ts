/**
 * The same questions to tapnetd's DNS and to unbound, over one mock upstream: the same answers, but for differences that
 * `differences.json` lists and explains. `TAPNET_DIFFERENTIAL=100000` asks so many; an ordinary run asks fewer.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { describeRecord, parse, type ResourceRecord } from "../../../../src/wire/dns/message.js";
import { formatRcode, formatType, RCODE } from "../../../../src/wire/dns/numbers.js";
import { type Host, Lab } from "../../../support/lab.js";
import { needs, root } from "../../../support/needs.js";
import { packageRoot, script } from "../../../support/paths.js";
import type { RunningProcess } from "../../../support/process.js";
import { unpacked, unpackedEnvironment, unpackedProgram } from "../../../support/unpacked.js";
import { type Asked, question } from "./questions.js";

const QUESTIONS = Number(process.env["TAPNET_DIFFERENTIAL"] ?? 2500);
const SERVER = "10.77.0.1";
const WORLD = "192.0.2.53";

/** A difference that is known: all three are regular expressions over words as `text` and `inWords` make them. */
interface Difference {
  readonly question: string;
  readonly ours: string;
  readonly theirs: string;
  readonly why: string;
}

const differences = JSON.parse(
  readFileSync(join(packageRoot, "test/netns/dns/unbound/differences.json"), "utf8"),
) as readonly Difference[];

const CONFIGURATION = `server:
  interface: ${SERVER}
  access-control: 0.0.0.0/0 allow
  do-daemonize: no
  username: ""
  chroot: ""
  directory: ""
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  do-ip6: no
  edns-buffer-size: 1232
  max-udp-size: 1232
  private-address: 10.0.0.0/8
  infra-keep-probing: yes
  infra-host-ttl: 1
  cache-max-ttl: 86400
  cache-max-negative-ttl: 10800
  num-queries-per-thread: 2048
  outgoing-range: 4096
  incoming-num-tcp: 400
  deny-any: yes
  ede: yes
  verbosity: 0
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: ${WORLD}
`;

/** Asks one server, from its own host. */
class Courier {
  readonly #process: RunningProcess;
  readonly #ready: Promise<unknown>;

  constructor(host: Host) {
    this.#process = host.start([...script("test/netns/dns/courier"), SERVER]);
    this.#ready = this.#process.waitFor(/ready/);
  }

  async carry(asked: readonly Asked[]): Promise<(Uint8Array | undefined)[]> {
    await this.#ready;
    this.#process.stdout = "";
    const { stdin } = this.#process.child;
    for (const [number, { transport, bytes }] of asked.entries())
      stdin?.write(`${number} ${transport} ${Buffer.from(bytes).toString("hex")}\n`);
    stdin?.write("end\n");
    await this.#process.waitFor(/^done$/m, 120_000);
    const replies = new Array<Uint8Array | undefined>(asked.length).fill(undefined);
    for (const line of this.#process.stdout.trim().split("\n")) {
      const [number, hex = ""] = line.split(" ");
      if (hex !== "") replies[Number(number)] = new Uint8Array(Buffer.from(hex, "hex"));
    }
    return replies;
  }
}

/** What was the same, and what was not. */
class Comparison {
  readonly used = new Map<Difference, number>();
  readonly unexplained: Asked[] = [];
  /** Of what was last found different. */
  readonly words = new Map<Asked, string>();
  same = 0;

  /** Hands back the questions whose answers differ, and nobody has said why. */
  compare(asked: readonly Asked[], [mine, others]: readonly (readonly (Uint8Array | undefined)[])[]): Asked[] {
    return asked.filter((each, index) => {
      const [one, other] = [inWords(mine[index]), inWords(others[index])];
      if (one === other) {
        this.same++;
        return false;
      }
      const known = differences.find(
        (difference) =>
          matches(difference.question, each.text) && matches(difference.ours, one) && matches(difference.theirs, other),
      );
      if (known !== undefined) this.used.set(known, (this.used.get(known) ?? 0) + 1);
      else this.words.set(each, `${each.text}\n  ours:   ${one}\n  theirs: ${other}`);
      return known === undefined;
    });
  }
}

/** What matters of a reply, in words. TTLs count down, cookies are random, additional records are a courtesy. */
function inWords(reply: Uint8Array | undefined): string {
  if (reply === undefined) return "silence";
  const message = parse(reply);
  if (typeof message === "string") return `broken: ${message}`;
  const { rcode, truncated, recursionAvailable, questions, answers, authorities } = message;
  const served = rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN;
  const flags = [
    truncated ? " tc" : "",
    recursionAvailable || !served ? "" : " no-ra",
    questions.length === 1 ? "" : " no-question",
  ];
  const list = (records: readonly ResourceRecord[]) => records.map(recordWords).sort().join(", ");
  const denial = authorities.filter(({ type }) => formatType(type) === "SOA");
  const told = truncated ? "" : ` [${list(answers)}] [${denial.length > 0 ? "SOA" : ""}]`;
  return `${formatRcode(rcode)}${flags.join("")}${told}`;
}

function recordWords(record: ResourceRecord): string {
  return describeRecord({ ...record, name: record.name.toLowerCase(), ttlSeconds: 0 }).toLowerCase();
}

describe("ours beside unbound", needs(root, unpackedProgram("usr/sbin/unbound", "-V")), () => {
  const lab = new Lab({ after });
  let ours: Courier;
  let theirs: Courier;

  before(async () => {
    const world = await lab.host("world");
    await world.ip(`address add ${WORLD}/32 dev lo`);
    await world.start([...script("test/netns/dns/unbound/world"), WORLD]).waitFor(/serving/);
    const couriers: Courier[] = [];
    for (const [number, name] of ["ours", "theirs"].entries()) {
      const host = await lab.host(name);
      await lab.link(
        { host, ifname: "up0", addresses: [`198.51.${100 + number}.2/24`] },
        { host: world, ifname: `to-${name}`, addresses: [`198.51.${100 + number}.1/24`] },
      );
      await host.ip(`route add default via 198.51.${100 + number}.1`);
      await host.ip(`address add ${SERVER}/32 dev lo`);
      if (name === "ours") {
        await host.start([...script("test/netns/dns/serve"), SERVER, WORLD]).waitFor(/serving/);
      } else {
        const file = join(lab.folder, "unbound.conf");
        writeFileSync(file, CONFIGURATION);
        const started = host.start([unpacked("usr/sbin/unbound"), "-d", "-c", file], { env: unpackedEnvironment() });
        await started.waitFor(/start of service/);
      }
      couriers.push(new Courier(host));
    }
    [ours, theirs] = couriers;
  });

  test(`${QUESTIONS} questions, good and hostile: the same answers, or a difference that is explained`, async (t) => {
    const comparison = new Comparison();
    for (let first = 0; first < QUESTIONS; first += 2000) {
      const asked = Array.from({ length: Math.min(2000, QUESTIONS - first) }, (_, index) => question(first + index));
      let open = comparison.compare(asked, await Promise.all([ours.carry(asked), theirs.carry(asked)]));
      // A machine that is busy loses a datagram, or answers after its time: such a question is asked again.
      if (open.length > 0) open = comparison.compare(open, await Promise.all([ours.carry(open), theirs.carry(open)]));
      comparison.unexplained.push(...open);
    }
    const { used, same, unexplained, words } = comparison;
    for (const [{ question: of, why }, count] of used) t.diagnostic(`${count} × ${of}: ${why}`);
    t.diagnostic(`${same} of ${QUESTIONS} the same, ${unexplained.length} differences unexplained`);
    const shown = unexplained.slice(0, 40).map((asked) => words.get(asked));
    assert.equal(shown.join("\n"), "", `${unexplained.length} differences`);
  });
});

function matches(pattern: string, text: string): boolean {
  return new RegExp(`^(?:${pattern})$`, "s").test(text);
}
