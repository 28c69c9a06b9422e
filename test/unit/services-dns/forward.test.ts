/** Questions that go upstream: how they are asked, whose answer is taken, what is kept, and what happens when nobody answers. */
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
  record,
  SOA,
  upstream,
  wordsOf,
} from "./laboratory.js";

const NAME = "www.example.com";
const ADDRESS = record(NAME, "A", { address: ipv4("198.51.100.7") });
const ANSWER = ["NOERROR", `${NAME}. 300 A 198.51.100.7`];

function good(asked: Asked) {
  return answerTo(asked, { answers: [record(asked.message.questions[0].name, "A", { address: ipv4("198.51.100.7") })] });
}

function lab(options: LaboratoryOptions = {}): Laboratory {
  const made = new Laboratory(options);
  made.internet.servers.set("192.0.2.53", good);
  return made;
}

describe("how upstream is asked", () => {
  test("recursion and AD wanted, DO and CD as asked, nothing else of the asker's", () => {
    const made = lab();
    const options = [
      { code: 8, value: Uint8Array.of(0, 1, 24, 0, 10, 1, 2) },
      { code: 10, value: new Uint8Array(8) },
    ];
    made.ask(NAME, "A", { edns: { udpPayloadBytes: 4096, dnssecOk: true, options }, message: { checkingDisabled: true } });
    const [{ message }] = made.internet.asked;
    assert.deepEqual(
      [message.recursionDesired, message.authenticData, message.checkingDisabled, message.edns?.dnssecOk],
      [true, true, true, true],
    );
    assert.equal(message.edns?.udpPayloadBytes, 1232);
    assert.deepEqual(
      message.edns?.options.map(({ code, value }) => [code, value.length]),
      [[10, 8]],
    );
    assert.notDeepEqual(message.edns?.options[0].value, new Uint8Array(8));
    assert.deepEqual([message.answers.length, message.authorities.length, message.additionals.length], [0, 0, 0]);
  });

  test("each question has its own port and id, and the case of its letters changes", () => {
    const made = lab();
    for (let index = 0; index < 200; index++) made.ask(`a-long-name-number-${index}.example.com`);
    const { asked } = made.internet;
    assert.equal(asked.length, 200);
    assert.ok(new Set(asked.map(({ port }) => port)).size > 190);
    assert.ok(new Set(asked.map(({ message }) => message.id)).size > 190);
    assert.ok(asked.every(({ message }) => message.questions[0].name !== message.questions[0].name.toLowerCase()));
    assert.equal(made.internet.openPorts, 0);
    assert.ok(asked.every(({ port }) => port >= 10_000));
  });

  test("a flood shares a bounded number of ports, which are closed after it", () => {
    const made = lab();
    for (let index = 0; index < 2000; index++) made.send(made.question(`n${index}.example.com`, "A"));
    assert.ok(made.internet.openPorts <= 20 && made.internet.openPorts >= 10, `${made.internet.openPorts}`);
    made.clock.advance(1000);
    assert.equal(made.delivered.size, 2000);
    assert.equal(made.internet.openPorts, 0);
    assert.equal(made.dns.stats().counters.strays, 0);
  });

  test("so do many questions one after the other, each on a port that is picked at random among those that are open", () => {
    const made = lab();
    made.internet.latencyMs = 0.4;
    for (let index = 0; index < 2000; index++) {
      made.send(made.question(`n${index}.example.com`, "A"));
      made.clock.advance(0.5);
    }
    const { asked } = made.internet;
    assert.equal(asked.length, 2000);
    const ports = new Set(asked.map(({ port }) => port)).size;
    // A burst of 100, and 500 a second.
    assert.ok(ports >= 400 && ports <= 650, `${ports} ports`);
    const repeated = asked.filter(({ port }, index) => index > 0 && asked[index - 1].port === port).length;
    assert.ok(repeated < 1000, `${repeated} of 2000 came from the same port as the one before`);
    made.clock.advance(1000);
    assert.equal(made.internet.openPorts, 0);
    assert.equal(made.dns.stats().counters.strays, 0);
  });

  test("the asker gets the name in his own case", () => {
    const made = lab();
    for (const when of ["forwarded", "cached"])
      assert.deepEqual(made.words("WwW.eXample.Com"), ["NOERROR", "WwW.eXample.Com. 300 A 198.51.100.7"], when);
  });
});

