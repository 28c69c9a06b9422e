import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { ForwardView, GuestView } from "../../../src/control/views.js";
import type { Host } from "../../support/lab.js";
import { command, needs, nft, root } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { ask, listening, respond } from "../../support/reach.js";
import { RuleSite, UPLINK, WORLD } from "./site.js";

const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24, ipv6: "fd00:77::/64" }
  apart: { kind: nat, ipv4: 10.76.0.0/24, isolate: guests }
  public: { kind: routed, ipv4: 203.0.113.0/24 }
  lab: { kind: isolated, ipv4: 10.78.0.0/24 }
guests:
  web1:
    mac: "52:54:00:00:00:0a"
    ipv4: 10.77.0.10
    ipv6: "fd00:77::10"
    forwards: ["8080:80", "5353:53/udp", "9000-9002:7000", "[${UPLINK.ipv6}]:6080:80"]
  web2: { mac: "52:54:00:00:00:0b", ipv4: 10.77.0.11, ipv6: "fd00:77::11" }
  apart1: { network: apart, mac: "52:54:00:00:00:4a", ipv4: 10.76.0.10 }
  apart2: { network: apart, mac: "52:54:00:00:00:4b", ipv4: 10.76.0.11, forwards: ["8180:80"] }
  public1: { network: public, mac: "52:54:00:00:00:1a", ipv4: 203.0.113.10, forwards: ["8280:80", "8280:80/udp"] }
  lab1: { network: lab, mac: "52:54:00:00:00:2a", ipv4: 10.78.0.10 }
