import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { GuestView } from "../../../src/control/views.js";
import type { Host } from "../../support/lab.js";
import { command, needs, nft, root } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { ask, respond } from "../../support/reach.js";
import { RuleSite, UPLINK, WORLD } from "./site.js";

/** Of the uplink's own subnet, and not the host's; one that is routed to the host; one that the host has itself. */
const WEB1 = { ipv4: "198.51.100.7", ipv6: "2001:db8:51::7" } as const;
const ROUTED = "192.0.2.7";
const HOSTS_OWN = "198.51.100.3";

const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24, ipv6: "fd00:77::/64", uplink: up0 }
  public: { kind: routed, ipv4: 203.0.113.0/24 }
  lab: { kind: isolated, ipv4: 10.78.0.0/24 }
guests:
  web1:
    mac: "52:54:00:00:00:0a"
    ipv4: 10.77.0.10
    ipv6: "fd00:77::10"
    public: [${WEB1.ipv4}, "${WEB1.ipv6}"]
  web2: { mac: "52:54:00:00:00:0b", ipv4: 10.77.0.11, ipv6: "fd00:77::11", public: ${ROUTED} }
  web3: { mac: "52:54:00:00:00:0c", ipv4: 10.77.0.12, ipv6: "fd00:77::12" }
  public1: { network: public, mac: "52:54:00:00:00:1a", ipv4: 203.0.113.10, public: ${HOSTS_OWN} }
  lab1: { network: lab, mac: "52:54:00:00:00:2a", ipv4: 10.78.0.10 }
