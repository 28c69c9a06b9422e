import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { bootGuest, type Guest } from "../support/guest.js";
import { Lab } from "../support/lab.js";
import { needs, nft, qemu, root, tap } from "../support/needs.js";
import { script } from "../support/paths.js";
import { bootScriptGuest, makeSite, type Site, WORLD_IPV4 } from "../support/site.js";
import { pause, until } from "../support/wait.js";

const GATEWAY = "10.77.0.1";
const networks = (dataplane: string) =>
  `networks:\n  default: { kind: nat, ipv4: 10.77.0.0/24, ipv6: "fd00:77::/64", dataplane: ${dataplane} }\n  lan: { kind: isolated, ipv4: 10.78.0.0/24, dataplane: user }\n`;

interface Made {
  readonly guest: { readonly ifname: string };
  readonly qemu: readonly string[];
}

interface Shown {
  readonly links: readonly { readonly socket: { readonly kind: string; readonly path: string } | null }[];
}

describe("real guests on QEMU's dgram and stream sockets", needs(root, tap, nft, qemu), () => {
  const lab = new Lab({ after });
  let site: Site;
  let web: Guest;
  let db: Guest;
  let old: Guest;

  /** What became of frames in the forwarder. */
  async function counters(): Promise<Readonly<Record<string, number>>> {
    const status = (await site.daemon.tapnet("status")) as { counters: Record<string, Record<string, number>> };
    return status.counters["user"];
  }

  async function bootSocketGuest(name: string, kind: string, mac: string): Promise<Guest> {
    const made = (await site.daemon.tapnet("guest", "add", name, "--socket", kind)) as Made;
    const netdev = made.qemu[1].replace("id=net0,", "");
    return bootGuest(site.host, { name, nics: [{ netdev, mac }] });
  }

  before(async () => {
    site = await makeSite(lab, networks("user"));
    [web, db, old] = await Promise.all([
      bootSocketGuest("web1", "dgram", "52:54:00:00:00:01"),
      bootSocketGuest("db1", "stream", "52:54:00:00:00:02"),
      bootScriptGuest(site.host, "old1", "52:54:00:00:00:03"),
    ]);
  });

  test("each gets its address, its gateway and names, and reaches the gateway and the world", async () => {
    for (const guest of [web, db]) {
      const lease = await guest.lease();
      assert.match(lease["ip"], /^10\.77\.0\.\d+$/);
      assert.deepEqual([lease["router"], lease["dns"], lease["domain"]], [GATEWAY, GATEWAY, "tapnet.internal"]);
      for (const target of [GATEWAY, WORLD_IPV4, "world.example"]) {
        assert.match(await guest.must(`ping -c 2 -i 0.2 -W 3 ${target}`), / 2 packets received/);
      }
    }
  });

  test("they reach each other through the forwarder, one hop away, in IPv4 and IPv6, and not through the kernel", async () => {
    const forwarded = (await counters())["forwarded"];
    const { ip } = await db.lease();
    const output = await web.must(`ping -c 5 -i 0.2 -W 3 ${ip}`);
    assert.match(output, / 5 packets received/);
    assert.match(output, /ttl=63/);
    // By its name it is reached in IPv6 as soon as it has an address, also one that it does not use yet.
    await usableIpv6(web);
    assert.match(await db.must("ping -c 5 -i 0.2 -W 3 web1"), / 5 packets received/);
    assert.ok((await counters())["forwarded"] >= forwarded + 20);
    const ipv6 = await usableIpv6(db);
    const before6 = (await counters())["forwarded"];
    assert.match(await web.must(`ping -6 -c 5 -i 0.2 -W 3 ${ipv6}`), / 5 packets received/);
    assert.ok((await counters())["forwarded"] >= before6 + 10);
  });

  test("a guest with a TAP on the same network is reached through the kernel", async () => {
    for (const [guest, target] of [
      [web, "old1"],
      [old, "db1"],
    ] as const) {
      assert.match(await guest.must(`ping -c 3 -i 0.2 -W 3 ${target}`), / 3 packets received/);
    }
  });

  test("megabytes of TCP arrive as they were sent, each way", async () => {
    for (const [from, to, name] of [
      [web, db, "web1"],
      [db, web, "db1"],
    ] as const) {
      const serving = from.run(
        "dd if=/dev/urandom of=/tmp/sent bs=64k count=48 2>/dev/null; nc -l -p 5001 -e cat /tmp/sent; md5sum </tmp/sent",
        60_000,
      );
      const got = await to.must(
        `for try in 1 2 3 4 5 6 7 8 9; do nc ${name} 5001 </dev/null >/tmp/got 2>/dev/null; test -s /tmp/got && break; sleep 1; done; md5sum </tmp/got`,
        60_000,
      );
      assert.equal(got, (await serving).stdout);
    }
  });

  test("a guest that lies about its address reaches nobody, and it is counted", async () => {
    const { ip } = await db.lease();
    const spoofed = (await counters())["spoofed"];
    await web.must(
      `ip addr add 10.77.0.250/32 dev eth0; ping -c 2 -W 1 -I 10.77.0.250 ${ip}; ip addr del 10.77.0.250/32 dev eth0; true`,
    );
    assert.ok((await counters())["spoofed"] > spoofed);
  });

  test("with dataplane: kernel the same guests reach each other through the kernel, from the next reload on", async () => {
    site.daemon.configure(networks("kernel"));
    site.daemon.process.child.kill("SIGHUP");
    await until("the configuration to be in effect", () => site.daemon.log.includes("is in effect"));
    const forwarded = (await counters())["forwarded"];
    assert.match(await web.must("ping -c 3 -i 0.2 -W 3 db1"), / 3 packets received/);
    assert.equal((await counters())["forwarded"], forwarded);
    site.daemon.configure(networks("user"));
  });

  test("a guest with limits is the kernel's, which keeps them, also where its network is dataplane: user", async () => {
    const limited = `${networks("user")}guests:\n  db1: { limit: { packets: 100000 } }\n`;
    site.daemon.configure(`${limited}dns: { upstreams: [${WORLD_IPV4}] }\n`);
    site.daemon.process.child.kill("SIGHUP");
    await until("the configuration to be in effect", () => site.daemon.log.split("is in effect").length > 2);
    const forwarded = (await counters())["forwarded"];
    assert.match(await web.must("ping -c 3 -i 0.2 -W 3 db1"), / 3 packets received/);
    assert.equal((await counters())["forwarded"], forwarded);
    site.daemon.configure(networks("user"));
  });

  test("the daemon is killed with -9 and started again: the guest on datagrams goes on with its address", async () => {
    const { ip } = await web.lease();
    await site.daemon.kill();
    await pause(500);
    await site.daemon.start();
    assert.match(await web.must(`ping -c 3 -i 0.2 -W 3 ${WORLD_IPV4}`), / 3 packets received/);
    assert.match(await old.must("ping -c 3 -i 0.2 -W 3 web1"), / 3 packets received/);
    await web.must("rm -f /run/dhcp/eth0.renew; kill -USR1 $(pidof udhcpc); wait-for /run/dhcp/eth0.renew 5");
    assert.equal((await web.lease())["ip"], ip);
  });

  test("the guest on a stream is there again when its QEMU connects anew", async () => {
    const { ip } = await db.lease();
    await db.stop();
    const path = join(site.daemon.runFolder, "guests", "db1.sock");
    const netdev = `stream,server=off,addr.type=unix,addr.path=${path}`;
    db = await bootGuest(site.host, { name: "db1", nics: [{ netdev, mac: "52:54:00:00:00:02" }] });
    assert.equal((await db.lease())["ip"], ip);
    assert.match(await web.must("ping -4 -c 3 -i 0.2 -W 3 db1"), / 3 packets received/);
  });

  test("a guest with two interfaces has a socket for each, and both lead where they should", async () => {
    const nics = 'nics: [{ network: default, mac: "52:54:00:00:00:11" }, { network: lan, mac: "52:54:00:00:00:12" }]';
    site.daemon.configure(`${networks("user")}guests:\n  two: { ${nics} }\ndns: { upstreams: [${WORLD_IPV4}] }\n`);
    const loaded = site.daemon.log.split("is in effect").length;
    site.daemon.process.child.kill("SIGHUP");
    await until("the configuration to be in effect", () => site.daemon.log.split("is in effect").length > loaded);
    const first = (await site.daemon.tapnet("guest", "add", "two", "--socket")) as Made;
    const second = (await site.daemon.tapnet("guest", "add", "two", "--socket", "stream", "-n", "lan")) as Made;
    assert.match(first.qemu.join(" "), /^-netdev dgram,id=net0,.*two\.sock -device \S+,netdev=net0,mac=52:54:00:00:00:11$/);
    assert.match(second.qemu.join(" "), /^-netdev stream,id=net1,.*two@lan\.sock -device \S+,netdev=net1,mac=52:54:00:00:00:12$/);
    const { links } = (await site.daemon.tapnet("guest", "show", "two")) as Shown;
    assert.deepEqual(
      links.map(({ socket }) => [socket?.kind, socket?.path.split("/").at(-1)]),
      [
        ["dgram", "two.sock"],
        ["stream", "two@lan.sock"],
      ],
    );
    const guest = await bootGuest(site.host, {
      name: "two",
      nics: [first, second].map(({ qemu: words }, index) => ({
        netdev: words[1].replace(/id=net\d,/, ""),
        mac: `52:54:00:00:00:1${index + 1}`,
      })),
    });
    const lan = (await guest.lease("eth1"))["ip"];
    assert.match(lan, /^10\.78\.0\./);
    assert.match(await guest.must(`ping -c 2 -i 0.2 -W 3 ${(await web.lease())["ip"]}`), / 2 packets received/);
    assert.match(await guest.must("ping -c 2 -i 0.2 -W 3 -I eth1 10.78.0.1"), / 2 packets received/);
    await guest.stop();
    await site.daemon.tapnet("guest", "remove", "two");
    assert.doesNotMatch(await site.host.ip("-o link show"), /tn-two/);
    assert.deepEqual(
      readdirSync(join(site.daemon.runFolder, "guests")).filter((name) => /^two.*sock$/.test(name)),
      [],
    );
  });

  test("what cannot be is refused, and leaves nothing", async () => {
    const refused = async (...words: string[]): Promise<string> => {
      const { status, stderr } = await site.host.run([...script("src/cli/main"), "guest", "add", ...words]);
      assert.notEqual(status, 0, words.join(" "));
      return stderr;
    };
    assert.match(await refused("web1", "--socket"), /guest web1 has a socket already on network default; take it away first/);
    assert.match(await refused("web1", "--socket", "-n", "lan"), /has a socket on network default; .*with nics:/);
    assert.match(await refused("../../../../tmp/somewhere", "--socket"), /cannot be the name of a socket/);
    assert.match(await refused("x1", "--socket", "tcp"), /--socket tcp: write stream or dgram/);
    assert.match(await refused("x1", "--socket", "--queues", "2"), /neither a TAP's owner nor queues/);
    assert.doesNotMatch(await site.host.ip("-o link show"), /tn-x1|tnp/);
  });

  test("a guest that is removed leaves neither TAP nor socket, and the other goes on", async () => {
    await site.daemon.tapnet("guest", "remove", "db1");
    const path = join(site.daemon.runFolder, "guests", "db1.sock");
    assert.equal(existsSync(path), false);
    assert.doesNotMatch(await site.host.ip("-o link show"), /tn-db1/);
    assert.match(await web.must(`ping -c 2 -i 0.2 -W 3 ${GATEWAY}`), / 2 packets received/);
    await site.daemon.tapnet("guest", "remove", "web1");
    assert.doesNotMatch(await site.host.ip("-o link show"), /tn-web1/);
  });
});

/** A guest's own IPv6 address, once it has found out that nobody else has it: until then it answers nobody. */
async function usableIpv6(guest: Guest): Promise<string> {
  const shown = "ip -6 addr show dev eth0 scope global | grep -v tentative";
  const find = async (): Promise<string> =>
    (await guest.must(`${shown} | sed -n 's|.*inet6 \\(fd00[^/]*\\)/.*|\\1|p' | head -1`)).trim();
  return until(`${guest.name} to have an IPv6 address`, async () => (await find()) || undefined, 20_000);
}
