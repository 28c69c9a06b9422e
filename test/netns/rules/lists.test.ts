import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Host } from "../../support/lab.js";
import { command, needs, nft, root } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { ask, respond } from "../../support/reach.js";
import { RuleSite, UPLINK, WORLD } from "./site.js";

const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24, ipv6: "fd00:77::/64" }
  strict: { kind: nat, ipv4: 10.76.0.0/24, egress: ["${WORLD.ipv4} 80-81/tcp", "any icmp", "guest db1 5432"] }
guests:
  web1:
    mac: "52:54:00:00:00:0a"
    ipv4: 10.77.0.10
    egress: ["*.world.example 80", "world.example 81", "network default 7000/udp"]
  db1:
    mac: "52:54:00:00:00:0b"
    ipv4: 10.77.0.11
    ingress: ["network strict 5432", "10.77.0.0/24 7000/udp"]
    forwards: ["5432"]
  free1: { mac: "52:54:00:00:00:0c", ipv4: 10.77.0.12 }
  mute1: { mac: "52:54:00:00:00:0d", ipv4: 10.77.0.13, egress: none }
  edge1:
    mac: "52:54:00:00:00:0e"
    ipv4: 10.77.0.14
    ipv6: "fd00:77::14"
    egress: ["any 7-4097/udp", "0.0.0.0/1 80", "128.0.0.0/1 81", "0.0.0.0/0 4098/udp", "2001:db8::/33 82", "::/0 7000"]
  strict1: { network: strict, mac: "52:54:00:00:00:1a", ipv4: 10.76.0.10 }
dns: { upstreams: [${WORLD.ipv4}], allow-private: [world.example] }
`;

/** Around a range's ends, and where it is cut. */
const EDGES = [6, 7, 16, 4095, 4096, 4097, 4098];

suite(
  "lists of who may speak to whom",
  needs(root, nft, command("ping", "iputils-ping"), command("dig", "bind9-dnsutils")),
  () => {
    const ends: (() => Promise<void>)[] = [];
    let site: RuleSite;
    const guests: Record<string, Host> = {};

    before(async () => {
      site = await RuleSite.start({ after: (run) => void ends.push(run) }, CONFIGURATION);
      for (const [index, name] of ["web1", "db1", "free1", "mute1"].entries()) {
        const mac = `52:54:00:00:00:0${"abcd"[index]}`;
        guests[name] = await site.guest({ name, mac, ipv4: `10.77.0.1${index}`, gateway: "10.77.0.1" });
      }
      const mac = "52:54:00:00:00:1a";
      guests["strict1"] = await site.guest({ name: "strict1", mac, ipv4: "10.76.0.10", gateway: "10.76.0.1" });
      guests["edge1"] = await site.guest({
        ...{ name: "edge1", mac: "52:54:00:00:00:0e", gateway: "10.77.0.1" },
        ...{ ipv4: "10.77.0.14", ipv6: "fd00:77::14" },
      });
      await respond(site.world, ...EDGES, 80, 81, 82, 7000);
      await respond(guests["db1"], 80, 5432, 7000);
      await respond(guests["free1"], 80, 7000);
      await site.world.start(script("test/support/dns-upstream").concat(WORLD.ipv4)).waitFor(/serving/);
    });

    after(async () => {
      for (const end of ends.reverse()) await end();
    });

    const reached = async (from: string, questions: readonly string[]): Promise<boolean[]> =>
      (await ask(guests[from], questions)).map((answer) => answer !== null);

    test("a network's list holds for each of its guests: addresses, ports, protocols, guests by name", async () => {
      const world = WORLD.ipv4;
      const questions = [`tcp ${world} 80`, `tcp ${world} 81`, `tcp ${world} 82`, `udp ${world} 80`, `icmp ${world}`];
      assert.deepEqual(await reached("strict1", questions), [true, true, false, false, true]);
    });

    test("ranges of ports from end to end, prefixes of any length", async () => {
      const of = (address: string): string[] => EDGES.map((port) => `udp ${address} ${port}`);
      assert.deepEqual(await reached("edge1", of(WORLD.ipv4)), [false, true, true, true, true, true, true]);
      assert.deepEqual(await reached("edge1", of(WORLD.ipv6)), [false, true, true, true, true, true, false]);
      const tcp = (address: string): string[] => [80, 81, 82, 7000].map((port) => `tcp ${address} ${port}`);
      assert.deepEqual(await reached("edge1", tcp(WORLD.ipv4)), [false, true, false, false]);
      assert.deepEqual(await reached("edge1", tcp(WORLD.ipv6)), [false, false, true, true]);
    });

    test("who may begin something with a guest, whichever way it comes", async () => {
      assert.deepEqual(await reached("free1", ["tcp 10.77.0.11 5432", "tcp 10.77.0.11 80", "udp 10.77.0.11 7000"]), [
        false,
        false,
        true,
      ]);
      assert.deepEqual(await ask(site.world, [`tcp ${UPLINK.ipv4} 5432`]), [null]);
      assert.deepEqual(await ask(guests["strict1"], [`tcp ${UPLINK.ipv4} 5432`]), ["db1 10.76.0.10"], "listed on both sides");
      assert.deepEqual(
        await reached("free1", ["tcp 10.77.0.12 80", `tcp ${WORLD.ipv4} 82`]),
        [true, true],
        "others are as before",
      );
      assert.deepEqual(
        await reached("db1", [`tcp ${WORLD.ipv4} 82`, "tcp 10.77.0.12 80"]),
        [true, true],
        "and it itself begins what it likes",
      );
    });

    test("a list of nothing lets nothing out, and answers all the same", async () => {
      assert.deepEqual(await reached("mute1", [`tcp ${WORLD.ipv4} 80`, "udp 10.77.0.12 7000", `icmp ${WORLD.ipv4}`]), [
        false,
        false,
        false,
      ]);
      await respond(guests["mute1"], 80);
      assert.deepEqual(await reached("free1", ["tcp 10.77.0.13 80"]), [true]);
    });

    test("names: what our DNS has told serves as long as it holds, and only by the ports that are listed", async () => {
      const questions = [`tcp ${WORLD.ipv4} 80`, `tcp ${WORLD.ipv4} 81`, `tcp ${WORLD.ipv4} 82`, "udp 10.77.0.12 7000"];
      assert.deepEqual(await reached("web1", questions), [false, false, false, true], "before anybody has asked");
      await guests["web1"].must("dig", "+short", "@10.77.0.1", "www.world.example");
      assert.deepEqual(await reached("web1", questions), [true, false, false, true], "*.world.example");
      await guests["web1"].must("dig", "+short", "@10.77.0.1", "WORLD.example");
      assert.deepEqual(await reached("web1", questions), [true, true, false, true], "world.example");
      const elements = await site.host.must("nft", "list", "table", "inet", "tapnet");
      assert.match(elements, /198\.51\.100\.1 [^,]*timeout \d+\w+ expires/);
    });

    test("what was learnt is there again when the rules are", async () => {
      await site.host.must("nft", "delete", "table", "inet", "tapnet");
      await site.host.must(
        "sh",
        "-c",
        "until nft list table inet tapnet 2>&1 | grep -q '198.51.100.1 [^,]*timeout'; do sleep 0.05; done",
      );
      assert.deepEqual(await reached("web1", [`tcp ${WORLD.ipv4} 80`, `tcp ${WORLD.ipv4} 82`]), [true, false]);
    });
  },
);
