import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { formatMac } from "../../../src/base/mac.js";
import { command, needs, nft, root } from "../../support/needs.js";
import { listening } from "../../support/reach.js";
import { until } from "../../support/wait.js";
import { addressOf, GATEWAY, macOf, pings, type TestGuest, TestHost, WORLD } from "./host.js";

suite("who reaches whom", needs(root, nft, command("ping", "iputils-ping"), command("socat"), command("tcpdump")), () => {
  let host: TestHost;
  let web1: TestGuest;
  let public1: TestGuest;
  let lab1: TestGuest;
  let lab2: TestGuest;
  let cell1: TestGuest;

  const ends: (() => Promise<void>)[] = [];

  before(async () => {
    host = await TestHost.start({ after: (run) => void ends.push(run) });
    web1 = await host.guest("web1", "default", "10.77.0.10", "52:54:00:00:00:0a");
    await host.guest("web2", "default", "10.77.0.11", "52:54:00:00:00:0b");
    public1 = await host.guest("public1", "public", "203.0.113.10", "52:54:00:00:00:1a");
    lab1 = await host.guest("lab1", "lab", "10.78.0.10", "52:54:00:00:00:2a");
    lab2 = await host.guest("lab2", "lab", "10.78.0.11", "52:54:00:00:00:2b");
    cell1 = await host.guest("cell1", "cell", "10.79.0.10", "52:54:00:00:00:3a");
    await host.guest("cell2", "cell", "10.79.0.11", "52:54:00:00:00:3b");
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  const reach: readonly (readonly [from: () => TestGuest, to: string, reached: boolean, why: string])[] = [
    [() => web1, "10.77.0.11", true, "a neighbour"],
    [() => web1, GATEWAY.default, true, "the gateway"],
    [() => web1, WORLD, true, "the world, masqueraded"],
    [() => web1, "203.0.113.10", true, "a routed guest"],
    [() => web1, "10.78.0.10", false, "an isolated guest"],
    [() => web1, "198.51.100.2", false, "the host's own address"],
    [() => web1, GATEWAY.lab, false, "another network's gateway"],
    [() => web1, "10.77.0.99", false, "an address that nobody has"],
    [() => public1, WORLD, true, "the world, as itself"],
    [() => public1, "10.77.0.10", false, "a guest behind NAT"],
    [() => lab1, "10.78.0.11", true, "a neighbour"],
    [() => lab2, GATEWAY.lab, true, "the gateway"],
    [() => lab1, WORLD, false, "the world from an isolated network"],
    [() => lab1, "203.0.113.10", false, "a routed guest from an isolated network"],
    [() => cell1, "10.79.0.11", false, "a neighbour where guests are kept apart"],
    [() => cell1, GATEWAY.cell, false, "the gateway of a private network"],
  ];
  for (const [from, to, reached, why] of reach) {
    test(`${reached ? "reaches" : "does not reach"} ${why} (${to})`, async () => {
      assert.equal(await pings(from().host, to), reached);
    });
  }

  test("the world reaches routed guests only", async () => {
    assert.equal(await pings(host.world, "203.0.113.10"), true);
    await host.world.ip("route add 10.77.0.0/16 via 198.51.100.2");
    assert.equal(await pings(host.world, "10.77.0.10"), false);
  });

  test("the host reaches its guests, from the gateway's address", async () => {
    assert.match(await host.here.ip("route get 10.77.0.10"), /src 10\.77\.0\.1/);
    assert.equal(await pings(host.here, "10.77.0.10"), true);
    assert.equal(await pings(host.here, "10.79.0.10"), true);
  });

  test("the gateway has one MAC address, and answers for neighbours at once", async () => {
    await web1.host.ip("neigh flush all");
    const startedMs = performance.now();
    assert.equal(await pings(web1.host, "10.77.0.11"), true);
    assert.ok(performance.now() - startedMs < 500);
    assert.equal(await pings(web1.host, GATEWAY.default), true);
    const neighbours = await web1.host.ip("-json neigh");
    const macs = (JSON.parse(neighbours) as { lladdr?: string }[]).map(({ lladdr }) => lladdr);
    assert.equal(new Set(macs).size, 1);
  });

  test("an unknown address of the pool is unreachable and never asked for on the uplink", async () => {
    const sniffer = host.here.start(["tcpdump", "-n", "-l", "-i", "up0", "net 10.77.0.0/24"]);
    await sniffer.waitFor(/listening on/);
    const { stdout } = await web1.host.run(["ping", "-n", "-c", "1", "-W", "1", "10.77.0.200"]);
    assert.match(stdout, /Unreachable|100% packet loss/);
    await web1.host.ip("route add 10.77.0.201/32 via 10.77.0.1 dev eth0");
    const routed = await web1.host.run(["ping", "-n", "-c", "1", "-W", "1", "10.77.0.201"]);
    assert.match(routed.stdout, /From 10\.77\.0\.1 .*Unreachable/);
    await sniffer.stop();
    assert.doesNotMatch(sniffer.stdout, /10\.77\.0\.20[01]/);
  });

  test("masqueraded connections use ports from 1024 on", async () => {
    const listener = host.world.start(["socat", "-u", "UDP4-RECVFROM:9999", "SYSTEM:echo $SOCAT_PEERADDR $SOCAT_PEERPORT"]);
    await listening(host.world, "udp", 9999);
    await web1.host.must("sh", "-c", `echo hello | socat - UDP4-SENDTO:${WORLD}:9999,sourceport=500`);
    await listener.waitFor(/198\.51\.100\.2 \d+/);
    const port = Number(/198\.51\.100\.2 (\d+)/.exec(listener.stdout + listener.stderr)?.[1]);
    assert.ok(port >= 1024, `source port ${port}`);
  });

  test("of the host's ports a guest reaches TCP 53 at its gateway, and nothing else", async () => {
    for (const port of [22, 53, 8080]) host.here.start(["socat", `TCP4-LISTEN:${port},fork,reuseaddr`, "SYSTEM:echo open"]);
    await listening(host.here, "tcp", 22, 53, 8080);
    const connect = (from: TestGuest, address: string, port: number) =>
      from.host.run(["socat", "-T", "1", "-", `TCP4:${address}:${port},connect-timeout=1`]);
    assert.match((await connect(web1, GATEWAY.default, 53)).stdout, /open/);
    for (const [address, port] of [
      [GATEWAY.default, 22],
      ["198.51.100.2", 53],
      [GATEWAY.lab, 53],
      ["198.51.100.2", 8080],
    ] as const) {
      assert.doesNotMatch((await connect(web1, address, port)).stdout, /open/);
    }
    assert.doesNotMatch((await connect(cell1, GATEWAY.cell, 53)).stdout, /open/);
    const fromWorld = await host.world.run(["socat", "-T", "1", "-", "TCP4:203.0.113.1:53,connect-timeout=1"]);
    assert.doesNotMatch(fromWorld.stdout, /open/);
  });

  test("a guest answers the host's own TCP and UDP, and its datagrams to others are kept out", async () => {
    web1.host.start(["socat", "TCP4-LISTEN:7000,fork,reuseaddr", "SYSTEM:echo tcp"]);
    web1.host.start(["socat", "UDP4-LISTEN:7000,fork", "SYSTEM:echo udp"]);
    const sink = host.here.start(["socat", "-u", "UDP4-RECV:7001", "STDOUT"]);
    const asks = (script: string) => async (): Promise<string> => (await host.here.run(["sh", "-c", script])).stdout;
    const tcp = asks("socat -T 1 - TCP4:10.77.0.10:7000");
    const udp = asks("echo ask | socat -T 1 - UDP4:10.77.0.10:7000");
    await until("the guest's answer by TCP", async () => (await tcp()).includes("tcp"));
    await until("the guest's answer by UDP", async () => (await udp()).includes("udp"));
    const own = async (): Promise<boolean> => {
      await host.here.run(["sh", "-c", `echo own | socat - UDP4-SENDTO:${GATEWAY.default}:7001`]);
      return sink.stdout.endsWith("own\n");
    };
    await until("the host's own datagrams", own);
    const heard = sink.stdout.length;
    await web1.host.must("sh", "-c", `echo intruder | socat - UDP4-SENDTO:${GATEWAY.default}:7001`);
    await until("one of the host's own after it", async () => (await own()) && sink.stdout.length > heard);
    assert.doesNotMatch(sink.stdout, /intruder/);
  });

  test("the same in IPv6, with the gateway at fe80::1", async () => {
    const guests = await Promise.all(
      (
        [
          ["six1", "52:54:00:00:06:01", 1, "fe80::5054:ff:fe00:601"],
          ["six2", "52:54:00:00:06:02", 2, "fe80::5054:ff:fe00:602"],
        ] as const
      ).map(async ([name, mac, number, linkLocal]) => {
        const guest = await host.guest(name, "default", `10.77.0.${60 + number}`, mac);
        await guest.host.ip(`address add fd00:77::${number}0/128 dev eth0 nodad`);
        // The daemon answers the first question for the gateway; the kernel answers those that confirm it.
        await guest.host.ip(`neigh replace fe80::1 lladdr ${formatMac(guest.network.gatewayMac)} dev eth0 nud reachable`);
        await guest.host.ip("-6 route add default via fe80::1 dev eth0");
        const ifindex = host.ports.ofGuest(name, "default")?.ifindex ?? 0;
        const addresses = [`fd00:77::${number}0`, linkLocal].map(addressOf);
        const outcomes = host.ports.bind(addresses.map((address) => ({ ifindex, address, mac: macOf(mac) })));
        assert.deepEqual(outcomes, [undefined, undefined]);
        return guest;
      }),
    );
    const [six1] = guests;
    assert.equal(await pings(six1.host, "fd00:77::20"), true, "a neighbour");
    assert.equal(await pings(six1.host, "fd00:77::1"), true, "the gateway");
    assert.equal(await pings(six1.host, "fe80::1%eth0"), true, "the gateway, link-local");
    assert.equal(await pings(host.here, "fd00:77::10"), true, "the host to a guest");
    await six1.host.ip("address add fd00:77::99/128 dev eth0 nodad");
    assert.equal(await pings(six1.host, "fd00:77::20", "-I", "fd00:77::99"), false, "with an address that is not bound");
    assert.match(
      (await six1.host.run(["ping", "-n", "-c", "1", "-W", "1", "-I", "fd00:77::10", "fd00:77::77"])).stdout,
      /From fd00:77::1 .*nreachable/,
    );
    // Asked in unicast, as neighbour unreachability detection does (RFC 4861 7.3.3), the kernel alone answers.
    await six1.host.ip("neigh replace fe80::1 lladdr 02:23:4b:43:85:ee dev eth0 nud probe");
    await until("the gateway confirmed", async () => /REACHABLE/.test(await six1.host.ip("-6 neigh show fe80::1 dev eth0")));
  });
});
