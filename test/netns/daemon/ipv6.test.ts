import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Host, Lab } from "../../support/lab.js";
import { command, needs, nft, qemu, root, tap } from "../../support/needs.js";
import { attachNamespace } from "../../support/port.js";
import { makeSite, type Site } from "../../support/site.js";
import { pause, until } from "../../support/wait.js";
import { dhclient } from "../ipv6/dhcp6-clients.js";

const CONFIGURATION = `
networks:
  default:
    kind: nat
    ipv4: 10.77.0.0/24
    ipv6: "fd00:77::/64"
    delegate: { pool: "fd00:78::/40", length: 56 }
`;
const GATEWAY = "fd00:77::1";
const WORLD = "2001:db8:5::1";
/** What their kernels make of their MAC addresses. */
const WEB = { mac: "52:54:00:00:00:01", slaac: "fd00:77::5054:ff:fe00:1" };
const DB = { mac: "52:54:00:00:00:02", slaac: "fd00:77::5054:ff:fe00:2" };

describe("guests of a nat network in IPv6", needs(root, tap, nft, qemu, dhclient.requirement, command("dig", "dnsutils")), () => {
  const lab = new Lab({ after });
  let site: Site;
  let web: Host;
  let db: Host;
  /** An address of the prefix that was delegated to web1. */
  let behind: string;

  const ping = async (from: Host, target: string, ...options: string[]) =>
    from.must("ping", "-6", "-n", "-c", "3", "-i", "0.2", "-W", "2", ...options, target);
  const dig = async (...words: string[]) => web.must("dig", `@${GATEWAY}`, "+short", "+time=2", "+tries=2", ...words);
  const leaseOf = async (host: Host): Promise<string | undefined> =>
    (await addresses(host)).find((address) => address.startsWith("fd00:77:") && address !== WEB.slaac && address !== DB.slaac);

  before(async () => {
    site = await makeSite(lab, CONFIGURATION);
    await site.host.ip("-6 address add 2001:db8:5::2/64 dev up0");
    await site.host.ip(`-6 route add default via ${WORLD}`);
    await site.world.ip(`-6 address add ${WORLD}/64 dev eth0`);
    [web, db] = [await lab.host("web1"), await lab.host("db1")];
    for (const [host, { mac }] of [
      [web, WEB],
      [db, DB],
    ] as const) {
      await host.sysctl({ "ipv6/conf/default/accept_dad": 1, "ipv6/conf/all/accept_dad": 1 });
      await attachNamespace(site.host, host, mac);
    }
  });

  test("each makes an address of its own, and has its default route by fe80::1", async () => {
    for (const [host, { slaac }] of [
      [web, WEB],
      [db, DB],
    ] as const) {
      await until(slaac, async () => isUsable(host, slaac), 10_000);
      assert.match(await host.ip("-6 route show default"), /via fe80::1 dev eth0/);
    }
  });

  test("one has a lease of DHCPv6 besides, and a prefix", async () => {
    const client = dhclient.start(web);
    await until("the lease", async () => (await leaseOf(web)) !== undefined, 15_000).catch((thrown: Error) =>
      assert.fail(`${thrown.message}\n${client.process.output}\n${site.daemon.log}`),
    );
    const leases = (await site.daemon.tapnet("lease", "list")) as { address: string; identity: string }[];
    const [address, prefix] = leases.filter((lease) => lease.address.includes(":"));
    assert.deepEqual([address.address, address.identity], [await leaseOf(web), "guest:web1"]);
    await until("the lease's address on the interface", async () => isUsable(web, address.address), 10_000);
    assert.match(prefix.address, /^fd00:78:.*\/56$/);
    assert.equal(prefix.identity, "guest:web1");
    behind = prefix.address.replace("/56", "5");
    await web.ip(`-6 address add ${behind}/128 dev lo`);
  });

  test("ping: the gateway, each other, and a host beyond the uplink that knows nothing of their prefix", async () => {
    const lease = await leaseOf(web);
    assert.ok(lease !== undefined);
    for (const target of [GATEWAY, "fe80::1%eth0", DB.slaac, WORLD]) await ping(web, target);
    await ping(web, WORLD, "-I", lease);
    for (const target of [WEB.slaac, lease]) await ping(db, target);
    await ping(db, behind);
    for (const target of [DB.slaac, WORLD]) await ping(web, target, "-I", behind);
    // Of the prefix, but of no guest: it does not leak to the uplink.
    assert.notEqual((await db.run(["ping", "-6", "-n", "-c", "1", "-W", "1", "fd00:78:1:ff00::5"])).status, 0);
  });

  test("names are found by IPv6, and addresses lead back to them", async () => {
    const lease = await leaseOf(web);
    assert.deepEqual((await dig("AAAA", "db1.tapnet.internal")).trim(), DB.slaac);
    const both = (await dig("AAAA", "web1.tapnet.internal")).trim().split("\n");
    assert.deepEqual(new Set(both), new Set([WEB.slaac, lease]));
    assert.equal((await dig("-x", DB.slaac)).trim(), "db1.tapnet.internal.");
    assert.equal((await dig("+tcp", "AAAA", "world.example")).trim(), "2001:db8::1");
  });

  test("what has a source that is not the guest's own reaches nobody", async () => {
    const watches = [db, site.world].map((host) => host.start(["tcpdump", "-n", "-l", "-i", "eth0", "icmp6 and ip6[40] == 128"]));
    for (const watch of watches) await watch.waitFor(/listening on/);
    for (const source of ["2001:db8:99::1", DB.slaac, GATEWAY, "fd00:78:1:ff00::5"]) {
      await web.ip(`-6 address add ${source}/128 dev eth0 nodad`);
      for (const target of source === DB.slaac ? [WORLD] : [DB.slaac, WORLD]) {
        const { status } = await web.run(["ping", "-6", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-I", source, target]);
        assert.notEqual(status, 0, `${source} to ${target}`);
      }
      await web.ip(`-6 address delete ${source}/128 dev eth0`);
    }
    for (const watch of watches) assert.doesNotMatch(watch.stdout, /echo request/);
    // Had anything come, it would have been seen.
    for (const [index, target] of [DB.slaac, WORLD].entries()) {
      await ping(web, target);
      await watches[index].waitFor(/echo request/);
    }
  });

  test("killed with -9 and started again, the daemon loses no ping to what was leased, delegated or taken", async () => {
    const lease = (await leaseOf(web)) ?? assert.fail("no lease");
    const identity = await site.host.must("cat", `${site.daemon.stateFolder}/identity`);
    const pings = [WEB.slaac, lease, behind].map((target) =>
      db.run(["ping", "-6", "-n", "-c", "30", "-i", "0.2", "-W", "1", target]),
    );
    await pause(1_500);
    await site.daemon.kill();
    await pause(1_000);
    await site.daemon.start();
    for (const { stdout } of await Promise.all(pings)) {
      assert.match(stdout, /30 packets transmitted, 30 received/, `${stdout}\n${site.daemon.log}`);
    }
    assert.equal(await site.host.must("cat", `${site.daemon.stateFolder}/identity`), identity);
    const both = (await dig("AAAA", "web1.tapnet.internal")).trim().split("\n");
    assert.deepEqual(new Set(both), new Set([WEB.slaac, lease]));
    await ping(web, GATEWAY);
  });

  test("a guest that is detached leaves nothing on the host", async () => {
    await site.daemon.tapnet("guest", "detach", "web1");
    assert.doesNotMatch(await site.host.ip("-6 route show table all"), /tn-web1 .*proto tapnet|fe00:1 /);
    assert.doesNotMatch(await site.host.ip("-6 neighbour show nud permanent"), /tn-web1/);
    assert.doesNotMatch(await site.host.must("nft", "list", "set", "inet", "tapnet", "bound6"), new RegExp(WEB.mac));
    await ping(db, GATEWAY);
  });
});

async function addresses(host: Host): Promise<string[]> {
  const links = JSON.parse(await host.ip("-j -6 address show dev eth0")) as { addr_info?: { local: string }[] }[];
  return links.flatMap((link) => link.addr_info ?? []).map(({ local }) => local);
}

async function isUsable(host: Host, address: string): Promise<boolean> {
  const shown = await host.ip(`-6 address show dev eth0 to ${address}`);
  return shown.includes(address) && !shown.includes("tentative");
}
