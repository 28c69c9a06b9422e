/** `tapnet web` beside a real tapnetd: what its page would ask, asked over TCP from the host that it runs on. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ForwardView, GuestView, TrafficListView } from "../../../src/control/index.js";
import { type Host, Lab } from "../../support/lab.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { attachVeth } from "../../support/port.js";
import type { RunningProcess } from "../../support/process.js";
import { makeSite, type Site } from "../../support/site.js";
import { until } from "../../support/wait.js";

const MAC = "52:54:00:00:00:01";
const GUEST = "10.77.0.10";
const GATEWAY = "10.77.0.1";
const NOBODY = 65534;
const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24 }
guests:
  web1: { mac: "${MAC}", ipv4: ${GUEST} }
`;

interface Answer {
  readonly status: number;
  readonly text: string;
}

describe("tapnet web", { ...needs(root, tap, nft, command("curl"), command("ss", "iproute2")), timeout: 120_000 }, () => {
  const lab = new Lab({ after });
  let site: Site;
  let guest: Host;
  let web: RunningProcess;
  let base = "";
  let key = "";

  before(async () => {
    site = await makeSite(lab, CONFIGURATION);
    guest = await lab.host("web1");
    await attachVeth(site.host, guest, MAC);
    await guest.ip(`address add ${GUEST}/24 dev eth0`);
    await until("a ping of the gateway", async () => (await ping(GUEST)) === 0);
    web = site.host.start([...script("src/cli/main"), "web"]);
    [base, key] = await urlOf(web);
  });

  async function urlOf(started: RunningProcess): Promise<[base: string, key: string]> {
    await started.waitFor(/#key=\S+/);
    const match = /^(http:\/\/127\.0\.0\.1:\d+)\/#key=(\S+)$/m.exec(started.output);
    assert.ok(match, started.output);
    return [match[1], match[2]];
  }

  async function ping(from: string): Promise<number> {
    return (await guest.run(["ping", "-n", "-q", "-c", "3", "-i", "0.05", "-W", "1", "-I", from, GATEWAY])).status;
  }

  async function ask(path: string, ...words: string[]): Promise<Answer> {
    return askAt(`${base}${path}`, "-H", `Authorization: Bearer ${key}`, ...words);
  }

  async function askAt(url: string, ...words: string[]): Promise<Answer> {
    const out = await site.host.must("curl", "-s", "--max-time", "20", "-w", "\n%{http_code}", ...words, url);
    const at = out.trimEnd().lastIndexOf("\n");
    return { status: Number(out.slice(at + 1)), text: out.slice(0, at) };
  }

  async function read<Value>(path: string): Promise<Value> {
    const { status, text } = await ask(path);
    assert.equal(status, 200, text);
    return JSON.parse(text) as Value;
  }

  test("serves its page whole: each file that the page names is there", async () => {
    const { text } = await askAt(`${base}/`);
    const named = [...text.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path);
    assert.ok(named.length >= 3, text);
    const page = await askAt(`${base}/page.js`);
    const parts = [...page.text.matchAll(/"\.(\/part-[^"]+\.js)"/g)].map(([, path]) => path);
    assert.ok(parts.length > 0, "the chart is a part of its own");
    for (const path of [...named, ...parts, "/licenses.txt"]) {
      assert.match(path, /^\//, "from here and nowhere else");
      assert.equal((await askAt(`${base}${path}`)).status, 200, path);
    }
    assert.match((await askAt(`${base}/licenses.txt`)).text, /preact .* \(MIT\)[\s\S]*uplot .* \(MIT\)/);
  });

  test("answers nobody without the key, and is to be reached from this host only", async () => {
    assert.equal((await askAt(`${base}/v1/guests`)).status, 401);
    assert.equal((await ask("/v1/guests", "-H", "Host: web.example")).status, 403);
    const listening = await site.host.must("ss", "-H", "-l", "-t", "-n");
    const mine = listening.split("\n").filter((line) => line.includes(`:${new URL(base).port} `));
    assert.equal(mine.length, 1);
    assert.match(mine[0], / 127\.0\.0\.1:\d+ /);
  });

  test("knows guests, and what they send, receive and forge", async () => {
    const [web1] = await read<GuestView[]>("/v1/guests?guest=web1");
    assert.deepEqual([web1.name, web1.state, web1.ipv4], ["web1", "attached", [GUEST]]);
    const earlier = await read<TrafficListView>("/v1/traffic?guest=web1");
    assert.equal(await ping(GUEST), 0);
    await guest.ip("address add 10.77.0.99/24 dev eth0");
    assert.notEqual(await ping("10.77.0.99"), 0);
    const later = await read<TrafficListView>("/v1/traffic");
    const [one, other] = [earlier.guests[0], later.guests[0]];
    assert.equal(later.guests.length, 1);
    assert.ok(other.sent.packets >= one.sent.packets + 6, JSON.stringify([one, other]));
    assert.ok(other.received.bytes >= one.received.bytes + 3 * 84);
    assert.ok(other.spoofed >= one.spoofed + 3);
    assert.ok(later.dropped["spoofed"] >= other.spoofed);
    assert.ok(Date.parse(later.at) > Date.parse(earlier.at));
    assert.deepEqual((await read<TrafficListView>("/v1/traffic?guest=nobody")).guests, []);
  });

  test("changes what a page may change", async () => {
    const body = JSON.stringify({ guest: "web1", forward: "8080:80" });
    const added = await ask("/v1/forwards", "-d", body, "-H", `Origin: ${base}`);
    assert.equal(added.status, 200, added.text);
    const listed = (await site.daemon.tapnet("forward", "list")) as ForwardView[];
    assert.deepEqual(
      listed.map(({ forward }) => forward),
      ["8080:80/tcp"],
    );
    assert.equal(
      (await ask("/v1/forwards/web1/8080%3A80%2Ftcp", "-X", "DELETE", "-H", "Origin: http://evil.example")).status,
      403,
    );
    assert.equal((await ask("/v1/forwards/web1/8080%3A80%2Ftcp", "-X", "DELETE")).status, 200);
    assert.deepEqual(await site.daemon.tapnet("forward", "list"), []);
    assert.equal((await ask("/v1/taps", "-d", JSON.stringify({ guest: "web2" }))).status, 404);
  });

  test("tells events, and goes on when tapnetd has been away", async () => {
    const words = ["curl", "-sN", "-H", `Authorization: Bearer ${key}`, `${base}/web/events`];
    const stream = site.host.start(words);
    await stream.waitFor(/"daemon":"there"/);
    assert.equal((await ask("/v1/guests/web1", "-X", "DELETE")).status, 200);
    await stream.waitFor(/"kind":"guest.detached"/);
    await site.daemon.tapnet("guest", "attach", "tn-web1");
    await stream.waitFor(/"kind":"guest.attached"/);
    await site.daemon.stop();
    await stream.waitFor(/"daemon":"gone"/);
    const absent = await ask("/v1/status");
    assert.equal(absent.status, 503);
    assert.match(absent.text, /"ABSENT".*tapnetd is not running/);
    await site.daemon.start();
    await until("the daemon again", async () => (await ask("/v1/status")).status === 200);
    await until("the stream of the new daemon", () => /"gone"[\s\S]*"there"/.test(stream.output));
    await site.daemon.tapnet("guest", "detach", "web1");
    await stream.waitFor(/"gone"[\s\S]*"kind":"guest.detached"/);
    // Whoever comes only now is told what has happened before.
    const late = site.host.start(words);
    await late.waitFor(/"kind":"guest.detached"[\s\S]*"kind":"guest.attached"[\s\S]*"kind":"guest.detached"/);
    await Promise.all([stream.stop(), late.stop()]);
  });

  test("shows what the doctor finds", async () => {
    const findings = await read<{ check: string; message: string }[]>("/web/doctor");
    assert.ok(findings.some(({ check, message }) => check === "daemon" && /answers/.test(message)));
  });

  test("has no more rights than whoever started it", async () => {
    // The checkout may lie where only root may read: that right stays, and opens no socket.
    const reading = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"];
    const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...reading];
    const argv = ["setpriv", ...user, ...script("src/cli/main"), "web"];
    const powerless = site.host.start(argv);
    const [where, secret] = await urlOf(powerless);
    const answer = await askAt(`${where}/v1/guests`, "-H", `Authorization: Bearer ${secret}`);
    assert.equal(answer.status, 403);
    assert.match(answer.text, /"NOT_ALLOWED".*join the group tapnet/);
    await powerless.stop();
  });

  test("is not opened to others by mistake", async () => {
    const { status, stderr } = await site.host.run([...script("src/cli/main"), "web", "--listen", "198.51.100.2:0"]);
    assert.equal(status, 2);
    assert.match(stderr, /ssh -L .* --expose/);
    const exposed = site.host.start([...script("src/cli/main"), "web", "--listen", "198.51.100.2:0", "--expose"]);
    await exposed.waitFor(/http:\/\/198\.51\.100\.2:\d+\/#key=[\s\S]*not encrypted/);
    await exposed.stop();
  });

  test("ends in order", async () => {
    assert.equal(await web.stop(), 0);
    assert.notEqual((await site.host.run(["curl", "-s", "--max-time", "5", `${base}/`])).status, 0);
  });
});
