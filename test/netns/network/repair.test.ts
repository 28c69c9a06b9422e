import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { BOUND_IPV4, TABLE } from "../../../src/network/ruleset.js";
import { needs, nft, root } from "../../support/needs.js";
import { until } from "../../support/wait.js";
import { addressOf, macOf, pings, sysctl, type TestGuest, TestHost } from "./host.js";

suite("what others break is put back", needs(root, nft), () => {
  const ends: (() => Promise<void>)[] = [];
  let host: TestHost;
  let web1: TestGuest;
  let intact: string;

  before(async () => {
    host = await TestHost.start({ after: (run) => void ends.push(run) });
    await host.here.ip("link add other0 type veth peer name other1");
    await host.here.ip("link set other0 up alias mine group 7");
    await host.here.ip("address add 192.0.2.1/24 dev other0");
    await host.here.ip("route add 192.0.2.128/25 dev other0 proto static metric 50");
    await host.here.ip("neigh add 192.0.2.7 lladdr 52:54:00:00:00:77 dev other0 nud permanent");
    await host.here.must("nft", "add table inet somebody; add chain inet somebody c; add rule inet somebody c counter");
    web1 = await host.guest("web1", "default", "10.77.0.10", "52:54:00:00:00:0a");
    await host.guest("web2", "default", "10.77.0.11", "52:54:00:00:00:0b");
    intact = await ours();
    foreign = await others();
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  let foreign: string;

  /** Everything of ours that iproute2 and nft can see, without counters and handles, line by line. */
  async function ours(): Promise<string> {
    const settings = ["tn-web1", "tn-web2"].flatMap((ifname) =>
      ["forwarding", "proxy_arp", "rp_filter", "send_redirects"].map((name) => `net/ipv4/conf/${ifname}/${name}`),
    );
    const parts = [
      await host.here.ip("route show proto 157"),
      await host.here.ip("-6 route show proto 157"),
      await host.here.ip("neigh show dev tn-web1 nud permanent"),
      await host.here.ip("neigh show dev tn-web2 nud permanent"),
      ...(await Promise.all(["lo", "tn-web1", "tn-web2"].map((ifname) => host.here.ip(`-oneline address show dev ${ifname}`)))),
      await host.here.ip(`-brief link show group ${web1.network.group}`),
      (await host.here.run(["nft", "-s", "list", "table", "inet", "tapnet"])).stdout,
      (await host.here.run(["nft", "-s", "list", "table", "arp", "tapnet"])).stdout,
      ...[...settings, "net/ipv4/ip_forward"].map((path) => `${path} = ${sysctl.read(path)}`),
    ];
    return parts.join("\n").split("\n").toSorted().join("\n");
  }

  async function others(): Promise<string> {
    return [
      await host.here.ip("-details link show other0"),
      await host.here.ip("address show dev other0"),
      await host.here.ip("route show dev other0"),
      await host.here.ip("neigh show dev other0 nud permanent"),
      await host.here.must("nft", "list", "table", "inet", "somebody"),
    ].join("\n");
  }

  const damages: readonly (readonly [what: string, ...commands: string[]])[] = [
    ["a guest's route is deleted", "ip route del 10.77.0.10"],
    ["a pool's route is deleted", "ip route del unreachable 10.77.0.0/24 metric 4278190080"],
    ["all routes of ours are flushed, as networkd does", "ip route flush proto 157", "ip -6 route flush proto 157"],
    ["the gateway's address is deleted", "ip address del 10.77.0.1/32 dev lo"],
    ["a link goes down", "ip link set tn-web1 down"],
    ["a link goes down and up again", "ip link set tn-web1 down", "ip link set tn-web1 up"],
    ["a link's group is changed", "ip link set tn-web1 group 0"],
    ["a link's MAC address is changed", "ip link set tn-web2 address 52:54:00:ff:ff:ff"],
    [
      "the firewall is reloaded",
      "nft flush ruleset",
      "nft add table inet somebody",
      "nft add chain inet somebody c",
      "nft add rule inet somebody c counter",
    ],
    ["our table is deleted", "nft delete table inet tapnet"],
    ["a rule of ours is deleted", "nft flush chain inet tapnet guard"],
    ["a rule is put into our table", "nft insert rule inet tapnet guard accept"],
    ["an element is deleted", "nft flush set inet tapnet bound4"],
    ["an element is put in", "nft add element inet tapnet bound4 '{ 1 . 52:54:00:00:00:66 . 10.77.0.66 }'"],
  ];
  for (const [what, ...commands] of damages) {
    test(what, async () => {
      await host.here.must("sh", "-e", "-c", commands.join("\n"));
      await until("everything as it was", async () => (await ours()) === intact, 4000).catch(() => undefined);
      assert.equal(await ours(), intact);
      assert.equal(await pings(web1.host, "10.77.0.11"), true);
      assert.equal(await others(), foreign);
    });
  }

  test("a restart finds everything, changes nothing, and no ping is lost", async () => {
    const watcher = host.here.start(["ip", "monitor", "link", "address", "route", "neigh"]);
    const pinger = web1.host.start(["ping", "-n", "-i", "0.01", "-c", "200", "10.77.0.11"]);
    await pinger.waitFor(/icmp_seq=5 /);
    await host.restart();
    await pinger.waitFor(/200 packets transmitted, 200 received/);
    await watcher.stop();
    assert.doesNotMatch(watcher.stdout, /tapnet|proto 157|tn-web/);
    assert.equal(await ours(), intact);
  });

  test("a link that was renamed is still guarded, and known by its new name", async () => {
    await host.here.ip("link set tn-web1 down");
    await host.here.ip("link set tn-web1 name renamed0");
    await until("the new name", () => host.ports.list().some(({ ifname }) => ifname === "renamed0"));
    await until("the link up again", () => pings(web1.host, "10.77.0.11"));
  });

  test("a link that is deleted takes everything along", async () => {
    await host.here.ip("link del tn-web2");
    await until("the port gone", () => host.gone.some(({ guest }) => guest === "web2"));
    await until("the element gone", () => host.firewall.stations(BOUND_IPV4).length === 1);
    assert.equal(host.ports.list().length, 1);
    assert.deepEqual(host.upkeep.reconcile(), []);
  });

  test("bindings made while the rules are loaded are not lost", async () => {
    const loaded = host.upkeep.restoreRules();
    const [port] = host.ports.list();
    const bound = Array.from({ length: 50 }, (_, index) => ({
      ifindex: port.ifindex,
      address: Number(addressOf("10.77.0.100")) + index,
      mac: macOf(web1.mac),
    }));
    assert.ok(host.ports.bind(bound).every((outcome) => outcome === undefined));
    await loaded;
    assert.equal(host.firewall.stations(BOUND_IPV4).length, 51);
    assert.ok(host.ports.unbind(bound).every((outcome) => outcome === undefined));
    assert.equal(host.firewall.stations(BOUND_IPV4).length, 1);
  });

  test("cleaning up removes every trace, and nothing of others", async () => {
    await host.upkeep.cleanup();
    assert.equal(await host.here.ip("route show proto 157"), "");
    assert.equal(await host.here.ip("-6 route show proto 157"), "");
    assert.doesNotMatch(await host.here.ip("address show dev lo"), /10\.77\.0\.1|203\.0\.113\.1|fd00:77/);
    assert.doesNotMatch(await host.here.ip("link show renamed0"), /tapnet|group 19/);
    assert.equal(host.firewall.fingerprint(TABLE), "");
    assert.doesNotMatch(await host.here.must("nft", "list", "tables"), /tapnet/);
    assert.equal(await others(), foreign);
  });
});
