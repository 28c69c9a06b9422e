/** Hostile guests, a forger off the path, and upstream servers that lie. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seededRandom } from "../../../src/base/random.js";
import { emit, type Message } from "../../../src/wire/dns/message.js";
import { formatName } from "../../../src/wire/dns/name.js";
import { formatRcode, RCODE, type TypeName } from "../../../src/wire/dns/numbers.js";
import { type Asked, answerTo, extendedErrors, ipv4, Laboratory, linkOf, record, SOA, upstream, wordsOf } from "./laboratory.js";

const NAME = "www.example.com";
const GOOD = ["NOERROR", `${NAME}. 300 A 198.51.100.7`];
const EVIL = ipv4("198.51.100.66");
const SERVER = ipv4("192.0.2.53");

function good(asked: Asked): Message {
  return answerTo(asked, { answers: [record(NAME, "A", { address: ipv4("198.51.100.7") })] });
}

function forged(asked: Asked, fields: Partial<Message> = {}): Message {
  return answerTo(asked, { answers: [record(NAME, "A", { address: EVIL })], ...fields });
}

describe("a forger off the path", () => {
  /** Each tries before the true answer arrives. */
  const forgeries: readonly [string, (asked: Asked) => void][] = [
    ["wrong source address", (asked) => asked.forge(emit(forged(asked)), ipv4("192.0.2.54"), 53)],
    ["wrong source port", (asked) => asked.forge(emit(forged(asked)), SERVER, 5353)],
    ["wrong id", (asked) => asked.forge(emit(forged(asked, { id: asked.message.id ^ 1 })), SERVER, 53)],
    [
      "wrong name",
      (asked) => asked.forge(emit(forged(asked, { questions: [{ name: "www.example.org", type: 1, class: 1 }] })), SERVER, 53),
    ],
    [
      "wrong type",
      (asked) => asked.forge(emit(forged(asked, { questions: [{ ...asked.message.questions[0], type: 28 }] })), SERVER, 53),
    ],
    [
      "wrong class",
      (asked) => asked.forge(emit(forged(asked, { questions: [{ ...asked.message.questions[0], class: 3 }] })), SERVER, 53),
    ],
    ["no question", (asked) => asked.forge(emit(forged(asked, { questions: [] })), SERVER, 53)],
    [
      "two questions",
      (asked) =>
        asked.forge(emit(forged(asked, { questions: [asked.message.questions[0], asked.message.questions[0]] })), SERVER, 53),
    ],
    ["a question instead of an answer", (asked) => asked.forge(emit(forged(asked, { response: false })), SERVER, 53)],
    ["another opcode", (asked) => asked.forge(emit(forged(asked, { opcode: 4 })), SERVER, 53)],
    ["too short", (asked) => asked.forge(emit(forged(asked)).slice(0, 11), SERVER, 53)],
    [
      "a cookie that is not ours",
      (asked) => {
        const options = [{ code: 10, value: new Uint8Array(16) }];
        asked.forge(
          emit(forged(asked, { edns: { udpPayloadBytes: 512, version: 0, dnssecOk: false, reservedFlags: 0, options } })),
          SERVER,
          53,
        );
      },
    ],
  ];
  for (const [name, forge] of forgeries) {
    test(`${name}: not believed, and counted`, () => {
      const lab = new Laboratory();
      lab.internet.servers.set("192.0.2.53", (asked) => {
        forge(asked);
        return good(asked);
      });
      assert.deepEqual(lab.words(NAME), GOOD);
      assert.deepEqual(lab.words(NAME), GOOD);
      assert.equal(lab.dns.stats().counters.strays, 1);
      assert.equal(lab.internet.asked.length, 1);
    });
  }

  test("the wrong case of the letters is asked about over TCP, where nobody can forge", () => {
    const lab = new Laboratory();
    lab.internet.servers.set("192.0.2.53", (asked) => {
      asked.forge(emit(forged(asked, { questions: [{ ...asked.message.questions[0], name: NAME }] })), SERVER, 53);
      return good(asked);
    });
    lab.internet.streams.set("192.0.2.53", good);
    assert.deepEqual(lab.words(NAME), GOOD);
    assert.deepEqual(
      lab.internet.asked.map(({ overStream }) => overStream),
      [false, true],
    );
  });

  test("many guesses at one question move it to TCP", () => {
    const lab = new Laboratory();
    lab.internet.servers.set("192.0.2.53", (asked) => {
      for (let guess = 0; guess < 5000; guess++)
        asked.forge(emit(forged(asked, { questions: [{ name: `g${guess}.example`, type: 1, class: 1 }] })), SERVER, 53);
      return undefined;
    });
    lab.internet.streams.set("192.0.2.53", good);
    assert.deepEqual(lab.words(NAME), GOOD);
    assert.deepEqual(
      lab.internet.asked.map(({ overStream }) => overStream),
      [false, true],
    );
  });

  test("guessing ids against 200 open questions never hits by position", () => {
    const lab = new Laboratory();
    const random = seededRandom(1);
    lab.internet.servers.set("192.0.2.53", (asked) => {
      for (let guess = 0; guess < 100; guess++)
        asked.forge(
          emit(forged(asked, { id: random.uint32() & 0xffff, questions: [{ name: NAME, type: 1, class: 1 }] })),
          SERVER,
          53,
        );
      return undefined;
    });
    for (let index = 0; index < 200; index++) lab.send(lab.question(`a${index}.example.com`, "A"));
    lab.clock.advance(20_000);
    assert.ok([...lab.delivered.values()].every(({ rcode, answers }) => rcode === RCODE.SERVFAIL && answers.length === 0));
  });

  test("a server that gave cookies and suddenly has none is asked over TCP (RFC 7873 §5.3)", () => {
    const lab = new Laboratory();
    let withCookie = true;
    const serverCookie = new Uint8Array(8).fill(9);
    lab.internet.servers.set("192.0.2.53", (asked) => {
      const client = asked.message.edns?.options.find(({ code }) => code === 10)?.value.slice(0, 8) ?? assert.fail();
      const options = [{ code: 10, value: new Uint8Array([...client, ...serverCookie]) }];
      const answer = answerTo(asked, {
        answers: [record(asked.message.questions[0].name, "A", { address: ipv4("198.51.100.7") })],
      });
      return withCookie
        ? { ...answer, edns: { udpPayloadBytes: 512, version: 0, dnssecOk: false, reservedFlags: 0, options } }
        : answer;
    });
    lab.internet.streams.set("192.0.2.53", good);
    lab.ask("a.example.com");
    lab.ask("b.example.com");
    assert.deepEqual(lab.internet.asked[1].message.edns?.options[0].value.slice(8), serverCookie);
    withCookie = false;
    lab.ask(NAME);
    assert.deepEqual(
      lab.internet.asked.map(({ overStream }) => overStream),
      [false, false, false, true],
    );
  });

  test("BADCOOKIE: asked again with the new cookie", () => {
    const lab = new Laboratory();
    lab.internet.servers.set("192.0.2.53", (asked) => {
      const cookie = asked.message.edns?.options.find(({ code }) => code === 10)?.value ?? assert.fail();
      const options = [{ code: 10, value: new Uint8Array([...cookie.slice(0, 8), ...new Uint8Array(8).fill(7)]) }];
      const edns = { udpPayloadBytes: 512, version: 0, dnssecOk: false, reservedFlags: 0, options };
      return cookie.length === 8 ? answerTo(asked, { rcode: RCODE.BADCOOKIE, edns }) : { ...good(asked), edns };
    });
    assert.deepEqual(lab.words(NAME), GOOD);
    assert.equal(lab.internet.asked.length, 2);
  });
});

