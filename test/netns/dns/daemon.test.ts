/** DNS of a real tapnetd, asked as a guest asks: by frames of a real port, and by TCP; and what `tapnet dns` says of it. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "../../../src/wire/dns/message.js";
import { formatRcode } from "../../../src/wire/dns/numbers.js";
import { Daemon } from "../../support/daemon.js";
import { type Host, Lab } from "../../support/lab.js";
import { command, needs, nft, qemu, root, tap } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { attachNamespace } from "../../support/port.js";
import type { RunningProcess } from "../../support/process.js";

const GATEWAY = "10.77.0.1";
const WORLD = "198.51.100.53";
const MAC = "52:54:00:00:00:10";
const CONFIGURATION = `
networks:
  default: { kind: isolated, ipv4: 10.77.0.0/24, dns: { forward: true } }
guests:
  web1: { mac: "${MAC}", ipv4: 10.77.0.10, names: [www, "*.apps"] }
dns:
  upstreams: [${WORLD}]
  domains: { silent.example: [198.51.100.99] }
  records:
    - { name: "*.wild.tapnet.internal", type: CNAME, value: web1.tapnet.internal }
`;

describe("DNS of a real daemon", needs(root, tap, nft, qemu, command("dig", "bind9-dnsutils")), () => {
  const lab = new Lab({ after });
  let host: Host;
  let guest: Host;
  let daemon: Daemon;
  let courier: RunningProcess;

  before(async () => {
    host = await lab.host("host");
    guest = await lab.host("web1");
    const world = await lab.host("world");
    await lab.link(
      { host, ifname: "up0", addresses: ["198.51.100.2/24"] },
      { host: world, ifname: "eth0", addresses: [`${WORLD}/24`] },
    );
    await world.start([...script("test/support/dns-upstream"), WORLD]).waitFor(/serving/);
    daemon = await new Daemon(host, CONFIGURATION).start();
    await attachNamespace(host, guest, MAC);
    await guest.ip("address add 10.77.0.10/24 dev eth0");
    courier = guest.start([...script("test/netns/dns/courier"), GATEWAY]);
    await courier.waitFor(/ready/);
  });

  /** Carries bytes from the guest; the reply's code, `silence`, or what is wrong with the reply. */
  async function carry(transport: "udp" | "tcp", hex: string): Promise<string> {
    courier.stdout = "";
    courier.child.stdin?.write(`1 ${transport} ${hex.replaceAll(" ", "")}\nend\n`);
    await courier.waitFor(/^done$/m);
    const reply = /^1 ([0-9a-f]+)$/m.exec(courier.stdout)?.[1];
    if (reply === undefined) return "silence";
    const message = parse(new Uint8Array(Buffer.from(reply, "hex")));
    if (typeof message === "string") return message;
    assert.ok(message.response && !message.reserved);
    assert.equal(reply.slice(0, 4), "1267");
    return formatRcode(message.rcode);
  }

  const name = "04 77656231 06 7461706e6574 08 696e7465726e616c 00";
  const asked = `${name} 0001 0001`;
  const long = `3f${"61".repeat(63)}`;
  const rows: readonly [string, string, string, ("udp" | "tcp")?][] = [
    ["a good question", `1267 0100 0001 0000 0000 0000 ${asked}`, "NOERROR"],
    ["bytes behind it", `1267 0100 0001 0000 0000 0000 ${asked} ffffff`, "NOERROR"],
    ["no question", "1267 0100 0000 0000 0000 0000", "FORMERR"],
    ["two questions", `1267 0100 0002 0000 0000 0000 ${asked} ${asked}`, "FORMERR"],
    ["IQUERY", `1267 0900 0001 0000 0000 0000 ${asked}`, "NOTIMP"],
    ["NOTIFY", `1267 2100 0001 0000 0000 0000 ${asked}`, "NOTIMP"],
    ["UPDATE", `1267 2900 0001 0000 0000 0000 ${asked}`, "NOTIMP"],
    ["opcode 15", `1267 7900 0001 0000 0000 0000 ${asked}`, "NOTIMP"],
    ["an answer", `1267 8180 0001 0000 0000 0000 ${asked}`, "silence"],
    ["eleven bytes", "1267 0100 0001 0000 0000 00", "silence"],
    ["TC set", `1267 0300 0001 0000 0000 0000 ${asked}`, "NOERROR"],
    ["class CH", `1267 0100 0001 0000 0000 0000 ${name} 0010 0003`, "REFUSED"],
    ["class ANY", `1267 0100 0001 0000 0000 0000 ${name} 0001 00ff`, "REFUSED"],
    ["AXFR", `1267 0100 0001 0000 0000 0000 ${name} 00fc 0001`, "REFUSED"],
    ["IXFR with its SOA", `1267 0100 0001 0000 0001 0000 ${name} 00fb 0001 ${name} 0006 0001 00000000 0000`, "REFUSED"],
    ["type 0", `1267 0100 0001 0000 0000 0000 ${name} 0000 0001`, "FORMERR"],
    ["the root", "1267 0100 0001 0000 0000 0000 00 0002 0001", "NXDOMAIN"],
    ["a pointer for a name", "1267 0100 0001 0000 0000 0000 c00c 0001 0001", "FORMERR"],
    ["a label of 64", `1267 0100 0001 0000 0000 0000 40${"61".repeat(64)} 00 0001 0001`, "FORMERR"],
    ["a name of 255", `1267 0100 0001 0000 0000 0000 ${long}${long}${long}3d${"61".repeat(61)} 00 0001 0001`, "NOERROR|NXDOMAIN"],
    ["a name of 256", `1267 0100 0001 0000 0000 0000 ${long}${long}${long}3e${"61".repeat(62)} 00 0001 0001`, "FORMERR"],
    ["EDNS 1", `1267 0100 0001 0000 0000 0001 ${asked} 00 0029 04d0 00 01 0000 0000`, "BADVERS"],
    ["two OPT records", `1267 0100 0001 0000 0000 0002 ${asked} ${"00 0029 04d0 00000000 0000".repeat(2)}`, "FORMERR"],
    ["an option past its record", `1267 0100 0001 0000 0000 0001 ${asked} 00 0029 04d0 00000000 0005 0003 0009 01`, "FORMERR"],
    [
      "a cookie of 7 bytes",
      `1267 0100 0001 0000 0000 0001 ${asked} 00 0029 04d0 00000000 000b 000a 0007 01020304050607`,
      "FORMERR",
    ],
    ["a cookie alone", `1267 0100 0000 0000 0000 0001 00 0029 04d0 00000000 000c 000a 0008 0102030405060708`, "NOERROR"],
    ["an answer section", `1267 0100 0001 0001 0000 0000 ${asked} ${name} 0001 0001 00000000 0004 01020304`, "FORMERR"],
  ];
  for (const [what, hex, expected] of rows) {
    test(`${what}: ${expected}, by frames and by TCP`, async () => {
      const pattern = new RegExp(`^(?:${expected})$`);
      assert.match(await carry("udp", hex), pattern);
      assert.match(await carry("tcp", hex), pattern);
    });
  }

  const dig = async (where: Host, ...words: readonly string[]) =>
    (await where.must("dig", `@${GATEWAY}`, "+short", "+tries=1", "+time=3", ...words)).trim();

  test("the guest finds itself by all its names, and the world", async () => {
    for (const label of ["web1", "www", "any.apps", "deep.below.apps"])
      assert.equal(await dig(guest, `${label}.tapnet.internal`), "10.77.0.10", label);
    assert.equal(await dig(guest, "x.wild.tapnet.internal"), "web1.tapnet.internal.\n10.77.0.10");
    assert.equal(await dig(guest, "-x", "10.77.0.10"), "web1.tapnet.internal.");
    assert.equal(await dig(guest, "world.example"), "198.51.100.1");
    assert.equal(await dig(guest, "+tcp", "world.example"), "198.51.100.1");
  });

  test("the host itself asks the gateway's address, over UDP and TCP", async () => {
    assert.equal(await dig(host, "web1.tapnet.internal"), "10.77.0.10");
    assert.equal(await dig(host, "+tcp", "www.tapnet.internal"), "10.77.0.10");
    assert.equal(await dig(host, "-x", "10.77.0.10"), "web1.tapnet.internal.");
  });

  test("tapnet dns list, query, stats and flush", async () => {
    const names = (await daemon.tapnet("dns", "list")) as { name: string; type: string; value: string }[];
    assert.ok(names.some(({ name: listed, value }) => listed === "*.apps.tapnet.internal" && value === "10.77.0.10"));
    const local = (await daemon.tapnet("dns", "query", "web1.tapnet.internal")) as { status: string; from: string };
    assert.deepEqual([local.status, local.from], ["NOERROR", "local"]);
    await daemon.tapnet("dns", "flush");
    const first = (await daemon.tapnet("dns", "query", "world.example", "TXT")) as { from: string };
    const second = (await daemon.tapnet("dns", "query", "world.example", "TXT")) as { from: string };
    assert.deepEqual([first.from, second.from], ["upstream", "cache"]);
    assert.deepEqual(await daemon.tapnet("dns", "flush", "example"), { flushed: 1 });
    const stats = (await daemon.tapnet("dns", "stats")) as Record<string, number>;
    assert.ok(
      stats["questions"] > 0 && stats["local"] > 0 && stats["forwarded"] > 0 && stats["cached"] > 0,
      JSON.stringify(stats),
    );
  });

  test("tapnet dns query says what it waits for, and why nothing came", async () => {
    const { status, stderr } = await host.run([...script("src/cli/main"), "dns", "query", "www.silent.example"]);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^no upstream server has answered yet; .*\nSERVFAIL in .*\nno upstream server answers: .*198\.51\.100\.99:53 \(0 of/,
    );
    const refused = (await host.run([...script("src/cli/main"), "--json", "dns", "query", "private.example", "AXFR"])).stdout;
    assert.match((JSON.parse(refused) as { reason: string }).reason, /^not forwarded: /);
  });

  test("tapnet dns log switches the questions of one guest into the log, and off", async () => {
    assert.deepEqual(await daemon.tapnet("dns", "log"), []);
    await dig(guest, "before.tapnet.internal");
    assert.deepEqual(await daemon.tapnet("dns", "log", "web1", "on"), { network: "default", guest: "web1", on: true });
    await dig(guest, "during.tapnet.internal");
    await daemon.process.waitFor(/during\.tapnet\.internal/);
    assert.deepEqual(await daemon.tapnet("dns", "log"), [{ network: "default", guest: "web1", on: true }]);
    daemon.configure(CONFIGURATION.replace("dns:\n  upstreams", "dns:\n  hosts: [/dev/null]\n  rate: 50\n  upstreams"));
    daemon.process.signal("SIGHUP");
    await daemon.process.waitFor(/is in effect/);
    assert.deepEqual(await daemon.tapnet("dns", "log"), [{ network: "default", guest: "web1", on: true }]);
    await daemon.tapnet("dns", "log", "web1", "off");
    await dig(guest, "after.tapnet.internal");
    assert.doesNotMatch(daemon.log, /(?:before|after)\.tapnet\.internal/);
    const missing = await host.run([...script("src/cli/main"), "dns", "log", "nobody", "on"]);
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /there is no guest nobody; see: tapnet guest list/);
  });

  test("a thousand TCP clients that say nothing keep nobody from asking, and go", async () => {
    const stall = join(lab.folder, "stall.mjs");
    writeFileSync(stall, STALLING);
    const stalling = guest.start([process.execPath, stall, GATEWAY]);
    await stalling.waitFor(/stalling/);
    assert.equal(await dig(guest, "+tcp", "web1.tapnet.internal"), "10.77.0.10");
    assert.equal(await dig(host, "+tcp", "web1.tapnet.internal"), "10.77.0.10");
    const { tcpConnections } = (await daemon.tapnet("dns", "stats")) as { tcpConnections: number };
    assert.ok(tcpConnections <= 1024, String(tcpConnections));
    await stalling.stop();
  });
});

/** Opens a thousand connections, half of them with half a length in front, and keeps them. */
const STALLING = `
import { connect } from "node:net";
let open = 0;
for (let index = 0; index < 1000; index++) {
  const socket = connect(53, process.argv[2], () => {
    if (index % 2 === 0) socket.write(Buffer.of(0));
    if (++open === 1000) console.log("stalling");
  });
  socket.on("error", () => undefined);
}
`;
