/** `tapnetd --rootless`: a user without rights, two real guests, and the world. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ALICE } from "../support/docs/machine.js";
import { HOST, Site, WORLD } from "../support/docs/site.js";
import { bootGuest, type Guest } from "../support/guest.js";
import { Lab } from "../support/lab.js";
import { command, needs, nft, qemu, root, tap } from "../support/needs.js";
import type { RunningProcess } from "../support/process.js";
import { until } from "../support/wait.js";

const SERVING = /"msg":"serving"/;
const RUN = `/run/user/${ALICE.uid}/tapnet`;
const START_MS = 20_000;

describe("tapnetd --rootless", needs(root, tap, nft, qemu, command("pasta", "passt")), () => {
  const lab = new Lab();
  let site: Site;
  let daemon: RunningProcess;
  let web1: Guest;
  let web2: Guest;

  const start = async (): Promise<void> => {
    daemon = site.host.start("alice", ["tapnetd", "--rootless"]);
    await daemon.waitFor(SERVING, START_MS);
  };
  const boot = async (name: string, mac: string): Promise<Guest> => {
    const netdev = `tap,br=default,helper=/usr/lib/tapnet/qemu-helper --guest=${name}`;
    return bootGuest(site.host.alicesPlace, { name, nics: [{ netdev, mac }] });
  };
  /** What alice sees of her processes, by name. */
  const processes = async (name: string): Promise<string> => {
    return (await site.host.run("alice", ["sh", "-c", `ps -u alice -o comm= | grep -c '^${name}' || true`])).stdout.trim();
  };

  before(async () => {
    site = await Site.make(lab);
    await start();
    [web1, web2] = await Promise.all([boot("web1", "52:54:00:00:00:01"), boot("web2", "52:54:00:00:00:02")]);
    await Promise.all([web1.lease(), web2.lease()]);
  });
  after(async () => lab.dispose());

  test("guests have addresses and names, and reach each other", async () => {
    assert.match((await web1.lease())["ip"] ?? "", /^10\.77\.0\./);
    await web1.must("ping -c 1 -W 2 web2");
    await web2.must("ping -c 1 -W 2 web1.tapnet.internal");
  });

  test("guests reach the world by address and by name, through a user who has no rights", async () => {
    const server = site.world.start("root", ["busybox", "httpd", "-f", "-p", "80", "-h", "/etc"]);
    assert.match(await web1.must("nslookup -type=a world.example"), new RegExp(WORLD.ipv4));
    await until("a page from the world", async () => (await web1.run("wget -q -O - http://world.example/hosts")).status === 0);
    await web2.must(`ping -c 1 -W 2 ${WORLD.ipv4}`);
    await server.stop();
  });

  test("guests reach nothing that listens on the host's loopback, not by the gateway's address either", async () => {
    const server = site.host.start("alice", ["busybox", "httpd", "-f", "-p", "127.0.0.1:8000", "-h", "/etc"]);
    const fetched = (address: string): string => `wget -q -T 3 -O - http://${address}:8000/hosts`;
    await until(
      "the server",
      async () =>
        (await site.host.run("alice", ["sh", "-c", "curl -s 127.0.0.1:8000/hosts || busybox wget -q -O - 127.0.0.1:8000/hosts"]))
          .status === 0,
    );
    for (const address of [WORLD.ipv4, "10.77.0.1", "127.0.0.1"]) {
      assert.notEqual((await web1.run(fetched(address))).status, 0, address);
    }
    await server.stop();
  });

  test("a forward leads to a guest while it runs: from the world, from the host and from its loopback, until it is removed", async () => {
    await web1.must("nc -ll -p 80 -e echo from web1 </dev/null >/dev/null 2>&1 &");
    const alice = async (...words: string[]): Promise<string> => {
      const { status, stdout, stderr } = await site.host.run("alice", words);
      assert.equal(status, 0, stderr);
      return stdout;
    };
    assert.match(await alice("tapnet", "forward", "add", "web1", "8080:80"), /8080:80\/tcp/);
    const hear = (address: string): string[] => ["sh", "-c", `busybox nc -w 5 ${address} 8080 </dev/null`];
    assert.equal((await site.world.run("root", hear(HOST.ipv4))).stdout, "from web1\n");
    assert.equal(await alice(...hear(HOST.ipv4)), "from web1\n");
    assert.equal(await alice(...hear("127.0.0.1")), "from web1\n");
    await alice("tapnet", "forward", "remove", "web1", "8080:80");
    assert.notEqual((await site.world.run("root", hear(HOST.ipv4))).status, 0);
  });

  test("alice's tapnet finds her daemon, and root's does not", async () => {
    const list = await site.host.run("alice", ["tapnet", "guest", "list", "--quiet"]);
    assert.equal(list.stdout, "web1\nweb2\n", list.stderr);
    assert.equal((await site.host.run("root", ["tapnet", "status"])).status, 3);
  });

  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    test(`${signal} and a new start cost guests no ping, inside or to the world`, async () => {
      const pings = `ping -c 30 -i 0.1 -W 2 web2 >/tmp/near & ping -c 30 -i 0.1 -W 2 ${WORLD.ipv4}; wait; cat /tmp/near`;
      const pinging = web1.must(pings);
      await until("pings under way", async () => (await web2.run("true")).status === 0);
      // The one outside: what it started inside must go with it.
      const outside = await site.host.run("alice", ["cat", `${RUN}/namespace.json`]);
      await site.host.must("pkill", `-${signal.slice("SIG".length)}`, "-u", "alice", "-o", "-x", "node");
      await daemon.exited;
      await start();
      const counts = [...(await pinging).matchAll(/(\d+) packets received/g)].map(([, count]) => count);
      assert.deepEqual(counts, ["30", "30"]);
      assert.equal((await site.host.run("alice", ["cat", `${RUN}/namespace.json`])).stdout, outside.stdout);
      assert.equal((await site.host.run("alice", ["tapnet", "guest", "list", "--quiet"])).stdout, "web1\nweb2\n");
    });
  }

  test("when the last guest has gone, the end of the daemon is the end of all of it", async () => {
    await Promise.all([web1.stop(), web2.stop()]);
    await until("both gone", async () => (await site.host.run("alice", ["tapnet", "guest", "list", "-q"])).stdout.trim() === "");
    await site.host.must("pkill", "-TERM", "-u", "alice", "-o", "-x", "node");
    assert.equal(await daemon.exited, 0, daemon.output);
    await until("nothing of alice's", async () => (await processes("\\(node\\|sleep\\|past\\|tapnet-relay\\)")) === "0");
    assert.equal((await site.host.run("alice", ["ls", RUN])).stdout.includes("namespace.json"), false);
  });
});
