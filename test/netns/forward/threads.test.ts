/** Guests on sockets of several networks, served by threads or by the daemon's own: what they may do is the same. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { ipv4Frame, readIpv4 } from "../../support/forward-lab.js";
import { Lab } from "../../support/lab.js";
import { needs, nft, type Requirement, root, tap } from "../../support/needs.js";
import { gatewayMacOf, SocketGuest } from "../../support/socket-guest.js";
import { until } from "../../support/wait.js";

const PATIENCE_MS = 20_000;
const NETWORKS = [
  { name: "red", base: 0x0a4d_0000, mac: 0x5254_0000_0001 },
  { name: "blue", base: 0x0a4e_0000, mac: 0x5254_0000_0003 },
] as const;
const CONFIGURATION = `
networks:
  red: { kind: routed, ipv4: 10.77.0.0/24, dataplane: user }
  blue: { kind: routed, ipv4: 10.78.0.0/24, dataplane: user }
guests:
  red1: { network: red, mac: "52:54:00:00:00:01", ipv4: 10.77.0.10 }
  red2: { network: red, mac: "52:54:00:00:00:02", ipv4: 10.77.0.11 }
  blue1: { network: blue, mac: "52:54:00:00:00:03", ipv4: 10.78.0.10 }
  blue2: { network: blue, mac: "52:54:00:00:00:04", ipv4: 10.78.0.11 }
`;

function processors(count: number): Requirement {
  return () => (availableParallelism() < count ? `needs ${count} processors` : undefined);
}

async function makeDaemon(t: TestContext, wrapper: readonly string[]): Promise<Daemon> {
  const lab = new Lab(t);
  const daemon = new Daemon(await lab.host("host"), CONFIGURATION);
  daemon.wrapper = wrapper;
  return daemon.start();
}

async function addGuest(t: TestContext, daemon: Daemon, name: string): Promise<SocketGuest> {
  const guest = await SocketGuest.add(daemon, name);
  t.after(() => guest.close());
  return guest;
}

/** Sends until the other has it from the forwarder, whose mark is the hop that is counted down. */
async function reach(daemon: Daemon, from: SocketGuest, to: SocketGuest, network: (typeof NETWORKS)[number]): Promise<void> {
  const { base, mac } = network;
  const one = { slot: 0, mac, ipv4: base + 10, ipv6: 0n };
  const packet = ipv4Frame({ from: one, to: base + 11, etherDestination: await gatewayMacOf(daemon, from.name), ttl: 40 });
  const came = (): boolean =>
    to.received.some((each) => each.length >= 34 && each[12] === 8 && each[13] === 0 && readIpv4(each).ttl === 39);
  await until(
    `a packet from ${from.name} at ${to.name}`,
    () => {
      from.send(packet);
      return came();
    },
    PATIENCE_MS,
  );
}

function servedBy(daemon: Daemon): (boolean | undefined)[] {
  const lines = daemon.log.split("\n").filter((line) => line.includes("guests on sockets are served"));
  return lines.map((line) => (JSON.parse(line) as { thread?: boolean }).thread);
}

async function allReach(t: TestContext, daemon: Daemon): Promise<void> {
  for (const network of NETWORKS) {
    const { name } = network;
    const [one, other] = [await addGuest(t, daemon, `${name}1`), await addGuest(t, daemon, `${name}2`)];
    await reach(daemon, one, other, network);
  }
  const { counters } = (await daemon.tapnet("status")) as { counters: Record<string, Record<string, number>> };
  assert.ok(counters["user"]["forwarded"] >= 2, "frames of both networks are counted");
}

describe("guests on sockets of two networks", needs(root, tap, nft), () => {
  test("with one processor both are served by the daemon's own thread", async (t) => {
    const daemon = await makeDaemon(t, ["taskset", "-c", "0"]);
    await allReach(t, daemon);
    assert.deepEqual(servedBy(daemon), [false, false]);
  });

  test("with more, as many have threads as there are processors beside one", async (t) => {
    const daemon = await makeDaemon(t, []);
    await allReach(t, daemon);
    const threads = availableParallelism() - 1;
    assert.deepEqual(servedBy(daemon), [threads > 0, threads > 1]);
    assert.equal(await daemon.stop(), 0);
  });

  test("a thread ends with its network's last guest, and there is another for the next", async (t) => {
    const daemon = await makeDaemon(t, []);
    for (let round = 0; round < 3; round++) {
      const [one, other] = [await addGuest(t, daemon, "red1"), await addGuest(t, daemon, "red2")];
      await reach(daemon, one, other, NETWORKS[0]);
      for (const guest of [one, other]) {
        await guest.close();
        await daemon.tapnet("guest", "remove", guest.name);
      }
    }
    const threads = availableParallelism() > 1;
    assert.deepEqual(servedBy(daemon), [threads, threads, threads]);
  });

  test("a thread that fails ends the daemon, and the next one serves its guests on", needs(processors(2)), async (t) => {
    const lab = new Lab(t);
    const host = await lab.host("host");
    const fail = join(lab.folder, "fail.txt");
    const loaded = join(lab.folder, "fail.mjs");
    // Loaded into every thread; those of networks look whether they are to fail.
    const body = `if (existsSync("${fail}")) { clearInterval(timer); throw new Error("a fault of the thread"); }`;
    const imports = 'import { existsSync } from "node:fs"; import { isMainThread } from "node:worker_threads";';
    writeFileSync(loaded, `${imports} if (!isMainThread) { const timer = setInterval(() => { ${body} }, 50); }\n`);
    const daemon = new Daemon(host, CONFIGURATION);
    daemon.wrapper = ["env", `NODE_OPTIONS=--import=${loaded}`];
    await daemon.start();
    const [one, other] = [await addGuest(t, daemon, "red1"), await addGuest(t, daemon, "red2")];
    await reach(daemon, one, other, NETWORKS[0]);
    writeFileSync(fail, "");
    assert.notEqual(await daemon.process.exited, 0);
    assert.match(daemon.log, /a fault of the thread/);
    rmSync(fail);
    other.received.length = 0;
    await daemon.start();
    await reach(daemon, one, other, NETWORKS[0]);
    assert.deepEqual(servedBy(daemon), [true]);
  });
});
