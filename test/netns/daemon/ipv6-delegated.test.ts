import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { type Host, Lab } from "../../support/lab.js";
import { needs, nft, qemu, root, tap } from "../../support/needs.js";
import { attachNamespace } from "../../support/port.js";
import { pause, until } from "../../support/wait.js";
import { dhclient } from "../ipv6/dhcp6-clients.js";
import { DelegatingRouter, kea6 } from "./delegating-router.js";

/** Two networks of one uplink: a /64 each, and what is left for guests that are routers. */
const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24, uplink: up0, ipv6: delegated, delegate: { length: 62 } }
  open: { kind: routed, ipv4: 192.0.2.0/28, uplink: up0, ipv6: delegated, ipv6-subnet: 7, dhcp6: { addresses: true } }
guests:
  web1: { network: default, mac: "52:54:00:00:00:01" }
  db1: { network: open, mac: "52:54:00:00:00:02", ipv6: "::10" }
`;
const WORLD = "2001:db8:5::1";
const QUICK = { renew: 4, rebind: 30, preferred: 60, valid: 90 };

describe("networks whose prefix the uplink's router delegates", needs(root, tap, nft, qemu, kea6, dhclient.requirement), () => {
  const lab = new Lab({ after });
  let host: Host;
  let world: Host;
  let web: Host;
  let db: Host;
  let daemon: Daemon;
  let router: DelegatingRouter;

  const ping = async (from: Host, target: string, ...options: string[]) =>
    from.must("ping", "-6", "-n", "-c", "3", "-i", "0.2", "-W", "2", ...options, target);
  const addresses = async (of: Host): Promise<string> => of.ip("-6 address show dev eth0 scope global");
  const shows = async (of: Host, what: RegExp, withinMs = 15_000): Promise<RegExpExecArray> => {
    const found = async (): Promise<RegExpExecArray | null> => what.exec(await addresses(of));
    await until(String(what), async () => (await found()) !== null, withinMs).catch(async (thrown: Error) =>
      assert.fail(`${thrown.message}\n${await addresses(of)}\n${daemon.log}\n${router.output}`),
    );
    return (await found()) ?? assert.fail();
  };

  before(async () => {
    [host, world, web, db] = [await lab.host("host"), await lab.host("world"), await lab.host("web1"), await lab.host("db1")];
    await lab.link(
      { host, ifname: "up0", addresses: ["2001:db8:5::2/64"] },
      { host: world, ifname: "eth0", addresses: [`${WORLD}/64`] },
    );
    await host.ip(`-6 route add default via ${WORLD}`);
    // What a delegating router does for the prefixes that it gives.
    for (const pool of ["2001:db8:100::/48", "2001:db8:200::/48"]) await world.ip(`-6 route add ${pool} via 2001:db8:5::2`);
    router = new DelegatingRouter(world, "eth0");
    await router.serve("2001:db8:100::", 56, QUICK);
    daemon = await new Daemon(host, CONFIGURATION).start();
    for (const [guest, mac] of [
      [web, "52:54:00:00:00:01"],
      [db, "52:54:00:00:00:02"],
    ] as const) {
      await guest.sysctl({ "ipv6/conf/default/accept_dad": 1, "ipv6/conf/all/accept_dad": 1 });
      await attachNamespace(host, guest, mac);
    }
  });

  test("each has a subnet of it: guests make addresses, and lifetimes are short (RFC 9096 §3.4)", async () => {
    await shows(web, /2001:db8:100:[0-9a-f]*:5054:ff:fe00:1\/64 scope global dynamic/);
    await shows(db, /2001:db8:100:[0-9a-f]*7:5054:ff:fe00:2\/64 scope global dynamic/);
    const [, valid, preferred] = await shows(web, /fe00:1\/64.*\n +valid_lft (\d+)sec preferred_lft (\d+)sec/);
    assert.ok(Number(valid) <= QUICK.valid && Number(preferred) <= QUICK.preferred, `${valid} ${preferred}`);
    assert.match(await web.ip("-6 route show default"), /via fe80::1 dev eth0/);
    // What is delegated and nobody's never goes back to where it came from (RFC 7084 WPD-5).
    assert.match(await host.ip("-6 route show type unreachable"), /2001:db8:100:[0-9a-f:]*\/56 /);
  });

  test("they reach the world as themselves; from there begins only who may", async () => {
    const watch = world.start(["tcpdump", "-n", "-l", "-i", "eth0", "icmp6 and ip6[40] == 128"]);
    await watch.waitFor(/listening on/);
    for (const guest of [web, db]) await ping(guest, WORLD);
    await watch.waitFor(/2001:db8:100:[0-9a-f]*:5054:ff:fe00:1 > /);
    assert.doesNotMatch(watch.stdout, /2001:db8:5::2 > /);
    const own = async (of: Host) => (await shows(of, /(2001:db8:100:[0-9a-f:]+)\/64/))[1];
    await ping(world, await own(db));
    assert.notEqual((await world.run(["ping", "-6", "-n", "-c", "2", "-i", "0.2", "-W", "1", await own(web)])).status, 0);
  });

  test("a guest gets its configured address by DHCPv6, another a prefix of its own that is reached", async () => {
    dhclient.start(db);
    await shows(db, /2001:db8:100:[0-9a-f]*7::10\/128/);
    dhclient.start(web);
    const leases = async () => (await daemon.tapnet("lease", "list")) as { address: string; identity: string }[];
    const delegated = async () => (await leases()).find(({ address }) => address.endsWith("/62"))?.address;
    await until("the prefix", async () => (await delegated()) !== undefined, 15_000);
    const behind = (await delegated())?.replace("/62", "5") ?? "";
    await web.ip(`-6 address add ${behind}/128 dev lo`);
    await ping(host, behind);
    await ping(web, WORLD, "-I", behind);
    await web.ip(`-6 address delete ${behind}/128 dev lo`);
  });

  test("killed with -9 and started again, the daemon has the prefix at once, and no ping is lost", async () => {
    const pinging = web.run(["ping", "-6", "-n", "-c", "30", "-i", "0.2", "-W", "1", WORLD]);
    const held = await addresses(web);
    await pause(1_500);
    await daemon.kill();
    await pause(1_000);
    await daemon.start();
    assert.match((await pinging).stdout, /30 packets transmitted, 30 received/, daemon.log);
    assert.equal(/2001:db8:100:\S+fe00:1\/64/.exec(await addresses(web))?.[0], /2001:db8:100:\S+fe00:1\/64/.exec(held)?.[0]);
  });

  test("another prefix: guests renumber, the old one is deprecated at once, and the host forgets it", async () => {
    await router.serve("2001:db8:200::", 56, QUICK);
    await shows(web, /2001:db8:200:[0-9a-f]*:5054:ff:fe00:1\/64 scope global dynamic mngtmpaddr/, 30_000);
    await shows(web, /2001:db8:100:[0-9a-f]*:5054:ff:fe00:1\/64 scope global deprecated/);
    await ping(web, WORLD);
    // What DHCPv6 gave before stays its guest's choice until it is renewed.
    const [, own] = await shows(db, /(2001:db8:200:[0-9a-f]*7:5054:ff:fe00:2)\/64 scope global dynamic/);
    await ping(db, WORLD, "-I", own);
    await until("the host to forget", async () => !(await host.ip("-6 route show")).includes("2001:db8:100:"), 5_000).catch(
      async () => assert.fail(await host.ip("-6 route show")),
    );
  });

  test("gone with the router, it ends when its time is over", async () => {
    await router.serve("2001:db8:200::", 56, { renew: 2, rebind: 4, preferred: 6, valid: 9 });
    await shows(web, /2001:db8:200:\S+fe00:1\/64.*\n +valid_lft \d+sec preferred_lft [0-6]sec/, 20_000);
    await router.stop();
    await until("the end", async () => !(await host.ip("-6 route show")).includes("2001:db8:200:"), 20_000).catch(async () =>
      assert.fail(`${await host.ip("-6 route show")}\n${daemon.log}`),
    );
    await until("the farewell", async () => (await web.ip("-6 route show default")) === "", 5_000);
  });
});
