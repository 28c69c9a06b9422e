import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Host } from "../../support/lab.js";
import { command, needs, nft, root } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { ask, respond } from "../../support/reach.js";
import { RuleSite, UPLINK, WORLD } from "./site.js";

const PACKETS = 100;
const CONFIGURATION = `
networks:
  office: { kind: bridge, ipv4: 10.79.0.0/24, ipv6: "fd00:79::/64", way-out: routed }
  default: { kind: nat, ipv4: 10.77.0.0/24 }
guests:
  a1:
    { network: office, mac: "52:54:00:00:00:0a", ipv4: 10.79.0.10, ipv6: "fd00:79::10",
      egress: ["guest b1 80", "guest b1 80/udp", "${WORLD.ipv4} 80", "*.world.example 81"] }
  b1:
    { network: office, mac: "52:54:00:00:00:0b", ipv4: 10.79.0.11, ipv6: "fd00:79::11", forwards: ["8080:80"],
      ingress: ["guest a1 80", "guest a1 80/udp", "10.77.0.0/24 81"] }
  c1: { network: office, mac: "52:54:00:00:00:0c", ipv4: 10.79.0.12, ipv6: "fd00:79::12" }
  d1: { network: office, mac: "52:54:00:00:00:0d", ipv4: 10.79.0.13, ipv6: "fd00:79::13", egress: none }
  few1: { network: office, mac: "52:54:00:00:00:0e", ipv4: 10.79.0.14, limit: { packets: ${PACKETS} } }
  n1: { mac: "52:54:00:00:00:1a", ipv4: 10.77.0.10, egress: ["guest b1 80-81", "network office 82"] }
dns: { upstreams: [${WORLD.ipv4}], allow-private: [world.example] }
`;
const IPV4 = { a1: "10.79.0.10", b1: "10.79.0.11", c1: "10.79.0.12", d1: "10.79.0.13", few1: "10.79.0.14" } as const;