describe("answers", () => {
  test("all sections are passed on; OPT and signatures of the message are not", () => {
    const made = new Laboratory();
    made.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, {
        answers: [
          record(NAME, "CNAME", { target: "web.example.net" }),
          record("web.example.net", "HTTPS", {
            priority: 1,
            target: ".",
            parameters: [{ key: 1, value: Uint8Array.of(2, 104, 50) }],
          }),
        ],
        authorities: [record("example.net", "NS", { target: "ns.example.net" })],
        additionals: [
          record("ns.example.net", "A", { address: ipv4("198.51.100.53") }),
          { name: ".", type: TYPE.TSIG, class: 255, ttlSeconds: 0, data: new Uint8Array(30) },
        ],
        edns: { udpPayloadBytes: 512, version: 0, dnssecOk: true, reservedFlags: 0, options: [] },
      }),
    );
    for (const when of ["forwarded", "cached"]) {
      const reply = made.ask(NAME, "HTTPS");
      assert.deepEqual(
        wordsOf(reply),
        [
          "NOERROR",
          `${NAME}. 300 CNAME web.example.net.`,
          'web.example.net. 300 HTTPS 1 . key1="\\002h2"',
          "authority example.net. 300 NS ns.example.net.",
        ],
        when,
      );
      assert.deepEqual(
        reply.additionals.map(({ type }) => type),
        [TYPE.A],
      );
      assert.equal(reply.edns, undefined);
    }
    assert.equal(made.internet.asked.length, 1);
  });

  test("an unknown type is passed on untouched (RFC 3597)", () => {
    const made = new Laboratory();
    const data = Uint8Array.of(0xc0, 0x0c, 0, 1, 2, 3);
    made.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { answers: [{ name: NAME, type: 65_280, class: 1, ttlSeconds: 9, data }] }),
    );
    const reply = made.ask(NAME, "A", { message: { questions: [{ name: NAME, type: 65_280, class: 1 }] } });
    assert.deepEqual(reply.answers, [{ name: NAME, type: 65_280, class: 1, ttlSeconds: 9, data }]);
  });

  test("AD is passed on to who asked for it or for DO (RFC 6840 §5.8), never to others", () => {
    const made = new Laboratory();
    made.internet.servers.set("192.0.2.53", (asked) => ({ ...good(asked), authenticData: true }));
    assert.equal(made.ask(NAME).authenticData, false);
    assert.equal(made.ask(NAME, "A", { message: { authenticData: true } }).authenticData, true);
    assert.equal(made.ask(NAME, "A", { edns: { dnssecOk: true } }).authenticData, true);
    assert.equal(made.ask(NAME, "A", { edns: {} }).authenticData, false);
  });

  test("records of other names in the answer are left out", () => {
    const made = new Laboratory();
    made.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { answers: [ADDRESS, record("bank.example", "A", { address: ipv4("198.51.100.66") })] }),
    );
    assert.deepEqual(made.words(NAME), ANSWER);
  });

  test("a DNAME and the alias that follows from it (RFC 6672)", () => {
    const made = new Laboratory();
    const answers = [
      record("example.com", "DNAME", { target: "example.net" }),
      record(NAME, "CNAME", { target: "www.example.net" }),
      record("www.example.net", "A", { address: ipv4("198.51.100.7") }),
    ];
    made.internet.servers.set("192.0.2.53", (asked) => answerTo(asked, { answers }));
    assert.equal(made.ask(NAME).answers.length, 3);
  });

  test("the extended error of upstream is passed on", () => {
    const made = new Laboratory();
    const edns = {
      udpPayloadBytes: 1232,
      version: 0,
      dnssecOk: false,
      reservedFlags: 0,
      options: [{ code: 15, value: Uint8Array.of(0, 4, 120) }],
    };
    made.internet.servers.set("192.0.2.53", (asked) => answerTo(asked, { answers: [ADDRESS], edns }));
    assert.deepEqual(extendedErrors(made.ask(NAME, "A", { edns: {} })), [4]);
  });
});

