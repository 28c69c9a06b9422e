/** What a machine may lack or forbid when a user starts a daemon of her own: said at once, and nothing is left behind. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ALICE, CHECKOUT, Machine } from "../../support/docs/machine.js";
import { stage } from "../../support/docs/site.js";
import { Lab, type Scope } from "../../support/lab.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";
import type { RunningProcess } from "../../support/process.js";
import { until } from "../../support/wait.js";

const SERVING = /"msg":"serving"/;
const START_MS = 20_000;
const RUN = `/run/user/${ALICE.uid}/tapnet`;
const ROOTLESS = ["tapnetd", "--rootless"];

async function makeHost(scope: Scope): Promise<Machine> {
  const lab = new Lab(scope);
  stage(lab);
  return Machine.make(lab, "host");
}

/** The processes of alice, by name. */
async function processes(host: Machine): Promise<string[]> {
  const { stdout } = await host.run("root", ["ps", "-u", "alice", "-o", "comm="]);
  return stdout.split("\n").filter((name) => name !== "" && name !== "ps");
}

describe("tapnetd --rootless", needs(root, tap, nft), () => {
  test("where users may not make namespaces it says which setting forbids it", async (t) => {
    const host = await makeHost(t);
    // The limit is that of the namespace in which it is set: this one is nobody's but ours.
    const limited = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"';
    const { status, stderr } = await host.run("root", [
      "unshare",
      "--user",
      "--map-root-user",
      "sh",
      "-c",
      limited,
      "sh",
      ...ROOTLESS,
    ]);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^tapnetd: this machine does not let you make a namespace \(unshare.*\): user\.max_user_namespaces is 0\. As root: sysctl -w user\.max_user_namespaces=\d+\n$/,
    );
  });

  test("where /dev/net/tun is closed it says so, and makes nothing", async (t) => {
    const host = await makeHost(t);
    await host.must("chmod", "600", "/dev/net/tun");
    const { status, stderr } = await host.run("alice", ROOTLESS);
    assert.equal(status, 1);
    assert.equal(stderr, "tapnetd: you may not open /dev/net/tun; as root: chmod 666 /dev/net/tun\n");
    assert.deepEqual(await processes(host), []);
  });

  test("a configuration with a mistake starts nothing", async (t) => {
    const host = await makeHost(t);
    const write = "mkdir -p ~/.config/tapnet; echo 'networks: { default: { kind: none } }' >~/.config/tapnet/tapnet.yaml";
    await host.run("alice", ["sh", "-c", write]);
    const { status, stderr } = await host.run("alice", ROOTLESS);
    assert.equal(status, 2);
    assert.match(stderr, /^\/home\/alice\/\.config\/tapnet\/tapnet\.yaml:1:/);
    assert.deepEqual(await processes(host), []);
  });

  test("without pasta it serves, and says what is missing", async (t) => {
    const host = await makeHost(t);
    await host.must("rm", "-f", "/usr/bin/pasta");
    const daemon = host.start("alice", ROOTLESS);
    await daemon.waitFor(SERVING, START_MS);
    assert.match(daemon.output, /there is no pasta, so guests reach each other but not the world: install the package passt/);
  });

  test("without the program that carries forwards it serves, and says that they lead nowhere", async (t) => {
    const host = await makeHost(t);
    const write = "mkdir -p ~/.config/tapnet; cat >~/.config/tapnet/tapnet.yaml";
    await host.run("alice", ["sh", "-c", write], { input: "guests: { web1: { forwards: [8080:80] } }\n" });
    // As where it was not built: nobody else's checkout changes.
    await host.must("mount", "--bind", "/dev/null", `${CHECKOUT}/build/Release/tapnet-relay`);
    const daemon = host.start("alice", ROOTLESS);
    await daemon.waitFor(SERVING, START_MS);
    assert.match(daemon.output, /port forwards lead nowhere: what carries them does not start; it is tried again/);
    const { stdout } = await host.run("alice", ["tapnet", "status"]);
    assert.match(stdout, /^tapnetd .*, rootless$/m);
    assert.match(stdout, /forwards lead nowhere: tapnet-relay, which carries them, does not answer; it is tried again/);
    const refused = await host.run("alice", ["tapnet", "forward", "add", "web1", "8081:81"]);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /8081:81\/tcp of guest web1: tapnet-relay, which carries forwards, does not answer/);
    const list = await host.run("alice", ["tapnet", "forward", "list"]);
    assert.doesNotMatch(list.stdout, /8081/);
  });

  test(
    "on a host without a way out it serves, and has one as soon as the host does",
    needs(command("pasta", "passt")),
    async (t) => {
      const host = await makeHost(t);
      const daemon = host.start("alice", ROOTLESS);
      await daemon.waitFor(SERVING, START_MS);
      assert.match(daemon.output, /pasta does not start/);
      await host.host.ip("link add up0 type veth peer name up1");
      await host.host.ip("link set up1 up");
      await host.host.ip("link set up0 up");
      await host.host.ip("address add 192.0.2.2/24 dev up0");
      await host.host.ip("route add default via 192.0.2.1");
      await daemon.waitFor(/guests have a way out again/, START_MS);
    },
  );

  test("two that start at once: one serves, the other says who does", async (t) => {
    const host = await makeHost(t);
    const both = [host.start("alice", ROOTLESS), host.start("alice", ROOTLESS)];
    const ended = (daemon: RunningProcess): boolean => !daemon.running;
    await until("one to give up", () => both.some(ended), START_MS);
    const [loser, winner] = ended(both[0]) ? both : both.toReversed();
    await winner.waitFor(SERVING, START_MS);
    assert.match(loser.output, /is running already/);
    assert.equal((await processes(host)).filter((name) => name === "sleep").length, 1);
  });

  test("without a login's folders it serves from /tmp, but from no folder that is another's", async (t) => {
    const host = await makeHost(t);
    await host.must("rm", "-r", `/run/user/${ALICE.uid}`);
    const bare = ["env", "-u", "XDG_RUNTIME_DIR"];
    const folder = join("/tmp", `tapnet-${ALICE.uid}`);
    await host.must("mkdir", folder);
    const { status, stderr } = await host.run("alice", [...bare, ...ROOTLESS]);
    assert.equal(status, 1);
    assert.match(stderr, /belongs to somebody else/);
    await host.must("rmdir", folder);
    await host.start("alice", [...bare, ...ROOTLESS]).waitFor(SERVING, START_MS);
    const { stdout } = await host.run("alice", [...bare, "tapnet", "--json", "status"]);
    assert.match(stdout, /"version"/);
  });

  test("--cleanup takes all of it away, with a guest's network too", async (t) => {
    const host = await makeHost(t);
    const daemon = host.start("alice", ROOTLESS);
    await daemon.waitFor(SERVING, START_MS);
    const refused = await host.run("alice", [...ROOTLESS, "--cleanup"]);
    assert.match(refused.stderr, /is running already/);
    await host.must("pkill", "-KILL", "-u", "alice", "-x", "node");
    await daemon.exited;
    assert.ok((await processes(host)).includes("sleep"));
    const { status, stderr } = await host.run("alice", [...ROOTLESS, "--cleanup"]);
    assert.equal(status, 0, stderr);
    await until("nothing of alice's", async () => (await processes(host)).length === 0);
    assert.equal((await host.run("alice", ["ls", RUN])).stdout.includes("namespace.json"), false);
  });
});