suite(
  "lists and limits of guests on a bridge",
  needs(root, nft, command("ping", "iputils-ping"), command("dig", "bind9-dnsutils")),
  () => {
    const ends: (() => Promise<void>)[] = [];
    let site: RuleSite;
    const guests: Record<string, Host> = {};

    before(async () => {
      site = await RuleSite.start({ after: (run) => void ends.push(run) }, CONFIGURATION);
      for (const [index, [name, ipv4]] of Object.entries(IPV4).entries()) {
        const [mac, ipv6] = [`52:54:00:00:00:0${"abcde"[index]}`, `fd00:79::1${index}`];
        guests[name] = await site.guest({ name, mac, ipv4, ipv6, gateway: "10.79.0.1", gatewayIpv6: "fd00:79::1" });
        await respond(guests[name], 80, 81, 82);
      }
      const n1 = { name: "n1", mac: "52:54:00:00:00:1a", ipv4: "10.77.0.10", gateway: "10.77.0.1" };
      guests["n1"] = await site.guest(n1);
      await site.world.ip(`route add 10.79.0.0/24 via ${UPLINK.ipv4}`);
      await respond(site.world, 80, 81);
      await respond(site.host, 90);
      await site.world.start(script("test/support/dns-upstream").concat(WORLD.ipv4)).waitFor(/serving/);
    });

    after(async () => {
      for (const end of ends.reverse()) await end();
    });

    const reached = async (from: Host, ...questions: readonly string[]): Promise<boolean[]> =>
      (await ask(from, questions)).map((answer) => answer !== null);

    /** Whether the host's packet filter sees what crosses a bridge is as the host has it: Docker turns it on. */
    for (const seen of [0, 1]) {
      const setting = (name: string): string => `/proc/sys/net/bridge/bridge-nf-call-${name}tables`;
      test(`with bridge-nf-call-iptables ${seen}: from port to port, and through the host`, async () => {
        for (const name of ["ip", "ip6"])
          await site.host.must("sh", "-c", `[ ! -e ${setting(name)} ] || echo ${seen} >${setting(name)}`);
        const { a1, b1, c1, d1, n1 } = guests;
        const [yes, no] = [true, false];
        assert.deepEqual(
          await reached(a1, "tcp 10.79.0.11 80", "udp 10.79.0.11 80", "tcp fd00:79::11 80", "udp fd00:79::11 80"),
          [yes, yes, yes, yes],
          "what both lists let",
        );
        assert.deepEqual(
          await reached(
            a1,
            "tcp 10.79.0.11 81",
            "tcp fd00:79::11 81",
            "icmp 10.79.0.11",
            "tcp 10.79.0.12 80",
            "udp 10.79.0.12 80",
          ),
          [no, no, no, no, no],
          "what the sender's list does not let",
        );
        assert.deepEqual(await reached(a1, `tcp ${WORLD.ipv4} 80`, `tcp ${WORLD.ipv4} 82`), [yes, no], "and beyond the host");
        assert.deepEqual(
          await reached(c1, "tcp 10.79.0.11 80", "tcp 10.79.0.11 81", "udp fd00:79::11 80", "icmp 10.79.0.11"),
          [no, no, no, no],
          "what the receiver's list does not let",
        );
        const all = ["tcp", "udp", "icmp"].flatMap((protocol) => [`${protocol} 10.79.0.13 80`, `${protocol} fd00:79::13 80`]);
        assert.deepEqual(await reached(c1, ...all), [yes, yes, yes, yes, yes, yes], "who may begin nothing still answers");
        assert.deepEqual(
          await reached(d1, "tcp 10.79.0.12 80", "udp fd00:79::12 80", "icmp 10.79.0.12", `tcp ${WORLD.ipv4} 80`),
          [no, no, no, no],
        );
        assert.deepEqual(await reached(b1, "tcp 10.79.0.12 80", "icmp fd00:79::12"), [yes, yes], "begins what it likes");
        assert.deepEqual(
          await reached(n1, "tcp 10.79.0.11 81", "tcp 10.79.0.11 80", "tcp 10.79.0.12 82", "tcp 10.79.0.12 80"),
          [yes, no, yes, no],
          "from another network, whose list means guests on the bridge, too",
        );
        assert.deepEqual(await ask(site.world, [`tcp ${UPLINK.ipv4} 8080`]), [null], "nor by its forward");
        assert.deepEqual(await ask(c1, [`tcp ${UPLINK.ipv4} 8080`]), [null], "nor by that from the same bridge");
        assert.deepEqual(await reached(site.host, "tcp 10.79.0.11 82", "icmp 10.79.0.13"), [yes, yes], "the host is the host");
      });
    }

    test("datagrams in fragments pass where the first one does", async () => {
      const ping = async (from: string, to: string): Promise<boolean> =>
        (await guests[from].run(["ping", "-n", "-c", "1", "-W", "1", "-s", "4000", to])).status === 0;
      assert.deepEqual(
        [await ping("c1", IPV4.d1), await ping("c1", "fd00:79::13"), await ping("c1", IPV4.b1)],
        [true, true, false],
      );
    });

    test("names: only what the guest itself was told", async () => {
      const asked = ["tcp 198.51.100.1 81"];
      await guests["c1"].must("dig", "+short", "@10.79.0.1", "www.world.example");
      await site.host.must("dig", "+short", "@10.79.0.1", "www.world.example");
      assert.deepEqual(await reached(guests["a1"], ...asked), [false]);
      await guests["a1"].must("dig", "+short", "@10.79.0.1", "www.world.example");
      assert.deepEqual(await reached(guests["a1"], ...asked), [true]);
      await site.host.must("nft", "delete", "table", "bridge", "tapnet");
      await site.host.must(
        "sh",
        "-c",
        "until nft list table bridge tapnet 2>&1 | grep -q '198.51.100.1 [^,]*timeout'; do sleep 0.05; done",
      );
      assert.deepEqual(await reached(guests["a1"], ...asked, "tcp 10.79.0.11 80", "tcp 10.79.0.12 80"), [true, true, false]);
    });

    test("packets in a second, from port to port too", async () => {
      const startedMs = performance.now();
      const { stdout } = await guests["c1"].run(["ping", "-n", "-q", "-c", "300", "-i", "0.002", "-W", "1", IPV4.few1]);
      const seconds = (performance.now() - startedMs) / 1000;
      const received = Number(/(\d+) received/.exec(stdout)?.[1]);
      assert.ok(received >= PACKETS / 10 && received <= PACKETS * (seconds + 0.1) + 1, `${received} in ${seconds} s`);
    });
  },
);

/** A bridge of the host's own configuration, with a LAN behind one of its ports. */
const EXISTING = `
networks:
  home: { kind: bridge, bridge: { name: br0, existing: true } }
guests:
  x1: { network: home, mac: "52:54:00:00:00:0a", egress: ["192.168.9.1 80", "192.168.9.2 80"], ingress: ["192.168.9.1 81"] }
`;

test("lists of guests on a bridge that others have made: the host is one more station", needs(root, nft), async (t) => {
  const site = await RuleSite.start(t, EXISTING, async (host) => {
    await host.ip("link add br0 type bridge forward_delay 0");
    await host.ip("link set br0 up");
    await host.ip("address add 192.168.9.2/24 dev br0");
  });
  const { host, lab } = site;
  const lan = await lab.host("lan");
  await lab.link({ host, ifname: "eth0" }, { host: lan, ifname: "eth0", addresses: ["192.168.9.1/24"] });
  await host.ip("link set eth0 master br0");
  const x1 = await site.guest({ name: "x1", mac: "52:54:00:00:00:0a", ipv4: "192.168.9.10", gateway: "192.168.9.1" });
  for (const each of [lan, host, x1]) await respond(each, 80, 81);
  const to = (...hosts: readonly number[]): string[] =>
    hosts.flatMap((number) => [`tcp 192.168.9.${number} 80`, `tcp 192.168.9.${number} 81`]);
  assert.deepEqual(await ask(x1, to(1, 2)), ["lan 192.168.9.10", null, "host 192.168.9.10", null]);
  assert.deepEqual(await ask(lan, to(10)), [null, "x1 192.168.9.1"]);
  assert.deepEqual(await ask(host, [...to(10), "icmp 192.168.9.10"]), ["x1 192.168.9.2", "x1 192.168.9.2", "pong"]);
});