describe("the cache", () => {
  test("answers come from it, their TTL counted down, until that is over", () => {
    const made = lab();
    made.ask(NAME);
    made.clock.advance(100_000);
    assert.deepEqual(made.words(NAME), ["NOERROR", `${NAME}. 200 A 198.51.100.7`]);
    made.clock.advance(199_000);
    assert.deepEqual(made.words(NAME), ["NOERROR", `${NAME}. 1 A 198.51.100.7`]);
    assert.equal(made.internet.asked.length, 1);
    made.clock.advance(1000);
    assert.deepEqual(made.words(NAME), ANSWER);
    assert.equal(made.internet.asked.length, 2);
  });

  test("the shortest TTL of an answer is that of all of it; 0 is not kept, more than a day is a day, negative is 0", () => {
    const rows: readonly [ttl: number, shown: number, asked: number][] = [
      [0, 0, 2],
      [0x8000_0001, 0, 2],
      [1_000_000, 86_400, 1],
    ];
    for (const [ttl, shown, asked] of rows) {
      const made = new Laboratory();
      made.internet.servers.set("192.0.2.53", (question) =>
        answerTo(question, { answers: [record(NAME, "A", { address: 0x01020304 }, ttl)] }),
      );
      assert.equal(made.ask(NAME).answers[0].ttlSeconds, shown);
      made.ask(NAME);
      assert.equal(made.internet.asked.length, asked, `TTL ${ttl}`);
    }
  });

  test("a denial is kept for the lesser of the SOA's TTL and its MINIMUM (RFC 2308 §5), for all types", () => {
    const made = new Laboratory();
    made.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { rcode: RCODE.NXDOMAIN, authorities: [record("example.com", "SOA", SOA, 900)] }),
    );
    const denial = (ttl: number) => ["NXDOMAIN", `authority example.com. ${ttl} SOA ns.example. root.example. 1 2 3 4 60`];
    assert.deepEqual(made.words(NAME), denial(60));
    made.clock.advance(20_000);
    assert.deepEqual(made.words(NAME, "AAAA"), denial(40));
    assert.equal(made.internet.asked.length, 1);
    made.clock.advance(40_000);
    made.words(NAME);
    assert.equal(made.internet.asked.length, 2);
  });

  test("no such type is kept for that type", () => {
    const made = new Laboratory();
    made.internet.servers.set("192.0.2.53", (asked) => answerTo(asked, { authorities: [record("example.com", "SOA", SOA)] }));
    for (const type of ["A", "A", "AAAA", "AAAA"] as const) made.ask(NAME, type);
    assert.equal(made.internet.asked.length, 2);
  });

  test("a denial without SOA, and an alias that leads nowhere, are passed on and not kept", () => {
    for (const fields of [{ rcode: RCODE.NXDOMAIN }, {}, { answers: [record(NAME, "CNAME", { target: "x.example" })] }]) {
      const made = new Laboratory();
      made.internet.servers.set("192.0.2.53", (asked) => answerTo(asked, fields));
      made.ask(NAME);
      made.ask(NAME);
      assert.equal(made.internet.asked.length, 2);
    }
  });

  test("what exists after all is not denied any more", () => {
    const made = new Laboratory();
    made.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { rcode: RCODE.NXDOMAIN, authorities: [record("example.com", "SOA", SOA)] }),
    );
    made.ask(NAME, "AAAA");
    made.clock.advance(61_000);
    made.internet.servers.set("192.0.2.53", good);
    made.ask(NAME, "A");
    assert.equal(made.ask(NAME, "AAAA").rcode, RCODE.NOERROR);
  });

  test("below a name that upstream has proven not to exist, nothing exists (RFC 8020); an unproven denial says less", () => {
    for (const [authenticData, asked] of [
      [true, 1],
      [false, 2],
    ] as const) {
      const made = new Laboratory();
      made.internet.servers.set("192.0.2.53", (question) =>
        answerTo(question, { rcode: RCODE.NXDOMAIN, authenticData, authorities: [record("com", "SOA", SOA)] }),
      );
      made.ask("example.com");
      assert.deepEqual(made.words("a.b.example.com"), ["NXDOMAIN", "authority com. 60 SOA ns.example. root.example. 1 2 3 4 60"]);
      assert.equal(made.internet.asked.length, asked);
    }
  });

  test("with and without DO, with and without CD, are different answers", () => {
    const made = lab();
    made.ask(NAME);
    made.ask(NAME, "A", { edns: { dnssecOk: true } });
    made.ask(NAME, "A", { message: { checkingDisabled: true } });
    assert.equal(made.internet.asked.length, 3);
    made.ask(NAME, "A", { edns: { dnssecOk: true } });
    assert.equal(made.internet.asked.length, 3);
  });

  test("a hot name is asked for again before its time is over", () => {
    const made = lab();
    for (let index = 0; index < 5; index++) made.ask(NAME);
    made.clock.advance(280_000);
    assert.deepEqual(made.words(NAME), ["NOERROR", `${NAME}. 20 A 198.51.100.7`]);
    made.clock.advance(100);
    assert.deepEqual(made.words(NAME), ANSWER);
    assert.equal(made.internet.asked.length, 2);
    assert.equal(made.dns.stats().counters.prefetched, 1);
  });

  test("flush forgets a name and all below it, or everything", () => {
    const made = lab();
    for (const name of [NAME, "example.com", "a.example.org"]) made.ask(name);
    assert.deepEqual(
      made.dns.listCache().map(({ name, type, ttlSeconds }) => [name, type, ttlSeconds]),
      [
        [NAME, "A", 300],
        ["example.com", "A", 300],
        ["a.example.org", "A", 300],
      ],
    );
    assert.equal(made.dns.flush("Example.com"), 2);
    assert.equal(made.dns.flush(), 1);
    assert.equal(made.dns.flush(), 0);
    made.ask(NAME);
    assert.equal(made.internet.asked.length, 4);
  });
});

