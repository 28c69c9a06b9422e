/**
 * The firewalls themselves, not what they look like: ufw, Docker with a container, firewalld, each on a host of the lab with
 * files of its own. What guests reach is as `docs/who-reaches-whom.md` has it, but for what such a firewall says of the host's
 * own ports.
 */
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { test } from "node:test";
import { Host } from "../../support/lab.js";
import { command, needs, nft, root } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { ask } from "../../support/reach.js";
import { until } from "../../support/wait.js";
import { assertTable, Matrix, pageTable } from "./matrix.js";

const ROWS = ["nat", "routed", "bridge, way-out: nat", "the world"];
/** A row that is not answered takes seconds to ask. */
const SOON_MS = 30_000;
const ping = command("ping", "iputils-ping");

/** The page's rows; `theHost` is what the world reaches of the host itself. */
function expected(theHost: string): string[] {
  const columns = pageTable()[0].split(" | ");
  return pageTable()
    .filter((line, index) => index < 2 || ROWS.some((row) => line.startsWith(`| ${row} |`)))
    .map((line) => {
      const cells = line.split(" | ");
      if (cells[0] === "| the world") cells[columns.indexOf("the host")] = theHost;
      return cells.join(" | ");
    });
}

async function pass(host: Host, program: string): Promise<void> {
  await until("guests to pass", async () => (await host.must(program, "-S", "FORWARD")).split("--comment tapnet").length === 3);
}

test("ufw", needs(root, nft, ping, command("ufw")), async (t) => {
  const matrix = await Matrix.make(t);
  const { host } = matrix;
  const files = host.lab.subfolder("ufw");
  cpSync("/etc/ufw", files, { recursive: true });
  const ufw = async (...words: readonly string[]): Promise<string> =>
    host.must(...Host.withOwnFiles(["ufw", ...words], { replaced: { "/etc/ufw": files } }));
  await ufw("--force", "enable");
  await pass(host, "iptables");
  await pass(host, "ip6tables");
  assertTable(await matrix.table(ROWS), expected("ping"));
  await ufw("route", "deny", "proto", "tcp", "to", "192.0.2.80", "port", "7777");
  await ufw("reload");
  await pass(host, "iptables");
  const row = async (): Promise<string> => (await matrix.table(["nat"])).at(-1) ?? "";
  await until("the denial to hold", async () => (await row()).endsWith(" IPv4: ping, UDP; IPv6: all |"), SOON_MS);
  await ufw("disable");
  await until(
    "all to be as before",
    async () => {
      const table = await matrix.table(ROWS);
      return JSON.stringify(table) === JSON.stringify(expected("all"));
    },
    SOON_MS,
  );
});

test(
  "Docker, which makes the host forward and drops what is not its own",
  needs(root, nft, ping, command("dockerd", "docker.io"), command("docker", "docker.io"), command("busybox")),
  async (t) => {
    let docker: Client = async () => "";
    const matrix = await Matrix.make(t, {
      prepare: async (host) => {
        docker = await startDocker(host);
        assert.match(await host.must("iptables", "-S", "FORWARD"), /-P FORWARD DROP/);
      },
    });
    const { host } = matrix;
    await pass(host, "iptables");
    assertTable(await matrix.table(ROWS), expected("all"));
    try {
      await besideContainer(matrix, docker);
    } finally {
      // Its control group is the machine's.
      await docker("rm", "-f", "c1");
      await host.must("sh", "-c", `mount -t cgroup2 cgroup2 /sys/fs/cgroup; rmdir /sys/fs/cgroup/${host.namespace}`);
    }
  },
);

async function besideContainer(matrix: Matrix, docker: Client): Promise<void> {
  await docker("run", "-d", "--name", "c1", "-p", "8088:80", "box", "/bin/busybox", "httpd", "-f", "-p", "80");
  const address = (await docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "c1")).trim();
  assert.match(address, /^172\.17\./);
  for (const from of [matrix.other("the world"), matrix.guest("nat-a")])
    assert.deepEqual(await ask(from, ["open 198.51.100.2 8088"]), ["open"], "a container's port");
  assert.match(await docker("exec", "c1", "/bin/busybox", "nc", "-w", "3", "10.3.0.10", "7777"), /^routed-a /, "the other way");
  await matrix.daemon.tapnet("forward", "add", "nat-a", "8099:7777");
  assert.deepEqual(await ask(matrix.other("the world"), ["tcp 198.51.100.2 8099"]), ["nat-a 192.0.2.80"]);
  assertTable(await matrix.table(ROWS), expected("all"), "with a container: ");
}