`;

suite("public addresses of guests, 1:1", needs(root, nft, command("ping", "iputils-ping")), () => {
  const ends: (() => Promise<void>)[] = [];
  let site: RuleSite;
  let web1: Host;
  let web2: Host;
  let web3: Host;
  let public1: Host;
  let lab1: Host;

  before(async () => {
    site = await RuleSite.start({ after: (run) => void ends.push(run) }, CONFIGURATION, async (host) => {
      await host.ip(`address add ${HOSTS_OWN}/24 dev up0`);
    });
    await site.world.ip(`route add ${ROUTED}/32 via ${UPLINK.ipv4}`);
    const gateway = "10.77.0.1";
    web1 = await site.guest({ name: "web1", mac: "52:54:00:00:00:0a", ipv4: "10.77.0.10", ipv6: "fd00:77::10", gateway });
    web2 = await site.guest({ name: "web2", mac: "52:54:00:00:00:0b", ipv4: "10.77.0.11", ipv6: "fd00:77::11", gateway });
    web3 = await site.guest({ name: "web3", mac: "52:54:00:00:00:0c", ipv4: "10.77.0.12", ipv6: "fd00:77::12", gateway });
    public1 = await site.guest({ name: "public1", mac: "52:54:00:00:00:1a", ipv4: "203.0.113.10", gateway: "203.0.113.1" });
    lab1 = await site.guest({ name: "lab1", mac: "52:54:00:00:00:2a", ipv4: "10.78.0.10", gateway: "10.78.0.1" });
    for (const guest of [web1, web2, web3, public1, site.world]) await respond(guest, 80);
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  const toWeb1 = [`tcp ${WEB1.ipv4} 80`, `udp ${WEB1.ipv4} 80`, `icmp ${WEB1.ipv4}`];
  const toWeb1Ipv6 = [`tcp ${WEB1.ipv6} 80`, `udp ${WEB1.ipv6} 80`, `icmp ${WEB1.ipv6}`];
  const inward = [...toWeb1, ...toWeb1Ipv6, `tcp ${ROUTED} 80`, `udp ${HOSTS_OWN} 80`];
  const reached = [
    ...[`web1 ${WORLD.ipv4}`, `web1 ${WORLD.ipv4}`, "pong", `web1 ${WORLD.ipv6}`, `web1 ${WORLD.ipv6}`, "pong"],
    ...[`web2 ${WORLD.ipv4}`, `public1 ${WORLD.ipv4}`],
  ];
  const outward = [`tcp ${WORLD.ipv4} 80`, `udp ${WORLD.ipv4} 80`, `icmp ${WORLD.ipv4}`];

  test("the world reaches the guest by it, whatever the protocol, and the guest sees who it was", async () => {
    assert.deepEqual(await ask(site.world, inward), reached);
    const view = (await site.daemon.tapnet("guest", "show", "web1")) as GuestView;
    assert.deepEqual(view.public, [WEB1.ipv4, WEB1.ipv6]);
  });

  test("the guest speaks to the world from it, where it is of that family; others as before", async () => {
    assert.deepEqual(await ask(web1, [...outward, `tcp ${WORLD.ipv6} 80`]), [
      ...[`world ${WEB1.ipv4}`, `world ${WEB1.ipv4}`, "pong", `world ${WEB1.ipv6}`],
    ]);
    assert.deepEqual(await ask(web2, [...outward, `tcp ${WORLD.ipv6} 80`]), [
      ...[`world ${ROUTED}`, `world ${ROUTED}`, "pong", `world ${UPLINK.ipv6}`],
    ]);
    assert.deepEqual(await ask(public1, outward), [`world ${HOSTS_OWN}`, `world ${HOSTS_OWN}`, "pong"]);
    assert.deepEqual(await ask(web3, outward), [`world ${UPLINK.ipv4}`, `world ${UPLINK.ipv4}`, "pong"]);
  });

  test("hairpin: the guest itself, its neighbours, other networks' guests and the host by the public address", async () => {
    const both = [...toWeb1, toWeb1Ipv6[0]];
    assert.deepEqual(await ask(web1, both), ["web1 10.77.0.1", "web1 10.77.0.1", "pong", "web1 fd00:77::1"]);
    assert.deepEqual(await ask(web2, both), ["web1 10.77.0.11", "web1 10.77.0.11", "pong", "web1 fd00:77::11"]);
    assert.deepEqual(await ask(public1, toWeb1), ["web1 203.0.113.10", "web1 203.0.113.10", "pong"]);
    assert.deepEqual(await ask(site.host, both), ["web1 10.77.0.1", "web1 10.77.0.1", "pong", "web1 fd00:77::1"]);
    assert.deepEqual(await ask(lab1, both.slice(0, 3)), [null, null, null]);
  });

  test("a forward from there is refused: all of it leads to the guest", async () => {
    const { status, stderr } = await site.host.run([...script("src/cli/main"), "forward", "add", "web3", `${ROUTED}:81:80`]);
    assert.notEqual(status, 0);
    assert.match(stderr, /192\.0\.2\.7 leads to guest web2 as a whole/);
  });

  test("stays over a crash, and comes back when somebody removes its route", async () => {
    const { daemon, world, host } = site;
    await daemon.kill();
    assert.deepEqual(await ask(world, inward), reached, "while the daemon is away");
    await daemon.start();
    assert.deepEqual(await ask(world, inward), reached, "when it is back");
    await host.ip(`route delete ${WEB1.ipv4}/32 dev tn-web1`);
    await host.must("sh", "-c", `until ip route show ${WEB1.ipv4} | grep -q tn-web1; do sleep 0.05; done`);
    assert.deepEqual(await ask(world, inward), reached);
  });

  test("a reload gives the address to another guest, and back", async () => {
    const { daemon, host, world } = site;
    const leadsTo = async (guest: string, address: string): Promise<void> => {
      daemon.process.signal("SIGHUP");
      const there = `ip route show ${WEB1.ipv4} | grep -q ${guest} && nft list map inet tapnet public4 | grep -q '${address}'`;
      await host.must("sh", "-c", `until ${there}; do sleep 0.05; done`);
    };
    const addresses = `public: [${WEB1.ipv4}, "${WEB1.ipv6}"]`;
    daemon.configure(CONFIGURATION.replace(addresses, "").replace('"fd00:77::12"', `"fd00:77::12", ${addresses}`));
    await leadsTo("tn-web3", `${WEB1.ipv4} : 10.77.0.12`);
    assert.deepEqual(await ask(world, [toWeb1[0], toWeb1Ipv6[1]]), [`web3 ${WORLD.ipv4}`, `web3 ${WORLD.ipv6}`]);
    assert.deepEqual(await ask(web3, outward.slice(0, 1)), [`world ${WEB1.ipv4}`]);
    assert.deepEqual(await ask(web1, outward.slice(0, 1)), [`world ${UPLINK.ipv4}`]);
    daemon.configure(CONFIGURATION);
    await leadsTo("tn-web1", `${WEB1.ipv4} : 10.77.0.10`);
    assert.deepEqual(await ask(world, inward), reached);
  });

  test("where the guest is not, the address leads nowhere and nobody answers for it", async () => {
    const { daemon, host, world } = site;
    await daemon.tapnet("guest", "detach", "web1");
    const { stderr } = await host.run(["ip", "route", "get", WEB1.ipv4, "from", WORLD.ipv4, "iif", "up0"]);
    assert.match(stderr, /No route to host/);
    assert.doesNotMatch(await host.must("ip", "neigh", "show", "proxy"), /198\.51\.100\.7 /);
    assert.doesNotMatch(await host.must("ip", "-6", "neigh", "show", "proxy"), /2001:db8:51::7 /);
    await world.must("ip", "neigh", "flush", "all");
    assert.deepEqual(await ask(world, [toWeb1[0], toWeb1Ipv6[0]]), [null, null]);
    await daemon.tapnet("guest", "attach", "tn-web1");
    await world.must("ip", "neigh", "flush", "all");
    assert.deepEqual(await ask(world, inward), reached);
  });

  test("clean-up leaves none of it", async () => {
    await site.daemon.stop();
    await site.daemon.cleanup();
    for (const [family, address] of [
      ["-4", WEB1.ipv4],
      ["-4", ROUTED],
      ["-6", WEB1.ipv6],
    ]) {
      assert.equal((await site.host.must("ip", family, "route", "show", address)).trim(), "", address);
    }
    assert.equal((await site.host.must("ip", "neigh", "show", "proxy")).trim(), "");
    assert.equal((await site.host.must("ip", "-6", "neigh", "show", "proxy")).trim(), "");
    assert.doesNotMatch(await site.host.must("nft", "list", "ruleset"), /tapnet/);
    assert.deepEqual(await ask(site.world, [`tcp ${ROUTED} 80`]), [null]);
  });
});
