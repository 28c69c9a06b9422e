import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Host, Lab } from "../../support/lab.js";
import { command, needs, nft, root } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { attachVeth } from "../../support/port.js";
import type { RunningProcess } from "../../support/process.js";
import { makeSite, type Site, WORLD_IPV4 } from "../../support/site.js";
import { pause, until } from "../../support/wait.js";
import { udhcpc } from "../interop/clients.js";
import { honestFrames, hostileFrames, linkLocalText, STRANGER, type Station } from "./hostile-frames.js";

/** A bridge of ours with a LAN behind a port of its own, the host as the router out. */
const CONFIGURATION = `
networks:
  lan:
    kind: bridge
    ipv4: 10.80.0.0/24
    ipv6: "fd00:80::/64"
    way-out: nat
    bridge: { ports: [eth1] }
guests:
  web1: { mac: "52:54:00:00:00:01", ipv4: 10.80.0.10, names: [www] }
`;
const GATEWAY = "10.80.0.1";
const WEB: Station = { mac: "52:54:00:00:00:01", ipv4: "10.80.0.10", ipv6: "fd00:80::5054:ff:fe00:1" };
const DB_MAC = "52:54:00:00:00:02";
const LAN = { ipv4: "10.80.0.250", ipv6: "fd00:80::250" };