describe("equal questions", () => {
  test("a thousand at once are one question upstream, and each gets its answer", () => {
    const made = lab();
    const ports = Array.from(
      { length: 1000 },
      (_, index) => made.send(made.question(NAME, "A", { message: { id: index } })).port,
    );
    made.clock.advance(100);
    assert.equal(made.internet.asked.length, 1);
    assert.deepEqual(
      ports.map((port) => made.delivered.get(port)?.id),
      ports.map((_, index) => index),
    );
    assert.equal(made.dns.stats().counters.joined, 999);
  });

  test("each answer is written for who asked: case, EDNS, size", () => {
    const made = lab();
    const plain = made.send(made.question("WWW.EXAMPLE.COM", "A")).port;
    const modern = made.send(made.question("www.example.com", "A", { edns: {} })).port;
    made.clock.advance(100);
    assert.equal(made.delivered.get(plain)?.questions[0].name, "WWW.EXAMPLE.COM");
    assert.equal(made.delivered.get(plain)?.edns, undefined);
    assert.equal(made.delivered.get(modern)?.edns?.udpPayloadBytes, 1232);
  });
});

describe("servers that fail", () => {
  function two(): Laboratory {
    const made = new Laboratory();
    made.dns.configureForwarding({ upstreams: [upstream("192.0.2.1"), upstream("192.0.2.2")] });
    made.internet.servers.set("192.0.2.2", good);
    return made;
  }
  const servers = (made: Laboratory) => made.internet.asked.map(({ server }) => server.slice(-1)).join("");

  test("a silent one: the next is asked within a second; after two silences it is left alone", () => {
    const made = two();
    const started = made.clock.monotonicMs();
    assert.deepEqual(made.words(NAME), ANSWER);
    assert.ok(made.clock.monotonicMs() - started < 1000);
    made.ask("a.example.com");
    assert.equal(servers(made), "1212");
    made.ask("b.example.com");
    made.ask("c.example.com");
    assert.equal(servers(made), "121222");
    assert.deepEqual(
      made.dns.stats().upstreams.map(({ healthy }) => healthy),
      [false, true],
    );
  });

  test("one that comes back is found beside the healthy one, and nobody waits for it", () => {
    const made = two();
    made.ask(NAME);
    made.ask("a.example.com");
    made.internet.servers.set("192.0.2.1", good);
    made.clock.advance(2500);
    const started = made.clock.monotonicMs();
    made.ask("b.example.com");
    assert.ok(made.clock.monotonicMs() - started <= 20);
    made.clock.advance(100);
    made.ask("c.example.com");
    assert.equal(servers(made), "1212121");
    assert.deepEqual(
      made.dns.stats().upstreams.map(({ healthy }) => healthy),
      [true, true],
    );
  });

  for (const [name, rcode] of [
    ["SERVFAIL", 2],
    ["REFUSED", 5],
  ] as const) {
    test(`${name}: the next is asked at once; if all say so, so do we`, () => {
      const made = two();
      made.internet.servers.set("192.0.2.1", (asked) => answerTo(asked, { rcode }));
      assert.deepEqual(made.words(NAME), ANSWER);
      made.internet.servers.set("192.0.2.2", (asked) => answerTo(asked, { rcode }));
      assert.equal(made.words("a.example.com")[0], name);
      assert.equal(servers(made), "1212");
    });
  }

  test("a slow answer is taken though others were asked meanwhile", () => {
    const made = new Laboratory();
    made.internet.latencyMs = 3000;
    made.internet.servers.set("192.0.2.53", good);
    assert.deepEqual(made.words(NAME), ANSWER);
    assert.ok(made.internet.asked.length > 1);
    made.clock.advance(10_000);
    assert.equal(made.internet.openPorts, 0);
  });

  test("nobody answers: SERVFAIL before the asker gives up, with the reason; and soon again at once (RFC 9520)", () => {
    const made = new Laboratory();
    const started = made.clock.monotonicMs();
    const reply = made.ask(NAME, "A", { edns: {} });
    assert.deepEqual([formatRcode(reply.rcode), extendedErrors(reply)], ["SERVFAIL", [22]]);
    assert.ok(made.clock.monotonicMs() - started < 5000);
    const { length } = made.internet.asked;
    assert.equal(made.send(made.question(NAME, "A")).reply?.rcode, RCODE.SERVFAIL);
    assert.equal(made.internet.asked.length, length);
    made.clock.advance(2100);
    made.internet.servers.set("192.0.2.53", good);
    assert.deepEqual(made.words(NAME), ANSWER);
  });

  test("no server at all", () => {
    const made = new Laboratory();
    made.dns.configureForwarding({ upstreams: [] });
    const reply = made.ask(NAME, "A", { edns: {} });
    assert.deepEqual([formatRcode(reply.rcode), extendedErrors(reply)], ["SERVFAIL", [14]]);
  });

  test("no EDNS: asked again without, and remembered", () => {
    for (const refuse of [
      (asked: Asked) => answerTo(asked, { rcode: RCODE.FORMERR }),
      (asked: Asked) => answerTo(asked, { rcode: RCODE.NOTIMP }),
      (asked: Asked) => answerTo(asked, { rcode: RCODE.FORMERR, questions: [] }),
    ]) {
      const made = new Laboratory();
      made.internet.servers.set("192.0.2.53", (asked) => (asked.message.edns === undefined ? good(asked) : refuse(asked)));
      assert.deepEqual(made.words(NAME), ANSWER);
      made.ask("a.example.com");
      assert.deepEqual(
        made.internet.asked.map(({ message }) => message.edns !== undefined),
        [true, false, false],
      );
    }
  });

  test("truncated: asked over TCP, on one connection that is closed when idle", () => {
    const made = new Laboratory();
    made.internet.servers.set("192.0.2.53", (asked) => answerTo(asked, { truncated: true }));
    made.internet.streams.set("192.0.2.53", good);
    assert.deepEqual(made.words(NAME), ANSWER);
    made.ask("a.example.com");
    assert.deepEqual(
      made.internet.asked.map(({ overStream }) => overStream),
      [false, true, false, true],
    );
    assert.equal(made.internet.openStreams, 1);
    made.clock.advance(6000);
    assert.equal(made.internet.openStreams, 0);
  });

  test("truncated, and no TCP: the next server is asked", () => {
    const made = two();
    made.internet.servers.set("192.0.2.1", (asked) => answerTo(asked, { truncated: true }));
    assert.deepEqual(made.words(NAME), ANSWER);
  });

  test("a server that does not keep the case is asked over TCP, and from then on as it likes it", () => {
    for (const hasTcp of [true, false]) {
      const made = new Laboratory();
      const folding = (asked: Asked) => {
        const reply = good(asked);
        return { ...reply, questions: reply.questions.map((question) => ({ ...question, name: question.name.toLowerCase() })) };
      };
      made.internet.servers.set("192.0.2.53", folding);
      if (hasTcp) made.internet.streams.set("192.0.2.53", folding);
      assert.deepEqual(made.words(NAME), ANSWER);
      made.ask("a.example.com");
      assert.deepEqual(
        made.internet.asked.map(({ overStream }) => overStream),
        [false, hasTcp, false],
      );
      assert.equal(made.internet.asked[2].message.questions[0].name, "a.example.com");
    }
  });
});
