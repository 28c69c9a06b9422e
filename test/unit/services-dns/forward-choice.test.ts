/** Questions that go upstream: expired answers, which servers are asked, and what we ask ourselves. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatRcode, RCODE, TYPE } from "../../../src/wire/dns/numbers.js";
import {
  type Asked,
  answerTo,
  extendedErrors,
  ipv4,
  Laboratory,
  type LaboratoryOptions,
  linkOf,
  networkDns,
  record,
  SOA,
  upstream,
  wordsOf,
} from "./laboratory.js";

const NAME = "www.example.com";
const ANSWER = ["NOERROR", `${NAME}. 300 A 198.51.100.7`];

function good(asked: Asked) {
  return answerTo(asked, { answers: [record(asked.message.questions[0].name, "A", { address: ipv4("198.51.100.7") })] });
}

function lab(options: LaboratoryOptions = {}): Laboratory {
  const made = new Laboratory(options);
  made.internet.servers.set("192.0.2.53", good);
  return made;
}

describe("expired answers (RFC 8767)", () => {
  test("are served when nobody answers, after 1.8 s, then for half a minute at once", () => {
    const made = lab();
    made.ask(NAME);
    made.clock.advance(301_000);
    made.internet.servers.delete("192.0.2.53");
    const started = made.clock.monotonicMs();
    const reply = made.ask(NAME, "A", { edns: {} });
    const waited = made.clock.monotonicMs() - started;
    assert.ok(waited >= 1800 && waited < 1900, `${waited}`);
    assert.deepEqual([wordsOf(reply), extendedErrors(reply)], [["NOERROR", `${NAME}. 30 A 198.51.100.7`], [3]]);
    assert.equal(
      made.send(made.question(NAME, "A")).reply?.answers[0].ttlSeconds,
      30,
      "nor does the next one wait for the first",
    );
    made.clock.advance(5000);
    const { length } = made.internet.asked;
    assert.deepEqual(made.send(made.question(NAME, "A")).reply?.answers[0].ttlSeconds, 30);
    assert.equal(made.internet.asked.length, length);
    made.clock.advance(31_000);
    made.internet.servers.set("192.0.2.53", good);
    assert.deepEqual(made.words(NAME), ANSWER);
  });

  test("a denial, too", () => {
    const made = new Laboratory();
    made.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { rcode: RCODE.NXDOMAIN, authorities: [record("example.com", "SOA", SOA)] }),
    );
    made.ask(NAME);
    made.clock.advance(61_000);
    made.internet.servers.clear();
    const reply = made.ask(NAME, "A", { edns: {} });
    assert.deepEqual([formatRcode(reply.rcode), extendedErrors(reply)], ["NXDOMAIN", [19]]);
  });

  test("not for longer than is set, and not at all with 0", () => {
    for (const staleSeconds of [100, 0]) {
      const made = lab({ staleSeconds });
      made.ask(NAME);
      made.clock.advance(401_000);
      made.internet.servers.clear();
      assert.equal(made.ask(NAME).rcode, RCODE.SERVFAIL);
    }
  });

  test("an answer that comes in time is preferred, and the late one refreshes the cache", () => {
    const made = lab();
    made.ask(NAME);
    made.clock.advance(301_000);
    made.internet.latencyMs = 2500;
    assert.deepEqual(made.words(NAME), ["NOERROR", `${NAME}. 30 A 198.51.100.7`]);
    made.clock.advance(1000);
    assert.equal(made.ask(NAME).answers[0].ttlSeconds, 300);
  });
});

describe("who is asked", () => {
  test("each domain its own servers, the longest first; the rest the others", () => {
    const made = new Laboratory();
    const domains = [
      { domain: "corp.example", upstreams: [upstream("192.0.2.10")] },
      { domain: "lab.corp.example", upstreams: [upstream("192.0.2.11")] },
      { domain: "10.in-addr.arpa", upstreams: [upstream("192.0.2.12")] },
      { domain: "local", upstreams: [upstream("192.0.2.13")] },
      { domain: "dark.example", upstreams: [] },
    ];
    made.dns.configureForwarding({ upstreams: [upstream("192.0.2.53")], domains });
    for (const server of ["10", "11", "12", "13", "53"]) made.internet.servers.set(`192.0.2.${server}`, good);
    const rows: readonly [name: string, server: string][] = [
      ["corp.example", "10"],
      ["a.b.CORP.example", "10"],
      ["x.lab.corp.example", "11"],
      ["notcorp.example", "53"],
      ["1.2.3.10.in-addr.arpa", "12"],
      ["printer.local", "13"],
      ["local", "13"],
    ];
    for (const [name, server] of rows) {
      made.ask(name);
      assert.equal(made.internet.asked.at(-1)?.server, `192.0.2.${server}`, name);
    }
    assert.equal(made.ask("x.dark.example").rcode, RCODE.SERVFAIL);
    assert.equal(made.ask("1.0.77.10.in-addr.arpa", "PTR").answers.length, 1);
    assert.equal(made.internet.asked.length, rows.length);
  });

  test("a network's own servers, and its own cached answers", () => {
    const made = lab();
    made.dns.setNetwork(networkDns("other", "other.internal", "10.78.0.0/24", { upstreams: [upstream("192.0.2.99")] }));
    made.internet.servers.set("192.0.2.99", (asked) =>
      answerTo(asked, { answers: [record(NAME, "A", { address: ipv4("198.51.100.99") })] }),
    );
    const link = linkOf("other", "x", 4);
    assert.deepEqual(made.words(NAME), ANSWER);
    assert.deepEqual(made.words(NAME, "A", { link }), ["NOERROR", `${NAME}. 300 A 198.51.100.99`]);
  });

  test("bare names are not asked for, but for types that top-level domains have, and where that is wanted", () => {
    const made = lab();
    assert.deepEqual([made.words("com", "A")[0], made.words("com", "HTTPS")[0]], ["NXDOMAIN", "NXDOMAIN"]);
    assert.equal(made.internet.asked.length, 0);
    made.ask("com", "NS");
    made.ask("com", "DS");
    made.ask(".", "NS");
    assert.equal(made.internet.asked.length, 3);
    made.dns.configureForwarding({ upstreams: [upstream("192.0.2.53")], forwardBareNames: true });
    made.ask("com", "A");
    assert.equal(made.internet.asked.length, 4);
  });

  test("an alias of ours to a name of others", () => {
    const made = lab();
    made.dns.setRecords([{ name: "cdn.tapnet.internal", type: "CNAME", target: NAME, ttlSeconds: 30 }]);
    const expected = ["NOERROR", `cdn.tapnet.internal. 30 CNAME ${NAME}.`, `${NAME}. 300 A 198.51.100.7`];
    for (const when of ["forwarded", "cached"]) assert.deepEqual(made.words("cdn.tapnet.internal"), expected, when);
    assert.equal(made.internet.asked.length, 1);
    made.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { rcode: RCODE.NXDOMAIN, authorities: [record("example.com", "SOA", SOA)] }),
    );
    assert.deepEqual(made.words("cdn.tapnet.internal", "AAAA"), [
      "NXDOMAIN",
      expected[1],
      "authority example.com. 60 SOA ns.example. root.example. 1 2 3 4 60",
    ]);
    assert.deepEqual(made.words("cdn.tapnet.internal", "MX", { message: { recursionDesired: false } }), [
      "NXDOMAIN",
      expected[1],
      "authority example.com. 60 SOA ns.example. root.example. 1 2 3 4 60",
    ]);
    made.internet.servers.clear();
    made.dns.flush();
    assert.deepEqual(made.words("cdn.tapnet.internal"), ["SERVFAIL"]);
  });

  test("DNS over TLS: padded, without a cookie, over one connection", () => {
    const made = new Laboratory();
    made.dns.configureForwarding({ upstreams: [upstream("192.0.2.53", { port: 853, tlsName: "dns.example" })] });
    made.internet.streams.set("192.0.2.53", good);
    assert.deepEqual(made.words(NAME), ANSWER);
    made.ask("a-rather-longer-name.example.com");
    assert.deepEqual(
      made.internet.asked.map(({ bytes }) => bytes.length),
      [128, 128],
    );
    assert.deepEqual(
      made.internet.asked[0].message.edns?.options.map(({ code }) => code),
      [12],
    );
    assert.equal(made.internet.openStreams, 1);
  });

  test("stopping ends what is open", () => {
    const made = new Laboratory();
    const { port } = made.send(made.question(NAME, "A"));
    made.dns.stop();
    assert.equal(made.delivered.get(port)?.rcode, RCODE.SERVFAIL);
    assert.equal(made.internet.openPorts, 0);
    made.clock.advance(made.internet.latencyMs);
    assert.equal(made.clock.pending, 0);
  });
});

describe("asking ourselves", () => {
  test("as a network's guest, or as this host", async () => {
    const made = lab();
    made.dns.setNetwork(networkDns("hidden", "hidden.internal", "10.79.0.0/24", { sees: [] }));
    made.dns.names.set("hidden", "safe", { ipv4: [ipv4("10.79.0.9")] });
    assert.deepEqual(wordsOf((await made.dns.query("safe.hidden.internal", TYPE.A)).reply), [
      "NOERROR",
      "safe.hidden.internal. 60 A 10.79.0.9",
    ]);
    assert.equal((await made.dns.query("gateway.tapnet.internal", TYPE.A, "hidden")).reply.rcode, RCODE.NXDOMAIN);
    const later = made.dns.query(NAME, TYPE.A, "default");
    made.clock.advance(100);
    assert.deepEqual(wordsOf((await later).reply), ANSWER);
    const gateway = await made.dns.query("10.77.0.1", TYPE.PTR);
    assert.deepEqual(wordsOf(gateway.reply), ["NOERROR", "1.0.77.10.in-addr.arpa. 60 PTR gateway.tapnet.internal."]);
    assert.equal((await made.dns.query("fd00:77::1", TYPE.PTR)).reply.questions[0].name.split(".").length, 34);
    await assert.rejects(made.dns.query("a..b", TYPE.A), /a\.\.b is not a domain name/);
    await assert.rejects(made.dns.query(NAME, TYPE.A, "nowhere"), /does not know this network/);
  });
});