describe(
  "guests on a bridge of ours",
  needs(root, nft, udhcpc.requirement, command("tcpdump"), command("dig", "bind9-dnsutils")),
  () => {
    const lab = new Lab({ after });
    let site: Site;
    let web: Host;
    let db: Host;
    let lan: Host;

    const reaches = async (from: Host, to: string): Promise<boolean> =>
      (await from.run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", to])).status === 0;
    const addressesOf = async (host: Host): Promise<string[]> => {
      const links = JSON.parse(await host.ip("-j address show dev eth0")) as {
        addr_info: { local: string; tentative?: boolean }[];
      }[];
      return links.flatMap((link) => link.addr_info.filter(({ tentative }) => tentative !== true).map(({ local }) => local));
    };
    const dbStation = async (): Promise<Station> => {
      const addresses = await addressesOf(db);
      const ipv4 = addresses.find((address) => address.startsWith("10.80.0.")) ?? assert.fail("db1 has no IPv4 address");
      return { mac: DB_MAC, ipv4, ipv6: "fd00:80::5054:ff:fe00:2" };
    };

    before(async () => {
      site = await makeSite(lab, CONFIGURATION);
      [web, db, lan] = [await lab.host("web1"), await lab.host("db1"), await lab.host("lan")];
      // After the daemon's start: it waits for the port.
      await lab.link(
        { host: site.host, ifname: "eth1" },
        { host: lan, ifname: "eth0", addresses: [`${LAN.ipv4}/24`, `${LAN.ipv6}/64`], mac: "52:54:00:00:00:fa" },
      );
      for (const [host, mac] of [
        [web, WEB.mac],
        [db, DB_MAC],
      ] as const) {
        await host.sysctl({ "ipv6/conf/default/accept_dad": 1, "ipv6/conf/all/accept_dad": 1 });
        await attachVeth(site.host, host, mac);
        await udhcpc.start(host).process.waitFor(/lease of|obtained/i);
      }
    });

    test("have leases of their own ports, and make addresses by the router's advertisement", async () => {
      await until(
        "addresses",
        async () => (await addressesOf(web)).includes(WEB.ipv4) && (await addressesOf(web)).includes(WEB.ipv6),
        8_000,
      );
      await until("addresses", async () => (await addressesOf(db)).includes((await dbStation()).ipv6), 8_000);
      const guests = (await site.daemon.tapnet("guest", "list")) as { name: string; network: string; ipv4: string[] }[];
      assert.deepEqual(
        guests.map(({ name, network, ipv4 }) => [name, network, ipv4]),
        [
          ["db1", "lan", [(await dbStation()).ipv4]],
          ["web1", "lan", [WEB.ipv4]],
        ],
      );
    });

    test("reach each other, the gateway, the LAN behind the bridge and the world, and the LAN reaches them", async () => {
      const other = await dbStation();
      for (const target of [
        other.ipv4,
        other.ipv6,
        `${linkLocalText(DB_MAC)}%eth0`,
        GATEWAY,
        "fd00:80::1",
        LAN.ipv4,
        LAN.ipv6,
        WORLD_IPV4,
      ]) {
        assert.equal(await reaches(web, target), true, `web1 to ${target}`);
      }
      for (const target of [WEB.ipv4, WEB.ipv6, other.ipv4])
        assert.equal(await reaches(lan, target), true, `the LAN to ${target}`);
      for (const target of [WEB.ipv4, WEB.ipv6]) assert.equal(await reaches(site.host, target), true, `the host to ${target}`);
    });

    test("are found by name, over UDP and TCP", async () => {
      const dig = async (...words: string[]) => web.must("dig", `@${GATEWAY}`, "+short", "+time=2", "+tries=2", ...words);
      assert.equal((await dig("db1.lan.tapnet.internal")).trim(), (await dbStation()).ipv4);
      assert.equal((await dig("+tcp", "www.lan.tapnet.internal")).trim(), WEB.ipv4);
      assert.equal((await dig("world.example")).trim(), WORLD_IPV4);
    });

    test("the LAN behind a port that is not served gets no lease from us", async () => {
      const asked = await lan.run(["udhcpc", "-n", "-q", "-f", "-i", "eth0", "-s", "/bin/true", "-t", "2", "-T", "1"]);
      assert.notEqual(asked.status, 0, asked.stdout + asked.stderr);
    });

    test("what lies about its sender, plays router or DHCP server, or is of another protocol arrives nowhere", async () => {
      const me = await dbStation();
      // From now on only what is sent by hand leaves.
      await db.sysctl({ "ipv6/conf/eth0/disable_ipv6": 1 });
      await db.ip("link set eth0 arp off");
      await pause(300);
      // Only what the liar sends, under its own name or a stranger's.
      const filter = `ether src ${DB_MAC} or ether src ${STRANGER.mac}`;
      const watches = [web, lan].map((host) => host.start(["tcpdump", "-n", "-e", "-l", "-Q", "in", "-i", "eth0", filter]));
      for (const watch of watches) await watch.waitFor(/listening on/);
      const arrived = (watch: RunningProcess): string[] => watch.stdout.split("\n").filter((line) => line.includes(" > "));
      await send(db, Object.values(hostileFrames(me, WEB)));
      const honest = Object.values(honestFrames(me, WEB));
      await send(db, honest);
      // The last of what must arrive: whatever was sent before it has arrived by then, or never will.
      await until("the honest frames", () => /tgt is fd00:80::5054:ff:fe00:2/.test(watches[0].stdout));
      for (const watch of watches) await watch.stop();
      const [atWeb, atLan] = watches.map(arrived);
      assert.equal(atWeb.length, honest.length, atWeb.join("\n"));
      // Of the honest ones only those for everybody.
      assert.ok(atLan.length <= 3, atLan.join("\n"));
      assert.doesNotMatch(await site.host.must("bridge", "fdb", "show"), /52:54:00:de:ad:01/);
      const counters = await site.host.must("nft", "list", "counters", "table", "bridge", "tapnet");
      assert.match(counters, /counter rogue \{\s+packets [1-9]/);
      await db.sysctl({ "ipv6/conf/eth0/disable_ipv6": 0 });
      await db.ip("link set eth0 arp on");
    });

    test("who is on the bridge without being a guest is a client of it, and speaks to the world for itself only", async () => {
      const stray = await lab.host("stray");
      await site.host.ip(`link add vnet7 type veth peer name eth0 netns ${stray.namespace}`);
      await site.host.ip("link set vnet7 master br-lan up");
      await stray.ip("link set eth0 up");
      await udhcpc.start(stray).process.waitFor(/lease of|obtained/i);
      for (const target of [GATEWAY, WEB.ipv4, LAN.ipv4, WORLD_IPV4]) {
        await until(`the stray to reach ${target}`, () => reaches(stray, target));
      }
      await site.world.ip("route add 203.0.113.0/24 via 198.51.100.2");
      await stray.ip("address add 203.0.113.5/32 dev eth0");
      const heard = site.world.start(["tcpdump", "-n", "-l", "-i", "eth0", "icmp and not host 10.80.0.10"]);
      await heard.waitFor(/listening on/);
      await stray.run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-I", "203.0.113.5", WORLD_IPV4]);
      assert.equal(await reaches(stray, WORLD_IPV4), true);
      await until("the honest ping", () => heard.stdout.includes("198.51.100.2 >"));
      assert.doesNotMatch(heard.stdout, /203\.0\.113\.5/);
      await heard.stop();
      await site.host.ip("link delete vnet7");
    });

    test("a guest that asks for a lease with another's MAC address does not get the other's traffic", async () => {
      await db.ip(`link set eth0 down`);
      await db.ip(`link set eth0 address ${WEB.mac}`);
      await db.ip("link set eth0 up");
      const asked = await db.run(["udhcpc", "-n", "-q", "-f", "-i", "eth0", "-s", "/bin/true", "-t", "2", "-T", "1"]);
      assert.ok(asked.stdout !== undefined);
      assert.match(await site.host.must("bridge", "fdb", "show"), new RegExp(`${WEB.mac} dev tn-web1 .*static`));
      assert.equal(await reaches(lan, WEB.ipv4), true);
      await until("the lease to be taken back", () => site.daemon.log.includes("a lease is taken back"));
      await db.ip(`link set eth0 down`);
      await db.ip(`link set eth0 address ${DB_MAC}`);
      await db.ip("link set eth0 up");
      await db.must("udhcpc", "-n", "-q", "-f", "-i", "eth0", "-s", "/bin/true", "-t", "5", "-T", "1");
    });

    test("what somebody else breaks is put back: a station, a port, the whole bridge", async () => {
      await site.host.must("bridge", "fdb", "del", WEB.mac, "dev", "tn-web1", "master");
      await site.host.ip("link set tn-web1 nomaster");
      await until("the port", async () => reaches(web, GATEWAY), 8_000);
      await site.host.ip("link delete br-lan");
      await until("the bridge", async () => reaches(web, GATEWAY), 8_000);
      assert.equal(await reaches(lan, WEB.ipv4), true);
      assert.match(await site.host.must("bridge", "fdb", "show"), new RegExp(`${WEB.mac} dev tn-web1 .*sticky`));
    });

    test("killed with -9 and started again, the daemon loses no ping, and changes nothing", async () => {
      await until("web1's own address", async () => reaches(lan, WEB.ipv6), 8_000);
      const bound = await site.host.must("nft", "list", "set", "bridge", "tapnet", "bound6");
      const pings = [WEB.ipv4, WEB.ipv6].map((target) => lan.run(["ping", "-n", "-c", "25", "-i", "0.2", "-W", "1", target]));
      await pause(1_000);
      await site.daemon.kill();
      await pause(500);
      await site.daemon.start();
      for (const { stdout } of await Promise.all(pings)) assert.match(stdout, /25 packets transmitted, 25 received/);
      assert.equal(await site.host.must("nft", "list", "set", "bridge", "tapnet", "bound6"), bound);
    });

    test("a detached guest is no port any more, and --cleanup leaves nothing", async () => {
      await site.daemon.tapnet("guest", "detach", "db1");
      assert.doesNotMatch(await site.host.ip("-d link show tn-db1"), /master|tapnet/);
      await site.daemon.stop();
      await site.host.must(
        ...script("src/daemon/main"),
        "--config",
        `${lab.folder}/host/tapnet.yaml`,
        "--run",
        site.daemon.runFolder,
        "--cleanup",
      );
      assert.equal((await site.host.run(["ip", "link", "show", "br-lan"])).status, 1);
      assert.doesNotMatch(await site.host.ip("-d link"), /tapnet|master/);
      assert.equal(await site.host.must("nft", "list", "ruleset"), "");
    });
  },
);

async function send(from: Host, frames: readonly Uint8Array[]): Promise<void> {
  const lines = frames.map((frame) => Buffer.from(frame).toString("hex")).join("\n");
  const { status, stderr } = await from.run([...script("test/support/send-frames"), "eth0"], { input: lines });
  assert.equal(status, 0, stderr);
}