`;

suite("port forwards", needs(root, nft, command("ping", "iputils-ping")), () => {
  const ends: (() => Promise<void>)[] = [];
  let site: RuleSite;
  let web1: Host;
  let web2: Host;
  let apart1: Host;
  let lab1: Host;

  before(async () => {
    site = await RuleSite.start({ after: (run) => void ends.push(run) }, CONFIGURATION);
    const gateway = "10.77.0.1";
    web1 = await site.guest({ name: "web1", mac: "52:54:00:00:00:0a", ipv4: "10.77.0.10", ipv6: "fd00:77::10", gateway });
    web2 = await site.guest({ name: "web2", mac: "52:54:00:00:00:0b", ipv4: "10.77.0.11", ipv6: "fd00:77::11", gateway });
    apart1 = await site.guest({ name: "apart1", mac: "52:54:00:00:00:4a", ipv4: "10.76.0.10", gateway: "10.76.0.1" });
    const apart2 = await site.guest({ name: "apart2", mac: "52:54:00:00:00:4b", ipv4: "10.76.0.11", gateway: "10.76.0.1" });
    const public1 = await site.guest({ name: "public1", mac: "52:54:00:00:00:1a", ipv4: "203.0.113.10", gateway: "203.0.113.1" });
    lab1 = await site.guest({ name: "lab1", mac: "52:54:00:00:00:2a", ipv4: "10.78.0.10", gateway: "10.78.0.1" });
    await respond(web1, 53, 80, 7000, 7001, 7002);
    for (const guest of [web2, apart2, public1]) await respond(guest, 80);
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  test("the world reaches guests by ports of the host, which see who it was", async () => {
    assert.deepEqual(
      await ask(site.world, [
        `tcp ${UPLINK.ipv4} 8080`,
        `udp ${UPLINK.ipv4} 5353`,
        `tcp ${UPLINK.ipv4} 9002`,
        `tcp ${UPLINK.ipv6} 8080`,
        `tcp ${UPLINK.ipv6} 6080`,
        `tcp ${UPLINK.ipv4} 8180`,
        `tcp ${UPLINK.ipv4} 8280`,
        `udp ${UPLINK.ipv4} 8280`,
        // What is not forwarded: another protocol, the next port, one of the other family.
        `udp ${UPLINK.ipv4} 8080`,
        `tcp ${UPLINK.ipv4} 9003`,
        `tcp ${UPLINK.ipv4} 6080`,
      ]),
      [
        `web1 ${WORLD.ipv4}`,
        `web1 ${WORLD.ipv4}`,
        `web1 ${WORLD.ipv4}`,
        `web1 ${WORLD.ipv6}`,
        `web1 ${WORLD.ipv6}`,
        `apart2 ${WORLD.ipv4}`,
        `public1 ${WORLD.ipv4}`,
        `public1 ${WORLD.ipv4}`,
        ...[null, null, null],
      ],
    );
  });

  test("hairpin: the guest itself, its neighbours, other networks' guests and the host by the public address", async () => {
    const public8080 = [`tcp ${UPLINK.ipv4} 8080`, `udp ${UPLINK.ipv4} 5353`, `tcp ${UPLINK.ipv6} 8080`];
    assert.deepEqual(await ask(web1, public8080), ["web1 10.77.0.1", "web1 10.77.0.1", "web1 fd00:77::1"]);
    assert.deepEqual(await ask(web2, public8080), ["web1 10.77.0.11", "web1 10.77.0.11", "web1 fd00:77::11"]);
    assert.deepEqual(await ask(site.host, public8080), [`web1 ${UPLINK.ipv4}`, `web1 ${UPLINK.ipv4}`, `web1 ${UPLINK.ipv6}`]);
    assert.deepEqual(await ask(web1, [`tcp ${UPLINK.ipv4} 8180`, `tcp ${UPLINK.ipv4} 8280`]), [
      "apart2 10.77.0.10",
      "public1 10.77.0.10",
    ]);
  });

  test("guests that are kept apart reach each other by forwards only", async () => {
    assert.deepEqual(await ask(apart1, [`tcp ${UPLINK.ipv4} 8180`, "tcp 10.76.0.11 80"]), ["apart2 10.76.0.10", null]);
  });

  test("a guest of an isolated network reaches no forward, and gets none", async () => {
    assert.deepEqual(await ask(lab1, [`tcp ${UPLINK.ipv4} 8080`, `udp ${UPLINK.ipv4} 5353`, "tcp 10.78.0.1 8080"]), [
      null,
      null,
      null,
    ]);
    const { status, stderr } = await site.host.run([...script("src/cli/main"), "forward", "add", "lab1", "1234:80"]);
    assert.deepEqual([status, /isolated, which nothing enters/.test(stderr)], [4, true], stderr);
  });

  test("the gateways' own ports and the loopback stay what they are", async () => {
    assert.deepEqual(await ask(web2, ["tcp 10.77.0.1 8080"]), [null]);
    assert.deepEqual(await ask(site.host, ["tcp 127.0.0.1 8080", "tcp ::1 8080"]), [null, null]);
  });

  test("added and removed while it runs; kept over a crash of the daemon, a permanent one over the loss of its run folder", async () => {
    const { daemon, world } = site;
    const live = (await daemon.tapnet("forward", "add", "web2", "8081:80")) as ForwardView;
    assert.deepEqual([live.forward, live.source, live.ipv4, live.ipv6], ["8081:80/tcp", "live", "10.77.0.11", "fd00:77::11"]);
    await daemon.tapnet("forward", "add", "web2", `${UPLINK.ipv4}:8082:80`);
    const permanent = (await daemon.tapnet("forward", "add", "--permanent", "web2", `${UPLINK.ipv4}:8082:80`)) as ForwardView;
    assert.equal(permanent.source, "permanent", "a live one is made permanent");
    const questions = [
      `tcp ${UPLINK.ipv4} 8081`,
      `tcp ${UPLINK.ipv6} 8081`,
      `tcp ${UPLINK.ipv4} 8082`,
      `tcp ${UPLINK.ipv6} 8082`,
    ];
    const all = [`web2 ${WORLD.ipv4}`, `web2 ${WORLD.ipv6}`, `web2 ${WORLD.ipv4}`, null];
    assert.deepEqual(await ask(world, questions), all);
    await daemon.kill();
    assert.deepEqual(await ask(world, questions), all, "while the daemon is away");
    await daemon.start();
    assert.deepEqual(await ask(world, questions), all, "when it is back");
    await daemon.stop();
    await site.host.must("rm", "-r", daemon.runFolder);
    await daemon.start();
    assert.deepEqual(await ask(world, questions), [null, null, `web2 ${WORLD.ipv4}`, null]);
    await daemon.tapnet("forward", "remove", "web2", `${UPLINK.ipv4}:8082:80`);
    assert.deepEqual(await ask(world, questions), [null, null, null, null]);
    assert.deepEqual(await daemon.tapnet("forward", "list", "--guest", "web2"), []);
  });

  test("a port goes to one place: other forwards and listening servers are in the way", async () => {
    site.host.start(["socat", "TCP4-LISTEN:4000,fork,reuseaddr", "SYSTEM:echo host"]);
    site.host.start(["socat", "UDP4-LISTEN:4001,fork,bind=127.0.0.1", "SYSTEM:echo host"]);
    await listening(site.host, "tcp", 4000);
    await listening(site.host, "udp", 4001);
    const refuse = async (text: string, says: RegExp, guest = "web2"): Promise<void> => {
      const { status, stderr } = await site.host.run([...script("src/cli/main"), "forward", "add", guest, text]);
      assert.match(stderr, says);
      assert.notEqual(status, 0);
    };
    await refuse("8080:80", /8080:80\/tcp of guest web1 has/);
    await refuse("8999-9001:80", /9000-9002:7000\/tcp of guest web1/);
    await refuse("4000:80", /listens on port 4000\/tcp/);
    await refuse("3990-4010:80", /listens on port 4000\/tcp/);
    await refuse("0:80", /1 to 65535/);
    await refuse("65530-65540:1", /1 to 65535/);
    await refuse("9010-9000:80", /runs backwards/);
    await refuse("127.0.0.1:8083:80", /loopback/);
    await refuse("[::1]:8083:80", /loopback/);
    await refuse("2001:db8::1:8083:80", /is not a forward/);
    await refuse("[10.0.0.1]:8083:80", /not an IPv6 address/);
    await refuse("10.0.0.256:8083:80", /not an IPv4 address/);
    await refuse("http", /is not a forward/);
    await refuse("8083:80", /no guest nobody/, "nobody");
    await refuse("8080:80", /has 8080:80\/tcp already, in the configuration/, "web1");
    const unknown = await site.host.run([...script("src/cli/main"), "forward", "list", "--guest", "nobody"]);
    assert.match(unknown.stderr, /no guest nobody/);
    for (const text of ["4000:80/udp", "4001:80/udp", "192.0.2.1:8080:80"])
      await site.daemon.tapnet("forward", "add", "web2", text);
    for (const text of ["4000:80/udp", "4001:80/udp", "192.0.2.1:8080:80"])
      await site.daemon.tapnet("forward", "remove", "web2", text);
  });

  test("counters of a guest, as it sees them", async () => {
    const [earlier] = (await site.daemon.tapnet("guest", "list")) as GuestView[];
    assert.equal(earlier.name, "apart1");
    await apart1.must("ping", "-n", "-q", "-c", "10", "-i", "0.01", "-s", "972", WORLD.ipv4);
    const [later] = (await site.daemon.tapnet("guest", "list")) as GuestView[];
    for (const way of ["sent", "received"] as const) {
      const bytes = (later[way]?.bytes ?? 0) - (earlier[way]?.bytes ?? 0);
      // Ten packets of 1000 bytes with Ethernet's header; now and then a question of the neighbour's.
      assert.ok(bytes >= 10 * 1014 && bytes < 10 * 1014 + 1000, `${way}: ${bytes}`);
    }
  });

  test("follows the guest, and comes back with the rules when somebody flushes them", async () => {
    const elements = async (): Promise<number> =>
      (await site.host.must("nft", "list", "map", "inet", "tapnet", "forward4")).match(/tcp \. 8080/g)?.length ?? 0;
    assert.equal(await elements(), 1);
    await site.host.must("nft", "flush", "map", "inet", "tapnet", "forward4");
    await site.host.must("sh", "-c", "until nft list map inet tapnet forward4 | grep -q 8080; do sleep 0.05; done");
    await site.host.must("nft", "flush", "ruleset");
    await site.host.must("sh", "-c", "until nft list map inet tapnet forward4 2>&1 | grep -q 8080; do sleep 0.05; done");
    assert.deepEqual(await ask(site.world, [`tcp ${UPLINK.ipv4} 8080`]), [`web1 ${WORLD.ipv4}`]);
    await site.daemon.tapnet("guest", "detach", "web1");
    assert.equal(await elements(), 0);
    const [view] = (await site.daemon.tapnet("forward", "list", "--guest", "web1")) as ForwardView[];
    assert.equal(view.ipv4, null);
    await site.daemon.tapnet("guest", "attach", "tn-web1");
    assert.equal(await elements(), 1);
  });
});
