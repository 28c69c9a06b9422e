/**
 * What the RFCs want of a DNS server that forwards, one check a statement, asked by a client that shares no code with ours: once
 * as a guest asks, by frames, and once as this host does, by sockets (TCP comes by sockets either way).
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Daemon } from "../../../support/daemon.js";
import { type Host, Lab } from "../../../support/lab.js";
import { needs, nft, root } from "../../../support/needs.js";
import { script } from "../../../support/paths.js";
import { attachVeth } from "../../../support/port.js";
import { all } from "./all.js";

const GATEWAY = "10.77.0.1";
const WORLD = "192.0.2.53";
const MAC = "52:54:00:00:00:10";
const RUN_MS = 90_000;

const record = (name: string, type: string, value: string) =>
  `    - { name: "${name}.tapnet.internal", type: ${type}, value: ${JSON.stringify(value)} }\n`;
const CONFIGURATION = `
networks:
  default: { kind: isolated, ipv4: 10.77.0.0/24, dns: { forward: true } }
guests:
  web1: { mac: "${MAC}", ipv4: 10.77.0.10, names: [www, "*.apps"] }
dns:
  upstreams: [${WORLD}]
  records:
${record("alias", "CNAME", "web1.tapnet.internal")}${record("out", "CNAME", "a.far.example")}\
${record("dangling", "CNAME", "nobody.tapnet.internal")}${record("loop1", "CNAME", "loop2.tapnet.internal")}\
${record("loop2", "CNAME", "loop1.tapnet.internal")}${record("mail", "MX", "10 web1.tapnet.internal")}\
${record("_http._tcp", "SRV", "1 2 80 web1.tapnet.internal")}${record("below.ent", "A", "10.77.0.20")}\
${record("two", "A", "10.77.0.21")}${record("two", "A", "10.77.0.22")}\
${Array.from({ length: 60 }, (_, index) => record("many", "A", `10.77.0.${100 + index}`)).join("")}`;

describe("conformance of DNS", needs(root, nft), () => {
  const lab = new Lab({ after });
  let host: Host;
  let guest: Host;
  const found = new Map<string, Map<string, string | undefined>>();

  before(async () => {
    host = await lab.host("host");
    guest = await lab.host("web1");
    const world = await lab.host("world");
    await lab.link(
      { host, ifname: "up0", addresses: ["192.0.2.2/24"] },
      { host: world, ifname: "eth0", addresses: [`${WORLD}/24`] },
    );
    await world.start([...script("test/netns/dns/conformance/world"), WORLD]).waitFor(/serving/);
    await new Daemon(host, CONFIGURATION).start();
    await attachVeth(host, guest, MAC);
    await guest.ip("address add 10.77.0.10/24 dev eth0");
    await Promise.all(
      [
        { by: "frames", from: guest },
        { by: "sockets", from: host },
      ].map(async ({ by, from }) => found.set(by, await runChecks(from, `${by}.example`))),
    );
  });

  for (const by of ["frames", "sockets"]) {
    for (const { what } of all) {
      test(`${what}, by ${by}`, () => {
        const outcome = found.get(by);
        assert.ok(outcome?.has(what), "the check has not run");
        assert.equal(outcome?.get(what), undefined);
      });
    }
  }
});

/** What is wrong by what was checked. */
async function runChecks(from: Host, zone: string): Promise<Map<string, string | undefined>> {
  const client = from.start([...script("test/netns/dns/conformance/client"), GATEWAY, zone]);
  const timer = setTimeout(() => client.signal("SIGKILL"), RUN_MS);
  await client.exited;
  clearTimeout(timer);
  const lines = client.stdout
    .trim()
    .split("\n")
    .filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      const { what, wrong } = JSON.parse(line) as { what: string; wrong?: string };
      return [what, wrong];
    }),
  );
}
