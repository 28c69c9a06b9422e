import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, suite, test } from "node:test";
import type { Host } from "../../support/lab.js";
import { command, needs, nft, type Requirement, root } from "../../support/needs.js";
import { ask, respond } from "../../support/reach.js";
import { until } from "../../support/wait.js";
import { RuleSite, WORLD } from "./site.js";

const RATE_UP = 20e6;
const RATE_DOWN = 30e6;
/** How far the measured may be from what is set: iperf3 counts what TCP carries, which is 97 % of the IP packets. */
const TOLERANCE = 0.05;
const PACKETS = 100;
const CONNECTIONS = 5;

const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24 }
  small: { kind: routed, ipv4: 203.0.113.0/24, limit: { packets: ${PACKETS} } }
guests:
  fast1: { mac: "52:54:00:00:00:0a", ipv4: 10.77.0.10 }
  slow1: { mac: "52:54:00:00:00:0b", ipv4: 10.77.0.11, limit: { up: 20mbit, down: 30mbit } }
  few1: { mac: "52:54:00:00:00:0c", ipv4: 10.77.0.12, limit: { connections: ${CONNECTIONS} } }
  small1: { network: small, mac: "52:54:00:00:00:1a", ipv4: 203.0.113.10 }
`;

const shaping: Requirement = () => {
  const commands = [
    "ip link add one type veth peer name two",
    "ip link add queue type ifb",
    "tc qdisc add dev one root tbf rate 1mbit burst 16kb limit 64kb",
    "tc qdisc add dev one handle ffff: ingress",
    "tc filter add dev one parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev queue",
  ];
  const probe = spawnSync("unshare", ["--net", "sh", "-e", "-c", commands.join("\n")], { encoding: "utf8" });
  return probe.status === 0 ? undefined : `needs a kernel with tbf, ifb, u32 and mirred: ${probe.stderr.trim()}`;
};

suite("limits of guests", needs(root, nft, shaping, command("iperf3"), command("ping", "iputils-ping")), () => {
  const ends: (() => Promise<void>)[] = [];
  let site: RuleSite;
  let slow: Host;

  before(async () => {
    site = await RuleSite.start({ after: (run) => void ends.push(run) }, CONFIGURATION);
    slow = await site.guest({ name: "slow1", mac: "52:54:00:00:00:0b", ipv4: "10.77.0.11", gateway: "10.77.0.1" });
    await site.world.start(["iperf3", "-s", "--forceflush"]).waitFor(/listening/);
    await respond(site.world, 7777);
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  async function measure(...options: readonly string[]): Promise<number> {
    const text = await slow.must("iperf3", "-c", WORLD.ipv4, "-t", "4", "-J", ...options);
    return (JSON.parse(text) as { end: { sum_received: { bits_per_second: number } } }).end.sum_received.bits_per_second;
  }

  function isWithin(measured: number, rate: number): void {
    assert.ok(Math.abs(measured / rate - 1) <= TOLERANCE, `${(measured / 1e6).toFixed(1)} of ${rate / 1e6} Mbit/s`);
  }

  test("what a guest sends, and what it gets, keeps to its rate", async () => {
    const [up, down] = [await measure(), await measure("-R")];
    isWithin(up, RATE_UP);
    isWithin(down, RATE_DOWN);
  });

  test("a restart of the daemon changes nothing of it; a detach leaves nothing of it", async () => {
    const { host, daemon } = site;
    const queues = async (): Promise<string> =>
      host.must("sh", "-c", "tc qdisc show | grep -v noqueue; ip -br link show type ifb");
    const earlier = await queues();
    assert.match(earlier, /tbf .* dev tnq\d+ .*|qdisc tbf/);
    await daemon.kill();
    assert.equal(await queues(), earlier);
    await daemon.start();
    assert.equal(await queues(), earlier);
    await daemon.tapnet("guest", "detach", "slow1");
    await until("the queue to go", async () => !(await host.must("ip", "-br", "link")).includes("tnq"));
    assert.doesNotMatch(await host.must("tc", "qdisc", "show"), /tbf/);
    await daemon.tapnet("guest", "attach", "tn-slow1");
    await host.ip("link delete tn-slow1");
    await until("the queue to go with its link", async () => !(await host.must("ip", "-br", "link")).includes("tnq"));
  });

  test("packets in a second, each way, as the network says for each of its guests", async () => {
    const small = await site.guest({ name: "small1", mac: "52:54:00:00:00:1a", ipv4: "203.0.113.10", gateway: "203.0.113.1" });
    await site.world.ip("route add 203.0.113.0/24 via 198.51.100.2");
    for (const [from, to] of [
      [small, WORLD.ipv4],
      [site.world, "203.0.113.10"],
    ] as const) {
      const startedMs = performance.now();
      const { stdout } = await from.run(["ping", "-n", "-q", "-c", "300", "-i", "0.002", "-W", "1", to]);
      const seconds = (performance.now() - startedMs) / 1000;
      const received = Number(/(\d+) received/.exec(stdout)?.[1]);
      assert.ok(received >= PACKETS / 10 && received <= PACKETS * (seconds + 0.1) + 1, `${received} in ${seconds} s`);
    }
  });

  test("connections at a time", async () => {
    const few = await site.guest({ name: "few1", mac: "52:54:00:00:00:0c", ipv4: "10.77.0.12", gateway: "10.77.0.1" });
    const answers = await ask(
      few,
      Array.from({ length: 2 * CONNECTIONS }, () => `udp ${WORLD.ipv4} 7777`),
    );
    assert.equal(answers.filter((answer) => answer !== null).length, CONNECTIONS);
    await respond(few, 7777);
    const asked = await ask(
      site.host,
      Array.from({ length: 2 * CONNECTIONS }, () => "udp 10.77.0.12 7777"),
    );
    assert.equal(
      asked.filter((answer) => answer !== null).length,
      CONNECTIONS,
      "those of the host, as forwards without root are",
    );
  });

  test("a guest without limits has none", async () => {
    const fast = await site.guest({ name: "fast1", mac: "52:54:00:00:00:0a", ipv4: "10.77.0.10", gateway: "10.77.0.1" });
    const { stdout } = await fast.run(["ping", "-n", "-q", "-c", "300", "-i", "0.002", "-W", "1", WORLD.ipv4]);
    assert.match(stdout, / 300 received/);
    const answers = await ask(
      fast,
      Array.from({ length: 2 * CONNECTIONS }, () => `udp ${WORLD.ipv4} 7777`),
    );
    assert.ok(answers.every((answer) => answer !== null));
  });
});
