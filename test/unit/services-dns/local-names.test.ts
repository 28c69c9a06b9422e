/** Names that are ours: guests', the operator's, special-use ones; and how "no" is said. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseIpv6 } from "../../../src/base/ipv6-address.js";
import { NameNode } from "../../../src/services/dns/name-tree.js";
import type { ConfiguredRecord } from "../../../src/services/dns/records.js";
import { extendedErrors, ipv4, Laboratory, linkOf, networkDns } from "./laboratory.js";

function ipv6(text: string): bigint {
  return parseIpv6(text) ?? assert.fail(text);
}

const DENIAL =
  "authority tapnet.internal. 5 SOA gateway.tapnet.internal. hostmaster.tapnet.internal. 1767225600 3600 600 86400 5";

test("a node is called by its own label and no other, however long, and whatever stands behind it", () => {
  for (let length = 1; length <= 63; length++) {
    const label = Uint8Array.from({ length: length + 1 }, (_, index) => (index === 0 ? length : 0x60 + (index % 26)));
    const node = new NameNode(label, null, 0);
    const asked = new Uint8Array(80).fill(0xff);
    asked.set(label, 5);
    assert.ok(node.isCalled(asked, 5), `${length} bytes`);
    for (let index = 0; index <= length; index++) {
      const other = asked.slice();
      other[5 + index] ^= index === 0 ? 1 : 0x80;
      assert.ok(!node.isCalled(other, 5), `${length} bytes, another at ${index}`);
    }
  }
});

describe("guests", () => {
  const lab = new Laboratory();
  lab.dns.names.set("default", "web1", {
    ipv4: [ipv4("10.77.0.10")],
    ipv6: [ipv6("fd00:77::10")],
    names: ["www", "*.apps", "shop.example.com", "*.shop.example.com"],
    hostname: "shop",
  });
  lab.dns.names.set("default", "db", { ipv4: [ipv4("10.77.0.11")], ttlSeconds: 7 });

  const rows: readonly [string, Parameters<Laboratory["words"]>, string[]][] = [
    ["address", ["web1.tapnet.internal", "A"], ["NOERROR", "web1.tapnet.internal. 60 A 10.77.0.10"]],
    ["IPv6 address", ["web1.tapnet.internal", "AAAA"], ["NOERROR", "web1.tapnet.internal. 60 AAAA fd00:77::10"]],
    ["a name of the operator's", ["www.tapnet.internal", "A"], ["NOERROR", "www.tapnet.internal. 60 A 10.77.0.10"]],
    ["a wildcard of its own", ["any.apps.tapnet.internal", "A"], ["NOERROR", "any.apps.tapnet.internal. 60 A 10.77.0.10"]],
    ["two labels below it", ["a.b.apps.tapnet.internal", "A"], ["NOERROR", "a.b.apps.tapnet.internal. 60 A 10.77.0.10"]],
    ["no type of the wildcard's", ["any.apps.tapnet.internal", "TXT"], ["NOERROR", DENIAL]],
    ["where the wildcard stands", ["apps.tapnet.internal", "A"], ["NOERROR", DENIAL]],
    ["the wildcard itself", ["*.apps.tapnet.internal", "A"], ["NOERROR", "*.apps.tapnet.internal. 60 A 10.77.0.10"]],
    ["a whole name outside our domain", ["shop.example.com", "A"], ["NOERROR", "shop.example.com. 60 A 10.77.0.10"]],
    ["all below it", ["x.shop.example.com", "A"], ["NOERROR", "x.shop.example.com. 60 A 10.77.0.10"]],
    ["what it calls itself", ["shop.tapnet.internal", "A"], ["NOERROR", "shop.tapnet.internal. 60 A 10.77.0.10"]],
    ["in the case in which it was asked", ["WEB1.TapNet.Internal", "A"], ["NOERROR", "WEB1.TapNet.Internal. 60 A 10.77.0.10"]],
    ["a TTL of its own", ["db.tapnet.internal", "A"], ["NOERROR", "db.tapnet.internal. 7 A 10.77.0.11"]],
    ["backwards", ["10.0.77.10.in-addr.arpa", "PTR"], ["NOERROR", "10.0.77.10.in-addr.arpa. 60 PTR web1.tapnet.internal."]],
    ["a bare name", ["web1", "A"], ["NOERROR", "web1. 60 A 10.77.0.10"]],
    ["a bare name without IPv6", ["db", "AAAA"], ["NOERROR"]],
    ["a bare name that is nobody's", ["nobody", "A"], ["NXDOMAIN"]],
    ["no such name", ["web2.tapnet.internal", "A"], ["NXDOMAIN", DENIAL]],
    ["no such name below a name", ["a.web1.tapnet.internal", "A"], ["NXDOMAIN", DENIAL]],
    ["no such type", ["db.tapnet.internal", "AAAA"], ["NOERROR", DENIAL]],
    ["the domain itself", ["tapnet.internal", "A"], ["NOERROR", DENIAL]],
    [
      "ANY is one set of records (RFC 8482)",
      ["web1.tapnet.internal", "ANY"],
      ["NOERROR", "web1.tapnet.internal. 60 A 10.77.0.10"],
    ],
    ["SOA", ["tapnet.internal", "SOA"], ["NOERROR", DENIAL.replace("authority ", "")]],
    ["NS", ["tapnet.internal", "NS"], ["NOERROR", "tapnet.internal. 60 NS gateway.tapnet.internal."]],
    ["the gateway", ["gateway.tapnet.internal", "A"], ["NOERROR", "gateway.tapnet.internal. 60 A 10.77.0.1"]],
  ];
  for (const [name, question, expected] of rows) test(name, () => assert.deepEqual(lab.words(...question), expected));

  test("the answer is authoritative, its denial too, that for a bare name is not", () => {
    assert.ok(lab.ask("web1.tapnet.internal").authoritative);
    assert.ok(lab.ask("nobody.tapnet.internal").authoritative);
    assert.ok(!lab.ask("nobody").authoritative);
    assert.equal(lab.internet.asked.length, 0);
  });

  test("an address of the network without a guest has no name, and nobody is asked for it", () => {
    const [rcode, denial] = lab.words("99.0.77.10.in-addr.arpa", "PTR");
    assert.equal(rcode, "NXDOMAIN");
    assert.match(denial, /^authority 0\.77\.10\.in-addr\.arpa\. 5 SOA gateway\.tapnet\.internal\. /);
  });

  test("a name may come with the question for it; only names of ours and bare ones are told, in lower case", () => {
    const own = new Laboratory();
    const told: string[] = [];
    const place = (name: string) => {
      told.push(name);
      if (!name.startsWith("late") && name !== "5.0.77.10.in-addr.arpa") return false;
      own.dns.names.set("default", "late", { ipv4: [ipv4("10.77.0.5")] });
      return true;
    };
    own.dns.lateNames = { hasAny: false, place };
    assert.equal(own.words("late.tapnet.internal")[0], "NXDOMAIN");
    own.dns.lateNames = { hasAny: true, place };
    assert.deepEqual(own.words("5.0.77.10.in-addr.arpa", "PTR"), [
      "NOERROR",
      "5.0.77.10.in-addr.arpa. 60 PTR late.tapnet.internal.",
    ]);
    own.dns.names.remove("default", "late");
    assert.deepEqual(own.words("LATE.tapnet.internal"), ["NOERROR", "LATE.tapnet.internal. 60 A 10.77.0.5"]);
    assert.deepEqual(own.words("late.tapnet.internal"), ["NOERROR", "late.tapnet.internal. 60 A 10.77.0.5"]);
    own.dns.names.remove("default", "late");
    assert.deepEqual(own.words("late"), ["NOERROR", "late. 60 A 10.77.0.5"]);
    assert.equal(own.words("never.tapnet.internal")[0], "NXDOMAIN");
    own.ask("www.example.com");
    assert.deepEqual(told, ["5.0.77.10.in-addr.arpa", "late.tapnet.internal", "late", "never.tapnet.internal"]);
  });

  test("a name is there with the next question, and gone with the one after its lease", () => {
    assert.deepEqual(lab.words("late.tapnet.internal")[0], "NXDOMAIN");
    lab.dns.names.set("default", "late", { ipv4: [ipv4("10.77.0.77")] });
    assert.deepEqual(lab.words("late.tapnet.internal"), ["NOERROR", "late.tapnet.internal. 60 A 10.77.0.77"]);
    lab.dns.names.set("default", "late", { ipv4: [ipv4("10.77.0.78")] });
    assert.deepEqual(lab.words("late.tapnet.internal"), ["NOERROR", "late.tapnet.internal. 60 A 10.77.0.78"]);
    assert.equal(lab.words("77.0.77.10.in-addr.arpa", "PTR")[0], "NXDOMAIN");
    lab.dns.names.remove("default", "late");
    assert.equal(lab.words("late.tapnet.internal")[0], "NXDOMAIN");
    assert.equal(lab.words("78.0.77.10.in-addr.arpa", "PTR")[0], "NXDOMAIN");
  });

  test("setting and removing a thousand guests leaves nothing behind", () => {
    const before = lab.dns.stats();
    for (let index = 0; index < 1000; index++)
      lab.dns.names.set("default", `g${index}`, { ipv4: [ipv4("10.77.0.0") + 20 + (index % 200)], hostname: `h${index}` });
    for (let index = 0; index < 1000; index++) lab.dns.names.remove("default", `g${index}`);
    assert.deepEqual([lab.dns.stats().names, lab.dns.stats().guests], [before.names, before.guests]);
  });
});

describe("who may have a name", () => {
  test("what a guest calls itself yields to those who have the name by right", () => {
    const lab = new Laboratory();
    assert.deepEqual(lab.dns.names.set("default", "evil", { ipv4: [ipv4("10.77.0.66")], hostname: "web1" }), []);
    assert.deepEqual(lab.words("web1.tapnet.internal"), ["NOERROR", "web1.tapnet.internal. 60 A 10.77.0.66"]);
    lab.dns.names.set("default", "web1", { ipv4: [ipv4("10.77.0.10")] });
    assert.deepEqual(lab.words("web1.tapnet.internal"), ["NOERROR", "web1.tapnet.internal. 60 A 10.77.0.10"]);
    lab.dns.names.remove("default", "evil");
    assert.deepEqual(lab.words("web1.tapnet.internal"), ["NOERROR", "web1.tapnet.internal. 60 A 10.77.0.10"]);
  });

  test("who could not have a name gets it when its holder leaves or is called otherwise, the first who came first", () => {
    const lab = new Laboratory();
    const address = (name: string): string | undefined => {
      const [rcode, record] = lab.words(`${name}.tapnet.internal`);
      return rcode === "NOERROR" ? record?.split(" ").at(-1) : undefined;
    };
    const says = (guest: string, number: number, hostname: string): string[] =>
      lab.dns.names.set("default", guest, { ipv4: [ipv4(`10.77.0.${number}`)], hostname });
    assert.deepEqual(says("a", 11, "shared"), []);
    for (const [guest, number] of [
      ["b", 12],
      ["c", 13],
      ["d", 14],
    ] as const)
      assert.deepEqual(says(guest, number, "shared"), ["shared"]);
    assert.deepEqual(says("c", 13, "other"), []);
    assert.deepEqual(says("c", 13, "shared"), ["shared"]);
    assert.equal(address("shared"), "10.77.0.11");
    lab.dns.names.remove("default", "a");
    assert.equal(address("shared"), "10.77.0.12");
    assert.deepEqual(lab.dns.names.get("default", "b")?.names, ["b.tapnet.internal", "shared.tapnet.internal"]);
    lab.dns.names.remove("default", "d");
    assert.deepEqual(says("b", 12, "b2"), []);
    assert.equal(address("shared"), "10.77.0.13");
    lab.dns.names.remove("default", "c");
    assert.equal(address("shared"), undefined);
  });

  test("who had a name until its true owner came has it again when that one is gone", () => {
    const lab = new Laboratory();
    lab.dns.names.set("default", "early", { ipv4: [ipv4("10.77.0.66")], hostname: "web1" });
    lab.dns.names.set("default", "web1", { ipv4: [ipv4("10.77.0.10")] });
    assert.deepEqual(lab.dns.names.get("default", "early")?.names, ["early.tapnet.internal"]);
    lab.dns.names.remove("default", "web1");
    assert.deepEqual(lab.words("web1.tapnet.internal"), ["NOERROR", "web1.tapnet.internal. 60 A 10.77.0.66"]);
    lab.dns.removeNetwork("default");
  });

  test("nobody calls himself what another is called, what we are, or what software trusts", () => {
    const lab = new Laboratory();
    lab.dns.names.set("default", "web1", { ipv4: [ipv4("10.77.0.10")] });
    for (const hostname of ["web1", "WEB1", "web1.tapnet.internal", "gateway", "wpad", "localhost", "-x", "a b", "", "_x"]) {
      assert.deepEqual(lab.dns.names.set("default", "evil", { ipv4: [ipv4("10.77.0.66")], hostname }), [hostname]);
      assert.deepEqual(lab.words("web1.tapnet.internal"), ["NOERROR", "web1.tapnet.internal. 60 A 10.77.0.10"]);
    }
    assert.deepEqual(lab.words("66.0.77.10.in-addr.arpa", "PTR"), [
      "NOERROR",
      "66.0.77.10.in-addr.arpa. 60 PTR evil.tapnet.internal.",
    ]);
  });

  test("its own name said twice is one name", () => {
    const lab = new Laboratory();
    assert.deepEqual(lab.dns.names.set("default", "web1", { ipv4: [ipv4("10.77.0.10")], hostname: "web1", names: ["WEB1"] }), []);
    assert.deepEqual(lab.words("web1.tapnet.internal"), ["NOERROR", "web1.tapnet.internal. 60 A 10.77.0.10"]);
    assert.deepEqual(lab.dns.names.get("default", "web1")?.names, ["web1.tapnet.internal"]);
  });

  test("an unknown network is a mistake that is named", () => {
    assert.throws(() => new Laboratory().dns.names.set("nowhere", "web1", {}), /DNS does not know a network nowhere/);
  });
});

describe("views", () => {
  function lab(): Laboratory {
    const made = new Laboratory({ network: { sees: ["lab"] } });
    made.dns.setNetwork(networkDns("lab", "lab.tapnet.internal", "10.78.0.0/24", { gatewayIpv4: [ipv4("10.78.0.1")], sees: [] }));
    made.dns.names.set("default", "web1", { ipv4: [ipv4("10.77.0.10")] });
    made.dns.names.set("lab", "db", { ipv4: [ipv4("10.78.0.10")] });
    return made;
  }
  const link = linkOf("lab", "db", 1, "10.78.0.1");

  test("a network sees those that it may see, and no others", () => {
    const made = lab();
    assert.deepEqual(made.words("db.lab.tapnet.internal"), ["NOERROR", "db.lab.tapnet.internal. 60 A 10.78.0.10"]);
    assert.equal(made.words("web1.tapnet.internal", "A", { link })[0], "NXDOMAIN");
    assert.equal(made.words("10.0.77.10.in-addr.arpa", "PTR", { link })[0], "NXDOMAIN");
    assert.deepEqual(made.words("db", "A", { link }), ["NOERROR", "db. 60 A 10.78.0.10"]);
    assert.equal(made.words("web1", "A", { link })[0], "NXDOMAIN");
    assert.deepEqual(made.words("db"), ["NOERROR", "db. 60 A 10.78.0.10"]);
    assert.equal(made.internet.asked.length, 0);
  });

  test("two networks of the same domain and addresses do not mix", () => {
    const made = new Laboratory({ network: { sees: [] } });
    made.dns.setNetwork(networkDns("twin", "tapnet.internal", "10.77.0.0/24", { sees: [] }));
    const twin = linkOf("twin", "web1", 2);
    made.dns.names.set("default", "web1", { ipv4: [ipv4("10.77.0.10")] });
    made.dns.names.set("twin", "web1", { ipv4: [ipv4("10.77.0.20")] });
    assert.deepEqual(made.words("web1.tapnet.internal"), ["NOERROR", "web1.tapnet.internal. 60 A 10.77.0.10"]);
    assert.deepEqual(made.words("web1.tapnet.internal", "A", { link: twin }), [
      "NOERROR",
      "web1.tapnet.internal. 60 A 10.77.0.20",
    ]);
    made.dns.removeNetwork("twin");
    assert.deepEqual(made.words("web1.tapnet.internal"), ["NOERROR", "web1.tapnet.internal. 60 A 10.77.0.10"]);
    assert.deepEqual(made.words("x.tapnet.internal")[0], "NXDOMAIN");
  });

  test("a network that is gone is answered nothing; one that is back, everything", () => {
    const made = lab();
    assert.equal(made.words("db.lab.tapnet.internal", "A", { link })[0], "NOERROR");
    made.dns.removeNetwork("lab");
    assert.equal(made.send(made.question("db.lab.tapnet.internal", "A"), link).reply, undefined);
    assert.equal(made.words("db.lab.tapnet.internal")[0], "NXDOMAIN");
    made.dns.setNetwork(networkDns("lab", "lab.tapnet.internal", "10.78.0.0/24", { gatewayIpv4: [ipv4("10.78.0.1")] }));
    assert.equal(made.words("gateway.lab.tapnet.internal", "A", { link })[0], "NOERROR");
  });

  test("where nothing is forwarded, everything else is refused, and recursion is not offered", () => {
    const made = new Laboratory({ network: { forward: false } });
    const reply = made.ask("www.example.com", "A", { edns: {} });
    assert.deepEqual([reply.rcode, reply.recursionAvailable, extendedErrors(reply)], [5, false, [18]]);
  });
});

describe("reverse zones", () => {
  const rows: readonly [prefix: string, ours: string, theirs: string][] = [
    ["10.77.0.0/20", "1.15.77.10.in-addr.arpa", "1.16.77.8.in-addr.arpa"],
    ["198.18.5.0/26", "63.5.18.198.in-addr.arpa", "64.5.18.198.in-addr.arpa"],
    ["8.0.0.0/7", "1.1.1.9.in-addr.arpa", "1.1.1.7.in-addr.arpa"],
    [
      "2001:db8:77::/62",
      `1.${"0.".repeat(15)}3.0.0.0.7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa`,
      `1.${"0.".repeat(15)}4.0.0.0.7.7.0.0.8.c.d.0.1.0.0.2.ip6.arpa`,
    ],
  ];
  for (const [prefix, ours, theirs] of rows) {
    test(prefix, () => {
      const lab = new Laboratory();
      lab.dns.setNetwork(networkDns("other", "other.example", prefix));
      const reply = lab.ask(ours, "PTR");
      assert.ok(reply.authoritative && reply.authorities.length === 1);
      lab.send(lab.question(theirs, "PTR"));
      lab.clock.advance(100);
      assert.equal(lab.internet.asked.length, 1);
    });
  }
});

describe("special-use names (RFC 6761, 6762, 7686, 6303, 9462)", () => {
  const lab = new Laboratory();
  const rows: readonly [string, Parameters<Laboratory["words"]>[1], string, string?][] = [
    ["localhost", "A", "NOERROR", "localhost. 10800 A 127.0.0.1"],
    ["localhost", "AAAA", "NOERROR", "localhost. 10800 AAAA ::1"],
    ["a.b.localhost", "A", "NOERROR", "a.b.localhost. 10800 A 127.0.0.1"],
    ["localhost", "MX", "NOERROR"],
    ["1.0.0.127.in-addr.arpa", "PTR", "NOERROR", "1.0.0.127.in-addr.arpa. 10800 PTR localhost."],
    ["x.invalid", "A", "NXDOMAIN"],
    ["x.onion", "A", "NXDOMAIN"],
    ["printer.local", "A", "NXDOMAIN"],
    ["1.1.168.192.in-addr.arpa", "PTR", "NXDOMAIN"],
    ["1.2.3.10.in-addr.arpa", "PTR", "NXDOMAIN"],
    ["5.0.20.172.in-addr.arpa", "PTR", "NXDOMAIN"],
    ["1.0.0.100.100.in-addr.arpa", "PTR", "NXDOMAIN"],
    ["_dns.resolver.arpa", "SVCB", "NOERROR"],
    ["8.e.f.ip6.arpa", "SOA", "NOERROR", "8.e.f.ip6.arpa. 10800 SOA 8.e.f.ip6.arpa. nobody.invalid. 1 3600 1200 604800 10800"],
  ];
  for (const [name, type, rcode, answer] of rows) {
    test(`${name} ${type}`, () => {
      const words = lab.words(name, type);
      assert.equal(words[0], rcode);
      if (answer === undefined) assert.match(words[1], /^authority .* SOA .* nobody\.invalid\./);
      else assert.equal(words[1], answer);
      assert.equal(lab.internet.asked.length, 0);
    });
  }
});

describe("the operator's records", () => {
  const lab = new Laboratory();
  const common = { ttlSeconds: 30 };
  const records: ConfiguredRecord[] = [
    { ...common, name: "api.tapnet.internal", type: "A", address: ipv4("10.77.0.9") },
    { ...common, name: "multi.tapnet.internal", type: "A", address: ipv4("10.77.0.8") },
    { ...common, ttlSeconds: 20, name: "multi.tapnet.internal", type: "A", address: ipv4("10.77.0.9") },
    { ...common, name: "alias.tapnet.internal", type: "CNAME", target: "api.tapnet.internal" },
    { ...common, name: "second.tapnet.internal", type: "CNAME", target: "alias.tapnet.internal" },
    { ...common, name: "nowhere.tapnet.internal", type: "CNAME", target: "missing.tapnet.internal" },
    { ...common, name: "round.tapnet.internal", type: "CNAME", target: "about.tapnet.internal" },
    { ...common, name: "about.tapnet.internal", type: "CNAME", target: "round.tapnet.internal" },
    { ...common, name: "*.apps.tapnet.internal", type: "A", address: ipv4("10.77.0.7") },
    { ...common, name: "one.apps.tapnet.internal", type: "TXT", strings: ["own"] },
    {
      ...common,
      name: "_sip._tcp.tapnet.internal",
      type: "SRV",
      priority: 0,
      weight: 5,
      port: 5060,
      target: "api.tapnet.internal",
    },
    { ...common, name: "tapnet.internal", type: "MX", preference: 10, target: "api.tapnet.internal" },
    { ...common, name: "tapnet.internal", type: "TXT", strings: ["v=spf1 -all", "two"] },
    { ...common, name: "192.0.2.80", type: "PTR", target: "api.tapnet.internal" },
    { ...common, name: "host.elsewhere.example", type: "A", address: ipv4("198.51.100.1") },
  ];
  lab.dns.setRecords(records);

  const rows: readonly [string, Parameters<Laboratory["words"]>, string[]][] = [
    ["A", ["api.tapnet.internal"], ["NOERROR", "api.tapnet.internal. 30 A 10.77.0.9"]],
    ["CNAME", ["alias.tapnet.internal", "CNAME"], ["NOERROR", "alias.tapnet.internal. 30 CNAME api.tapnet.internal."]],
    [
      "an alias of an alias",
      ["second.tapnet.internal"],
      [
        "NOERROR",
        "second.tapnet.internal. 30 CNAME alias.tapnet.internal.",
        "alias.tapnet.internal. 30 CNAME api.tapnet.internal.",
        "api.tapnet.internal. 30 A 10.77.0.9",
      ],
    ],
    [
      "an alias to nothing (RFC 6604)",
      ["nowhere.tapnet.internal"],
      ["NXDOMAIN", "nowhere.tapnet.internal. 30 CNAME missing.tapnet.internal.", DENIAL],
    ],
    ["aliases in a circle", ["round.tapnet.internal"], ["SERVFAIL"]],
    ["a wildcard (RFC 4592)", ["x.y.apps.tapnet.internal"], ["NOERROR", "x.y.apps.tapnet.internal. 30 A 10.77.0.7"]],
    ["a wildcard has no other types", ["x.apps.tapnet.internal", "TXT"], ["NOERROR", DENIAL]],
    ["a name of its own is not the wildcard's", ["one.apps.tapnet.internal", "A"], ["NOERROR", DENIAL]],
    ["nor is what is below it", ["x.one.apps.tapnet.internal", "A"], ["NXDOMAIN", DENIAL]],
    ["a name above records exists", ["apps.tapnet.internal"], ["NOERROR", DENIAL]],
    ["SRV", ["_sip._tcp.tapnet.internal", "SRV"], ["NOERROR", "_sip._tcp.tapnet.internal. 30 SRV 0 5 5060 api.tapnet.internal."]],
    ["MX", ["tapnet.internal", "MX"], ["NOERROR", "tapnet.internal. 30 MX 10 api.tapnet.internal."]],
    ["TXT", ["tapnet.internal", "TXT"], ["NOERROR", 'tapnet.internal. 30 TXT "v=spf1 -all" "two"']],
    ["PTR", ["80.2.0.192.in-addr.arpa", "PTR"], ["NOERROR", "80.2.0.192.in-addr.arpa. 30 PTR api.tapnet.internal."]],
    ["a record in a domain of others", ["host.elsewhere.example"], ["NOERROR", "host.elsewhere.example. 30 A 198.51.100.1"]],
    ["its other address is not fetched from elsewhere", ["host.elsewhere.example", "AAAA"], ["NOERROR"]],
  ];
  for (const [name, question, expected] of rows) test(name, () => assert.deepEqual(lab.words(...question), expected));

  test("records of one name take turns, with one TTL (RFC 2181 §5.2)", () => {
    const first = (id: number) => lab.words("multi.tapnet.internal", "A", { message: { id } })[1];
    assert.deepEqual(
      [first(0), first(1), first(2)],
      ["8", "9", "8"].map((last) => `multi.tapnet.internal. 20 A 10.77.0.${last}`),
    );
  });

  test("the same address from two sources stands once in the answer (RFC 2181 §5.5)", () => {
    lab.dns.names.set("default", "api", { ipv4: [ipv4("10.77.0.9")] });
    assert.deepEqual(lab.words("api.tapnet.internal"), ["NOERROR", "api.tapnet.internal. 30 A 10.77.0.9"]);
    lab.dns.names.remove("default", "api");
  });

  test("replaced records are gone; a mistake changes nothing", () => {
    const before = lab.dns.list().length;
    assert.throws(
      () => lab.dns.setRecords([{ ...common, name: "a..b", type: "A", address: 1 }]),
      /record a\.\.b A: a\.\.b is not a domain name/,
    );
    assert.throws(
      () =>
        lab.dns.setRecords([
          { ...common, name: "a.b", type: "A", address: 1 },
          { ...common, name: "a.b", type: "CNAME", target: "c.d" },
        ]),
      /a\.b: a CNAME record must be the only record of its name/,
    );
    assert.throws(
      () => lab.dns.setRecords([{ ...common, name: "a.b", type: "TXT", strings: ["x".repeat(256)] }]),
      /longer than 255 bytes/,
    );
    assert.equal(lab.dns.list().length, before);
    lab.dns.setRecords([]);
    assert.equal(lab.words("api.tapnet.internal")[0], "NXDOMAIN");
    assert.deepEqual(
      lab.dns.list().map(({ source }) => source),
      ["configuration gateway of default", "configuration gateway of default"],
    );
  });
});