describe("upstream servers that lie", () => {
  function withBytes(change: (bytes: Uint8Array, asked: Asked) => Uint8Array): Laboratory {
    const lab = new Laboratory();
    lab.dns.configureForwarding({ upstreams: [upstream("192.0.2.1"), upstream("192.0.2.2")] });
    lab.internet.servers.set("192.0.2.1", (asked) => change(emit(good(asked)), asked));
    lab.internet.servers.set("192.0.2.2", good);
    return lab;
  }
  const lies: readonly [string, (bytes: Uint8Array) => Uint8Array][] = [
    ["RDLENGTH past the end", (bytes) => set(bytes, bytes.length - 5, 200)],
    ["an address of three bytes", (bytes) => set(bytes, bytes.length - 5, 3).slice(0, -1)],
    ["more records than there are", (bytes) => set(bytes, 7, 9)],
    ["cut off in a record", (bytes) => bytes.slice(0, -7)],
    ["an owner that points at itself", (bytes) => set(bytes, bytes.length - 15, bytes.length - 16)],
    ["an owner that points forward", (bytes) => set(bytes, bytes.length - 15, bytes.length - 2)],
    ["an owner that points into the header", (bytes) => set(bytes, bytes.length - 15, 2)],
    [
      "a thousand records too many",
      (bytes) =>
        Buffer.concat([set(set(bytes, 6, 4), 7, 1), ...Array.from({ length: 1024 }, () => bytes.subarray(bytes.length - 16))]),
    ],
  ];
  for (const [name, lie] of lies) {
    test(`${name}: the next server is asked`, () => {
      const lab = withBytes(lie);
      assert.deepEqual(lab.words(NAME), GOOD);
      assert.deepEqual(
        lab.internet.asked.map(({ server }) => server),
        ["192.0.2.1", "192.0.2.2"],
      );
      assert.equal(lab.dns.stats().counters["bad-answers"], 1);
    });
  }

  /** Data of a known type that ends too soon or too late; behind a good answer, as an additional record. */
  const brokenData: readonly [string, TypeName, readonly number[]][] = [
    [
      "a text that runs past its data (found by the property, seed -686761066)",
      "TXT",
      [0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0],
    ],
    ["no text at all", "TXT", []],
    ["a start of authority without its numbers", "SOA", [0, 0, 0, 0, 0, 1]],
    ["bytes behind a mail exchange", "MX", [0, 1, 0, 9]],
    ["a mail exchange without its name", "MX", [0, 1]],
    ["service parameters that descend", "HTTPS", [0, 1, 0, 0, 4, 0, 0, 0, 1, 0, 0]],
    ["a service parameter past the end", "HTTPS", [0, 1, 0, 0, 1, 0, 9]],
    ["a type bitmap of no bytes", "NSEC", [0, 0, 0]],
  ];
  for (const [name, type, data] of brokenData) {
    test(`${name}: the next server is asked`, () => {
      const lab = withBytes((_bytes, asked) =>
        emit({ ...good(asked), additionals: [record("x.example", type, Uint8Array.from(data))] }),
      );
      assert.deepEqual(lab.words(NAME), GOOD);
      assert.equal(lab.dns.stats().counters["bad-answers"], 1);
    });
  }

  test("aliases without end, and in a circle, are no answer", () => {
    const endless = (asked: Asked) =>
      answerTo(asked, {
        answers: Array.from({ length: 60 }, (_, index) =>
          record(index === 0 ? NAME : `a${index}.example`, "CNAME", { target: `a${index + 1}.example` }),
        ),
      });
    const circle = (asked: Asked) =>
      answerTo(asked, {
        answers: [record(NAME, "CNAME", { target: "b.example" }), record("b.example", "CNAME", { target: NAME })],
      });
    const itself = (asked: Asked) => answerTo(asked, { answers: [record(NAME, "CNAME", { target: NAME })] });
    for (const server of [endless, circle, itself]) {
      const lab = new Laboratory();
      lab.internet.servers.set("192.0.2.53", server);
      const reply = lab.ask(NAME, "A", { edns: {} });
      assert.deepEqual([formatRcode(reply.rcode), extendedErrors(reply), lab.internet.asked.length], ["SERVFAIL", [24], 1]);
    }
  });

  test("an alias chain of sixteen is an answer", () => {
    const lab = new Laboratory();
    const name = (index: number) => (index === 0 ? NAME : `a${index}.example`);
    const answers = Array.from({ length: 16 }, (_, index) => record(name(index), "CNAME", { target: name(index + 1) }));
    lab.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { answers: [...answers, record(name(16), "A", { address: ipv4("198.51.100.7") })] }),
    );
    assert.equal(lab.ask(NAME, "A", { edns: { udpPayloadBytes: 1232 } }).answers.length, 17);
  });

  test("records for names that were not asked never reach the cache", () => {
    const lab = new Laboratory();
    const poison = [record("tapnet.internal", "A", { address: EVIL }), record("bank.example", "A", { address: EVIL })];
    lab.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, {
        answers: [record(NAME, "A", { address: ipv4("198.51.100.7") }), ...poison],
        additionals: poison,
        authorities: [record("bank.example", "NS", { target: NAME })],
      }),
    );
    assert.equal(lab.ask(NAME).answers.length, 1);
    assert.equal(lab.ask("tapnet.internal").answers.length, 0);
    const { length } = lab.internet.asked;
    lab.ask("bank.example");
    assert.equal(lab.internet.asked.length, length + 1);
  });

  test("names over 255 bytes and labels over 63 are refused on both sides", () => {
    const lab = new Laboratory();
    const long = Buffer.concat([
      ...Array.from({ length: 5 }, () => Buffer.from(`\x3f${"a".repeat(63)}`, "latin1")),
      Buffer.from([0]),
    ]);
    const question = Buffer.concat([Buffer.from("126701000001000000000000", "hex"), long, Buffer.from([0, 1, 0, 1])]);
    assert.equal(lab.send(question).reply?.rcode, RCODE.FORMERR);
    lab.internet.servers.set("192.0.2.53", (asked) => {
      const bytes = emit(answerTo(asked, { answers: [] }));
      const alias = Buffer.concat([Buffer.from([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, long.length >>> 8, long.length & 255]), long]);
      return set(Buffer.concat([bytes, alias]), 7, 1);
    });
    assert.equal(lab.ask(NAME).rcode, RCODE.SERVFAIL);
  });

  test("a name of 255 bytes, every one escaped, goes there and back", () => {
    const lab = new Laboratory();
    const wire = Buffer.concat(
      [63, 63, 63, 61].map((length) => Buffer.concat([Buffer.of(length), Buffer.alloc(length, 0xff)])).concat(Buffer.of(0)),
    );
    assert.equal(wire.length, 255);
    const name = formatName(wire);
    lab.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { answers: [record(asked.message.questions[0].name, "PTR", { target: name })] }),
    );
    for (const when of ["forwarded", "cached"])
      assert.deepEqual(
        lab.ask(name, "PTR", { edns: {} }).answers.map(({ data }) => data),
        [{ target: name }],
        when,
      );
  });

  test("64 KB of compression tricks from upstream cost bounded time", () => {
    const lab = new Laboratory();
    lab.internet.servers.set("192.0.2.53", (asked) => answerTo(asked, { truncated: true }));
    lab.internet.streams.set("192.0.2.53", (asked) => {
      const bytes = new Uint8Array(65_000);
      const head = emit(answerTo(asked, {}));
      bytes.set(head);
      const records = Math.floor((bytes.length - head.length) / 12);
      bytes[6] = records >>> 8;
      bytes[7] = records & 255;
      for (let index = 0; index < records; index++) {
        const at = head.length + index * 12;
        const target = index === 0 ? 12 : at - 12;
        bytes.set([0xc0 | (Math.min(target, 0x3fff) >>> 8), Math.min(target, 0x3fff) & 255, 0xff, 0, 0, 1, 0, 0, 0, 9, 0, 0], at);
      }
      return bytes;
    });
    const before = process.cpuUsage();
    assert.equal(lab.ask(NAME).rcode, RCODE.SERVFAIL);
    assert.ok(process.cpuUsage(before).user < 1_000_000);
  });
});