type Client = (...words: readonly string[]) => Promise<string>;

/** With files of its own; hands back how its client is called. */
async function startDocker(host: Host): Promise<Client> {
  const folder = host.lab.subfolder("docker");
  const socket = `unix://${folder}/docker.sock`;
  const places = ["--data-root", `${folder}/data`, "--exec-root", `${folder}/exec`, "--pidfile", `${folder}/pid`];
  const mounts = "mount -t tmpfs tmpfs /run; mount -t cgroup2 cgroup2 /sys/fs/cgroup";
  // It has the host forward by itself, and only then does it drop.
  await host.sysctl({ "ipv4/ip_forward": 0 });
  // Containers outlive it; with their process namespace they go.
  const alone = "exec unshare --pid --fork --kill-child --mount-proc dockerd";
  const dockerd = host.start([
    "sh",
    "-e",
    "-c",
    `${mounts}; ${alone} "$@"`,
    "sh",
    ...places,
    "-H",
    socket,
    "--group",
    "0",
    "--cgroup-parent",
    host.namespace ?? "",
  ]);
  const docker: Client = async (...words) => host.must("docker", "-H", socket, ...words);
  await until(
    "dockerd to answer",
    async () => {
      if (!dockerd.running) throw new Error(`dockerd ended:\n${dockerd.output.slice(-2000)}`);
      return (await host.run(["docker", "-H", socket, "version"])).status === 0;
    },
    30_000,
  );
  const busybox = "b=$(command -v busybox); mkdir -p bin etc; cp $b bin/; libraries=$(ldd $b | grep -o '/[^ ]*')";
  const image = `${busybox} && cp -L --parents $libraries . && tar c *`;
  await host.must("sh", "-e", "-c", `cd $(mktemp -d -p ${folder}) && { ${image}; } | docker -H ${socket} import - box`);
  return docker;
}

test(
  "firewalld: what doctor advises lets guests pass",
  needs(root, nft, ping, command("firewalld"), command("dbus-daemon", "dbus-daemon")),
  async (t) => {
    const matrix = await Matrix.make(t);
    const { host } = matrix;
    const folder = host.lab.subfolder("firewalld");
    const bus = `unix:path=${folder}/bus`;
    host.env["DBUS_SYSTEM_BUS_ADDRESS"] = bus;
    host.start(["dbus-daemon", "--system", "--nofork", "--nopidfile", `--address=${bus}`]);
    cpSync("/etc/firewalld", `${folder}/etc`, { recursive: true });
    await until("the bus", async () => (await host.run(["test", "-S", `${folder}/bus`])).status === 0);
    const own = { replaced: { "/etc/firewalld": `${folder}/etc` } };
    host.start(Host.withOwnFiles(["firewalld", "--nofork", "--nopid"], own));
    const client = async (...words: readonly string[]) => host.run(Host.withOwnFiles(["firewall-cmd", ...words], own));
    await until("firewalld to answer", async () => (await client("--state")).status === 0, 30_000);
    const row = async (): Promise<string> => (await matrix.table(["nat"])).at(-1) ?? "";
    await until("firewalld to refuse", async () => (await row()).endsWith("– |"), SOON_MS);
    const { stdout } = await host.run([...script("src/cli/main"), "doctor"]);
    const advice = [...stdout.matchAll(/firewall-cmd ([^;\n]+)/g)].map(([, words]) => words.trim().split(/\s+/));
    assert.ok(advice.length >= 3, stdout);
    for (const words of advice) {
      const { status, stderr } = await client(...words);
      assert.equal(status, 0, `${words.join(" ")}: ${stderr}`);
    }
    const wanted = pageTable().find((line) => line.startsWith("| nat |"));
    await until("guests to pass", async () => (await row()) === wanted, SOON_MS);
  },
);
