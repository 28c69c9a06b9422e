import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Host, Lab } from "../../support/lab.js";
import { needs, nft, root } from "../../support/needs.js";
import { attachVeth } from "../../support/port.js";
import { makeSite, type Site, WORLD_IPV4 } from "../../support/site.js";
import { until } from "../../support/wait.js";

const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24, ipv6: "fd00:77::/64" }
  back: { kind: nat, ipv4: 10.78.0.0/24, ipv6: "fd00:78::/64" }
  far: { kind: routed, ipv4: 203.0.113.0/28, dhcp: { netmask: host } }
guests:
  web1:
    nics:
      - { network: back, mac: auto }
      - { network: default, ipv4: [10.77.0.10, 10.77.0.11], default-route: true }
      - { network: far }
    names: [www]
  db1: { network: back }
  db2: { network: default }
`;
/** What a DHCP client was told of routes and addresses, a line each. */
const SHOW = `#!/bin/sh
[ "$1" = bound ] || { ip link set "$interface" up; exit 0; }
echo "told ip=$ip router=$router staticroutes=$staticroutes"
ip address replace "$ip/$mask" dev "$interface"
set -- $staticroutes
while [ $# -gt 1 ]; do
  if [ "$2" = 0.0.0.0 ]; then ip route replace "$1" dev "$interface"; else ip route replace "$1" via "$2" dev "$interface"; fi
  shift 2
done
[ -z "$router" ] || [ -n "$staticroutes" ] || ip route replace default via "$router" dev "$interface"
`;

describe("a guest with three network interfaces", needs(root, nft), () => {
  const lab = new Lab({ after });
  let site: Site;
  let web: Host;
  let [db1, db2]: (Host | undefined)[] = [];
  const told: string[] = [];
  const reaches = async (from: Host | undefined, to: string, ...options: string[]): Promise<boolean> =>
    (await from?.run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", ...options, to]))?.status === 0;

  before(async () => {
    site = await makeSite(lab, CONFIGURATION);
    await site.world.ip("route add 203.0.113.0/28 via 198.51.100.2");
    [web, db1, db2] = [await lab.host("web1"), await lab.host("db1"), await lab.host("db2")];
    // As guests have it: looking for an address before it is used tells the host of it.
    for (const host of [web, db1, db2]) {
      await host.sysctl({ "ipv6/conf/default/accept_dad": 1, "ipv6/conf/all/accept_dad": 1 });
    }
    const script = `${lab.folder}/event`;
    await site.host.must("sh", "-c", `cat >'${script}' <<'END'\n${SHOW}\nEND\nchmod 755 '${script}'`);
    const own = (await site.daemon.tapnet("guest", "mac", "web1", "--network", "back")) as { mac: string; known: boolean };
    assert.equal(own.known, true);
    for (const [host, ifname, port, address] of [
      [web, "eth0", "tn-web1", own.mac],
      [web, "eth1", "tn-web1.2", "52:54:00:00:01:02"],
      [web, "eth2", "tn-web1.3", "52:54:00:00:01:03"],
      [db1, "eth0", "tn-db1", "52:54:00:00:02:01"],
      [db2, "eth0", "tn-db2", "52:54:00:00:02:02"],
    ] as const) {
      await attachVeth(site.host, host, address, { port, ifname });
      const asked = await host.must(
        "udhcpc",
        "-n",
        "-q",
        "-f",
        "-i",
        ifname,
        "-s",
        script,
        "-O",
        "staticroutes",
        "-t",
        "5",
        "-T",
        "1",
      );
      if (host === web) told.push(/told .*/.exec(asked)?.[0] ?? "");
    }
  });

  test("has an address on each, and is told of one router", () => {
    assert.match(told[0], /ip=10\.78\.0\.\d+ router= staticroutes=$/);
    assert.equal(told[1], "told ip=10.77.0.10 router=10.77.0.1 staticroutes=");
    assert.match(
      told[2],
      /ip=203\.0\.113\.\d+ router= staticroutes=203\.0\.113\.1\/32 0\.0\.0\.0 203\.0\.113\.0\/28 203\.0\.113\.1$/,
    );
  });

  test("hears one default router in IPv6, and makes an address on each network that has it", async () => {
    const routes = async (): Promise<string> => web.ip("-6 route show default");
    await until("the default route", async () => (await routes()).includes("dev eth1"), 8_000);
    assert.doesNotMatch(await routes(), /eth0/);
    await until(
      "both addresses",
      async () => /fd00:78:[\s\S]*fd00:77:/.test(await web.ip("-6 address show scope global")),
      8_000,
    );
  });

  test("reaches neighbours on each, and the world by the one that has the default route", async () => {
    const addressOf = async (host: Host | undefined): Promise<string> =>
      /inet ([\d.]+)/.exec((await host?.ip("-4 address show dev eth0")) ?? "")?.[1] ?? "";
    for (const host of [db1, db2]) assert.equal(await reaches(web, await addressOf(host)), true);
    assert.equal(await reaches(web, WORLD_IPV4), true);
    assert.match(await web.ip(`route get ${WORLD_IPV4}`), /dev eth1/);
    assert.equal(await reaches(web, "203.0.113.1"), true);
    // A neighbour in IPv6 where the host is no router for it.
    const neighbour = await until(
      "db1 to have an IPv6 address",
      async () => {
        const guests = (await site.daemon.tapnet("guest", "list")) as { name: string; ipv6: string[] }[];
        return guests.find(({ name }) => name === "db1")?.ipv6[0];
      },
      8_000,
    );
    await until("web1 to reach db1 in IPv6", async () => reaches(web, neighbour), 8_000);
  });

  test("may use its second address, which nobody else gets", async () => {
    await web.ip("address add 10.77.0.11/32 dev eth1");
    assert.equal(await reaches(web, "10.77.0.1", "-I", "10.77.0.11"), true);
    assert.equal(await reaches(db2, "10.77.0.11"), true);
    await web.ip("address add 10.77.0.12/32 dev eth1");
    assert.equal(await reaches(web, "10.77.0.1", "-I", "10.77.0.12"), false);
  });

  test("is one guest to look at, with three interfaces and a name on each", async () => {
    const shown = (await site.daemon.tapnet("guest", "show", "web1")) as {
      nics: { network: string; ifname: string; ipv4: string[]; names: string[] }[];
    };
    const nics = shown.nics.map(({ network, ifname }) => `${network} ${ifname}`).sort((one, other) => one.localeCompare(other));
    assert.deepEqual(nics, ["back tn-web1", "default tn-web1.2", "far tn-web1.3"]);
    const front = shown.nics.find(({ network }) => network === "default");
    assert.deepEqual(front?.ipv4, ["10.77.0.10", "10.77.0.11"]);
    assert.ok(front?.names.includes("www.tapnet.internal"), front?.names.join(" "));
  });

  test("an interface that is not configured is refused, and a crash of the daemon changes nothing", async () => {
    await site.host.ip("link add tn-web1.4 type veth peer name unused");
    await assert.rejects(site.daemon.tapnet("guest", "attach", "tn-web1.4"), /no interface 4: add it to its nics/);
    await assert.rejects(
      site.daemon.tapnet("guest", "attach", "tn-web1.4", "--guest", "web1", "--network", "nowhere"),
      /no network nowhere/,
    );
    await site.daemon.kill();
    await site.daemon.start();
    assert.equal(await reaches(web, "10.77.0.1", "-I", "10.77.0.11"), true);
    assert.equal(((await site.daemon.tapnet("guest", "list")) as unknown[]).length, 5);
    await site.daemon.tapnet("guest", "detach", "web1");
    assert.doesNotMatch(await site.host.ip("route show proto 157"), /tn-web1/);
  });
});