describe("DNS rebinding", () => {
  const rows: readonly [string, Partial<Message>][] = [
    ["10/8", { answers: [record(NAME, "A", { address: ipv4("10.1.2.3") })] }],
    ["127/8", { answers: [record(NAME, "A", { address: ipv4("127.0.0.1") })] }],
    ["0.0.0.0", { answers: [record(NAME, "A", { address: 0 })] }],
    ["172.16/12", { answers: [record(NAME, "A", { address: ipv4("172.31.255.255") })] }],
    ["192.168/16", { answers: [record(NAME, "A", { address: ipv4("192.168.1.1") })] }],
    ["169.254/16", { answers: [record(NAME, "A", { address: ipv4("169.254.169.254") })] }],
    [
      "behind an alias",
      { answers: [record(NAME, "CNAME", { target: "in.example" }), record("in.example", "A", { address: ipv4("10.0.0.1") })] },
    ],
    [
      "one among public ones",
      { answers: [record(NAME, "A", { address: ipv4("198.51.100.7") }), record(NAME, "A", { address: ipv4("10.0.0.1") })] },
    ],
    [
      "additional",
      {
        answers: [record(NAME, "MX", { preference: 1, exchange: "m.example" })],
        additionals: [record("m.example", "A", { address: ipv4("10.0.0.1") })],
      },
    ],
    ["::1", { answers: [record(NAME, "AAAA", { address: 1n })] }],
    ["fd00::/8", { answers: [record(NAME, "AAAA", { address: 0xfd00n << 112n })] }],
    ["fe80::/10", { answers: [record(NAME, "AAAA", { address: 0xfe80n << 112n })] }],
    ["::ffff:10.0.0.1", { answers: [record(NAME, "AAAA", { address: 0xffff_0a00_0001n })] }],
    [
      "an address hint",
      {
        answers: [
          record(NAME, "HTTPS", {
            priority: 1,
            target: ".",
            parameters: [{ key: 4, value: Uint8Array.of(1, 2, 3, 4, 10, 0, 0, 1) }],
          }),
        ],
      },
    ],
  ];
  for (const [name, fields] of rows) {
    test(`${name} under a public name is refused`, () => {
      const lab = new Laboratory();
      lab.internet.servers.set("192.0.2.53", (asked) => answerTo(asked, fields));
      const type =
        fields.answers?.[0].type === 28
          ? "AAAA"
          : fields.answers?.[0].type === 65
            ? "HTTPS"
            : fields.answers?.[0].type === 15
              ? "MX"
              : "A";
      const reply = lab.ask(NAME, type, { edns: {} });
      assert.deepEqual([formatRcode(reply.rcode), reply.answers.length, extendedErrors(reply)], ["REFUSED", 0, [15]]);
      assert.equal(lab.dns.listCache().length, 0);
      assert.equal(lab.dns.stats().counters["private-addresses"], 1);
    });
  }

  test("public ones pass: neighbours of private prefixes, documentation, multicast", () => {
    for (const address of [
      "9.255.255.255",
      "11.0.0.0",
      "172.15.0.1",
      "172.32.0.1",
      "192.167.1.1",
      "169.253.1.1",
      "192.0.2.1",
      "100.64.0.1",
      "224.0.0.1",
    ]) {
      const lab = new Laboratory();
      lab.internet.servers.set("192.0.2.53", (asked) =>
        answerTo(asked, { answers: [record(NAME, "A", { address: ipv4(address) })] }),
      );
      assert.equal(lab.ask(NAME).answers.length, 1, address);
    }
  });

  test("under excepted domains, private ones, and split ones they are fine; and where it is switched off", () => {
    const settings = {
      upstreams: [upstream("192.0.2.53")],
      rebindAllowed: ["plex.direct"],
      domains: ["corp.example", "home.arpa"].map((domain) => ({ domain, upstreams: [upstream("192.0.2.53")] })),
    };
    const lab = new Laboratory();
    lab.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { answers: [record(asked.message.questions[0].name, "A", { address: ipv4("10.1.2.3") })] }),
    );
    lab.dns.configureForwarding(settings);
    for (const name of ["x.plex.direct", "nas.home.arpa", "nas.office.internal", "db.corp.example"])
      assert.equal(lab.ask(name).answers.length, 1, name);
    assert.equal(lab.ask(NAME).rcode, RCODE.REFUSED);
    lab.dns.configureForwarding({ ...settings, rebindProtection: false });
    assert.equal(lab.ask(NAME).answers.length, 1);
  });
});

