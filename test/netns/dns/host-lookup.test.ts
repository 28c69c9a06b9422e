/** This host's own lookups of guests' names: a real systemd-resolved, which tapnetd tells what to ask it. */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { Host, Lab } from "../../support/lab.js";
import { command, needs, nft, qemu, root, tap } from "../../support/needs.js";
import { attachNamespace } from "../../support/port.js";
import { unpacked, unpackedProgram } from "../../support/unpacked.js";
import { until } from "../../support/wait.js";

const MAC = "52:54:00:00:00:10";
const WORLD = "198.51.100.1";
const CONFIGURATION = `
networks:
  default: { kind: isolated, ipv4: 10.77.0.0/24 }
  lab: { kind: isolated, ipv4: 10.78.0.0/24, domain: lab.example }
guests:
  web1: { mac: "${MAC}", ipv4: 10.77.0.10 }
`;
const RESOLVED_USER = 65_500;
const RESOLVED = "lib/systemd/systemd-resolved";
const TOLD = /this host resolves guests' names by systemd-resolved/;

/** A message bus and resolved, on a host; everything that runs there later finds the bus. */
async function startResolved(host: Host): Promise<void> {
  const folder = host.lab.subfolder("resolved");
  const address = `unix:path=${join(folder, "bus")}`;
  const policy = '<allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>';
  const bus = `<busconfig><type>system</type><listen>${address}</listen><auth>EXTERNAL</auth>
<policy context="default">${policy}</policy></busconfig>`;
  writeFileSync(join(folder, "bus.conf"), bus);
  host.env["DBUS_SYSTEM_BUS_ADDRESS"] = address;
  host.env["PATH"] = `${unpacked("usr/bin")}:${process.env["PATH"] ?? ""}`;
  const own = { "/etc/passwd": "passwd", "/etc/group": "group", "/etc/resolv.conf": "resolv.conf" };
  for (const file of ["passwd", "group"]) copyFileSync(`/etc/${file}`, join(folder, file));
  writeFileSync(join(folder, "passwd"), `systemd-resolve:x:${RESOLVED_USER}:${RESOLVED_USER}::/:/bin/false\n`, { flag: "a" });
  writeFileSync(join(folder, "group"), `systemd-resolve:x:${RESOLVED_USER}:\n`, { flag: "a" });
  writeFileSync(join(folder, "resolv.conf"), `nameserver ${WORLD}\n`);
  const replaced = Object.fromEntries(Object.entries(own).map(([path, file]) => [path, join(folder, file)]));
  const words = ["dbus-daemon", `--config-file=${join(folder, "bus.conf")}`, "--nofork", "--nopidfile", "--print-address"];
  // The bus lets in whom it finds in its list of accounts.
  await host.start(Host.withOwnFiles(words, { replaced })).waitFor(/unix:path/);
  const state = `mkdir -p /run/systemd/resolve; chown ${RESOLVED_USER}:${RESOLVED_USER} /run/systemd/resolve; exec "$0"`;
  host.start(Host.withOwnFiles(["sh", "-c", state, unpacked(RESOLVED)], { empty: ["/run"], replaced }), {
    env: { SYSTEMD_LOG_TARGET: "console" },
  });
  await until("resolved to answer", async () => (await host.run(["resolvectl", "dns"])).status === 0);
}