describe("loops", () => {
  test("our own question coming back ends with one question, and the server is left alone", () => {
    const lab = new Laboratory();
    const router = linkOf("default", "router", 7);
    let rounds = 0;
    // The upstream is a guest of ours that forwards to us.
    lab.dns.configureForwarding({ upstreams: [upstream("10.77.0.10")] });
    lab.internet.servers.set("10.77.0.10", (asked) => {
      rounds++;
      const { reply } = lab.send(emit({ ...asked.message, id: 1 }), router);
      return reply === undefined ? undefined : { ...reply, id: asked.message.id, questions: asked.message.questions };
    });
    const reply = lab.ask(NAME);
    assert.equal(reply.rcode, RCODE.SERVFAIL);
    assert.equal(rounds, 1);
    assert.equal(lab.dns.stats().counters.loops, 1);
  });

  test("our own addresses are never upstream servers, whatever resolv.conf says", async () => {
    const files = new Map([["/r", "nameserver 10.77.0.1\nnameserver 192.0.2.9\n"]]);
    const lab = new Laboratory({
      resolvConfPaths: { main: "/r", resolved: "/none" },
      files: { stamp: async (path) => files.get(path), read: async (path) => files.get(path) },
    });
    lab.dns.configureForwarding({});
    await lab.dns.start();
    assert.deepEqual(
      lab.dns.stats().upstreams.map(({ upstream: text }) => text),
      ["192.0.2.9:53"],
    );
    lab.dns.stop();
  });
});