describe(
  "this host's own lookups",
  needs(root, tap, nft, qemu, command("dbus-daemon"), command("getent"), unpackedProgram(RESOLVED, "--version")),
  () => {
    const lab = new Lab({ after });
    let host: Host;
    let daemon: Daemon;

    before(async () => {
      host = await lab.host("host");
      const world = await lab.host("world");
      await lab.link(
        { host, ifname: "up0", addresses: ["198.51.100.2/24"] },
        { host: world, ifname: "eth0", addresses: [`${WORLD}/24`] },
      );
      await world.start([process.execPath, join(import.meta.dirname, "../../support/dns-upstream.js"), WORLD]).waitFor(/serving/);
      await startResolved(host);
      daemon = await new Daemon(host, CONFIGURATION).start();
      await daemon.process.waitFor(TOLD);
      await attachNamespace(host, await lab.host("web1"), MAC);
    });

    /** By the C library, with resolved as its only server. */
    async function lookUp(name: string): Promise<string> {
      const file = join(lab.folder, "resolv.conf");
      const switches = join(lab.folder, "nsswitch.conf");
      writeFileSync(file, "nameserver 127.0.0.53\noptions timeout:2 attempts:2\n");
      writeFileSync(switches, "hosts: dns\n");
      const replaced = { "/etc/resolv.conf": file, "/etc/nsswitch.conf": switches };
      const { stdout } = await host.run(Host.withOwnFiles(["getent", "hosts", name], { replaced }));
      return stdout.trim().replaceAll(/\s+/g, " ");
    }

    test("a guest's name, forward and reverse, through resolved", async () => {
      assert.equal(await lookUp("web1.tapnet.internal"), "10.77.0.10 web1.tapnet.internal");
      assert.equal(await lookUp("10.77.0.10"), "10.77.0.10 web1.tapnet.internal");
      assert.match(await lookUp("gateway.lab.example"), /^10\.78\.0\.1 /);
      assert.equal(await lookUp("nobody.tapnet.internal"), "");
    });

    test("resolved asks us for our domains and for nothing else", async () => {
      const status = await host.must("resolvectl", "status", "tapnet-dns");
      assert.match(status, /Protocols: -DefaultRoute/);
      assert.match(status, /DNS Servers: 10\.77\.0\.1\n/);
      const domains = (/DNS Domain: ([\s\S]*)$/.exec(status)?.[1] ?? "").trim().split(/\s+/);
      const ours = ["~tapnet.internal", "~0.77.10.in-addr.arpa", "~lab.example", "~0.78.10.in-addr.arpa"];
      assert.deepEqual(domains.sort(), ours.sort());
    });

    test("names of the world are asked where they were asked before", async () => {
      const asked = async () => ((await daemon.tapnet("dns", "stats")) as { questions: number }).questions;
      const earlier = await asked();
      assert.match(await lookUp("world.example"), /world\.example/);
      assert.equal(await asked(), earlier);
    });

    test("after a crash resolved has forgotten it, and the next start tells it again", async () => {
      await daemon.kill();
      assert.notEqual((await host.run(["ip", "link", "show", "tapnet-dns"])).status, 0);
      await daemon.start();
      await daemon.process.waitFor(TOLD);
      assert.equal(await lookUp("web1.tapnet.internal"), "10.77.0.10 web1.tapnet.internal");
    });

    test("another namespace's tapnetd, which reaches the same bus, changes nothing here", async () => {
      const other = await lab.host("other");
      Object.assign(other.env, { DBUS_SYSTEM_BUS_ADDRESS: host.env["DBUS_SYSTEM_BUS_ADDRESS"], PATH: host.env["PATH"] });
      const told = await host.must("resolvectl", "dns");
      const stranger = await new Daemon(other, "networks: { default: { kind: isolated, ipv4: 10.79.0.0/24 } }").start();
      await stranger.process.waitFor(
        /to resolve guests' names on this host, send questions for tapnet\.internal to 10\.79\.0\.1/,
      );
      assert.equal(await host.must("resolvectl", "dns"), told);
      assert.notEqual((await other.run(["ip", "link", "show", "tapnet-dns"])).status, 0);
      await stranger.stop();
    });

    test("a clean stop takes it back", async () => {
      await daemon.stop();
      assert.doesNotMatch(await host.must("resolvectl", "dns"), /tapnet-dns|10\.77\.0\.1/);
      assert.notEqual((await host.run(["ip", "link", "show", "tapnet-dns"])).status, 0);
    });

    test("a host without resolved is told what to do instead", async () => {
      const bare = await lab.host("bare");
      bare.env["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent";
      const alone = await new Daemon(bare, CONFIGURATION).start();
      await alone.process.waitFor(/send questions for tapnet\.internal to 10\.77\.0\.1/);
      assert.equal(await bare.must("dig", "+short", "+time=2", "@10.77.0.1", "gateway.tapnet.internal"), "10.77.0.1\n");
      assert.notEqual((await bare.run(["ip", "link", "show", "tapnet-dns"])).status, 0);
      await alone.stop();
    });
  },
);

test("a resolver that hangs delays neither start nor end for long, and no program stays", needs(root, tap, nft), async (t) => {
  const lab = new Lab(t);
  const host = await lab.host("host");
  const folder = lab.subfolder("hanging");
  const pids = join(folder, "pids");
  writeFileSync(join(folder, "resolvectl"), `#!/bin/sh\necho $$ >> ${pids}\nexec sleep 1000\n`, { mode: 0o755 });
  host.env["PATH"] = `${folder}:${process.env["PATH"] ?? ""}`;
  const daemon = await new Daemon(host, CONFIGURATION).start();
  assert.doesNotMatch(daemon.log, TOLD);
  assert.equal(await daemon.stop(), 0);
  const started = readFileSync(pids, "utf8").trim().split("\n");
  assert.ok(started.length > 0);
  for (const pid of started) assert.ok(!existsSync(`/proc/${pid}`), `resolvectl ${pid} is still there`);
});