describe("floods", () => {
  test("names without end push out other names, and cost no memory", () => {
    const lab = new Laboratory({ cacheBytes: 64 * 1024 });
    lab.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { answers: [record(asked.message.questions[0].name, "A", { address: ipv4("198.51.100.7") })] }),
    );
    for (let index = 0; index < 3000; index++) lab.ask(`flood-${index}.example.com`);
    const { cache } = lab.dns.stats();
    assert.ok(cache.usedBytes <= cache.sizeBytes && cache.evictions > 1000 && cache.answers > 100, JSON.stringify(cache));
    assert.equal(lab.dns.listCache().length, cache.answers);
  });

  test("a hot name survives a flood", () => {
    const lab = new Laboratory({ cacheBytes: 64 * 1024 });
    lab.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { answers: [record(asked.message.questions[0].name, "A", { address: ipv4("198.51.100.7") }, 80_000)] }),
    );
    lab.ask(NAME);
    for (let index = 0; index < 2000; index++) {
      lab.ask(`flood-${index}.example.com`);
      lab.ask(NAME);
    }
    assert.equal(lab.internet.asked.filter(({ message }) => message.questions[0].name.toLowerCase() === NAME).length, 1);
  });

  test("open questions are bounded; what is over is refused, and all are answered", () => {
    const lab = new Laboratory({ limits: { upstreamPerSecond: 1_000_000, openQuestions: 1_000_000 } });
    let refused = 0;
    for (let index = 0; index < 5000; index++)
      refused += lab.send(lab.question(`n${index}.example.com`, "A")).reply === undefined ? 0 : 1;
    assert.equal(refused, 5000 - 4096);
    assert.equal(lab.dns.stats().openQuestions, 4096);
    lab.clock.advance(20_000);
    assert.deepEqual(
      [lab.delivered.size, lab.dns.stats().openQuestions, lab.internet.openPorts, lab.clock.pending],
      [4096, 0, 0, 0],
    );
  });

  test("a guest that floods names of a dead upstream does not keep another from its answers", () => {
    const lab = new Laboratory({ limits: { upstreamPerSecond: 100, openQuestions: 100 } });
    lab.dns.configureForwarding({
      upstreams: [upstream("192.0.2.53")],
      domains: [{ domain: "dead.example", upstreams: [upstream("192.0.2.99")] }],
    });
    lab.internet.servers.set("192.0.2.53", good);
    for (let index = 0; index < 5000; index++) lab.send(lab.question(`n${index}.dead.example`, "A"));
    assert.deepEqual(lab.words(NAME, "A", { link: linkOf("default", "web2", 8) }), GOOD);
  });
});

describe("denials", () => {
  test("a denial of a name of ours from outside is never asked for, nor believed", () => {
    const lab = new Laboratory();
    lab.dns.names.set("default", "web1", { ipv4: [ipv4("10.77.0.10")] });
    lab.internet.servers.set("192.0.2.53", (asked) => ({
      ...answerTo(asked, { rcode: RCODE.NXDOMAIN, authorities: [record("internal", "SOA", SOA)] }),
      authenticData: true,
    }));
    lab.ask("internal", "DS");
    assert.deepEqual(wordsOf(lab.ask("web1.tapnet.internal")), ["NOERROR", "web1.tapnet.internal. 60 A 10.77.0.10"]);
    lab.ask("web2.tapnet.internal");
    assert.equal(lab.internet.asked.length, 1);
  });
});

function set(bytes: Uint8Array, place: number, value: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[place] = value;
  return copy;
}
