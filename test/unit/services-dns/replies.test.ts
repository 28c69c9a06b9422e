/** What every reply must look like: header, EDNS, cookies, size, and what is said to things that are no question. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CookieJar } from "../../../src/services/dns/cookies.js";
import { SipHash } from "../../../src/services/dns/siphash.js";
import { emit, type Message, makeMessage } from "../../../src/wire/dns/message.js";
import { CLASS, formatRcode, type TypeName } from "../../../src/wire/dns/numbers.js";
import { bytesOf, hexOf } from "../../support/pieces.js";
import { answerTo, extendedErrors, ipv4, Laboratory, linkOf, record, SOA } from "./laboratory.js";

function lab(): Laboratory {
  const made = new Laboratory();
  made.dns.names.set("default", "web1", { ipv4: [ipv4("10.77.0.10")] });
  return made;
}

const CLIENT_COOKIE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

function cookieOf(message: Message): Uint8Array | undefined {
  return message.edns?.options.find(({ code }) => code === 10)?.value;
}

describe("the header", () => {
  test("id, RD and CD come back; RA is set; Z and AD are not", () => {
    const message = { id: 0xabcd, recursionDesired: true, checkingDisabled: true, reserved: true, authenticData: true };
    const reply = lab().ask("web1.tapnet.internal", "A", { message });
    const {
      id,
      response,
      opcode,
      authoritative,
      truncated,
      recursionDesired,
      recursionAvailable,
      reserved,
      authenticData,
      checkingDisabled,
    } = reply;
    assert.deepEqual(
      {
        id,
        response,
        opcode,
        authoritative,
        truncated,
        recursionDesired,
        recursionAvailable,
        reserved,
        authenticData,
        checkingDisabled,
      },
      {
        id: 0xabcd,
        response: true,
        opcode: 0,
        authoritative: true,
        truncated: false,
        recursionDesired: true,
        recursionAvailable: true,
        reserved: false,
        authenticData: false,
        checkingDisabled: true,
      },
    );
  });

  test("without RD only what we have is answered", () => {
    const made = lab();
    const message = { recursionDesired: false };
    assert.equal(made.ask("web1.tapnet.internal", "A", { message }).recursionDesired, false);
    const reply = made.ask("www.example.com", "A", { message, edns: {} });
    assert.deepEqual([formatRcode(reply.rcode), extendedErrors(reply), made.internet.asked.length], ["REFUSED", [20], 0]);
  });

  test("bytes are the same whatever was in the buffer, and as golden", () => {
    const made = lab();
    const { bytes } = made.send(made.question("web1.tapnet.internal", "A"));
    const expected = bytesOf([
      ["id, QR AA RD RA", "1267 8580 0001 0001 0000 0000"],
      ["web1.tapnet.internal A IN", "0477656231067461706e657408696e7465726e616c00 0001 0001"],
      ["pointer A IN 60", "c00c 0001 0001 0000003c 0004 0a4d000a"],
    ]);
    assert.equal(hexOf(bytes), hexOf(expected));
  });
});

describe("things that are no question", () => {
  const made = lab();
  const question = made.question("web1.tapnet.internal", "A");
  function withBytes(changes: Record<number, number>): Uint8Array {
    const bytes = question.slice();
    for (const [place, byte] of Object.entries(changes)) bytes[Number(place)] = byte;
    return bytes;
  }
  const rows: readonly [string, Uint8Array, string | undefined][] = [
    ["an answer gets none", withBytes({ 2: 0x81 }), undefined],
    ["nor does half a header", question.slice(0, 11), undefined],
    ["nor nothing", new Uint8Array(0), undefined],
    ["a STATUS question", withBytes({ 2: 0x10 }), "NOTIMP"],
    ["a NOTIFY", withBytes({ 2: 0x20 }), "NOTIMP"],
    ["an UPDATE", withBytes({ 2: 0x28 }), "NOTIMP"],
    ["two questions", withBytes({ 5: 2 }), "FORMERR"],
    ["no question", withBytes({ 5: 0 }).slice(0, 12), "FORMERR"],
    ["a question cut off", question.slice(0, 20), "FORMERR"],
    ["an answer section", withBytes({ 7: 1 }), "FORMERR"],
    ["class CH", withBytes({ [question.length - 1]: 3 }), "REFUSED"],
    ["class ANY", withBytes({ [question.length - 1]: 255 }), "REFUSED"],
    ["a zone transfer", withBytes({ [question.length - 3]: 252 }), "REFUSED"],
    ["an incremental one", withBytes({ [question.length - 3]: 251 }), "REFUSED"],
    ["MAILB", withBytes({ [question.length - 3]: 253 }), "NOTIMP"],
    ["a TSIG question", withBytes({ [question.length - 3]: 250 }), "NOTIMP"],
    ["an OPT question", withBytes({ [question.length - 3]: 41 }), "FORMERR"],
    ["type 0", withBytes({ [question.length - 3]: 0 }), "FORMERR"],
    ["a question of 5,000 bytes", Buffer.concat([question, Buffer.alloc(5000)]), "FORMERR"],
  ];
  for (const [name, bytes, expected] of rows) {
    test(name, () => {
      const { reply } = made.send(bytes);
      assert.equal(reply === undefined ? undefined : formatRcode(reply.rcode), expected);
      if (reply !== undefined) assert.deepEqual([reply.id, reply.answers.length], [4711, 0]);
    });
  }
  test("the opcode comes back", () => assert.equal(made.send(withBytes({ 2: 0x28 })).reply?.opcode, 5));
});

describe("EDNS (RFC 6891)", () => {
  const made = lab();
  test("no OPT in the question, none in the answer", () => assert.equal(made.ask("web1.tapnet.internal").edns, undefined));

  test("OPT answers OPT, DO comes back, options that we do not know do not", () => {
    const options = [
      { code: 65_001, value: Uint8Array.of(1) },
      { code: 3, value: new Uint8Array(0) },
      { code: 8, value: Uint8Array.of(0, 1, 24, 0, 10, 1, 2) },
    ];
    const reply = made.ask("web1.tapnet.internal", "A", { edns: { dnssecOk: true, options } });
    assert.deepEqual(reply.edns, { udpPayloadBytes: 1232, version: 0, dnssecOk: true, reservedFlags: 0, options: [] });
  });

  test("another version is BADVERS, and says ours", () => {
    const reply = made.ask("web1.tapnet.internal", "A", { edns: { version: 1 } });
    assert.deepEqual([formatRcode(reply.rcode), reply.edns?.version, reply.answers.length], ["BADVERS", 0, 0]);
  });

  test("reserved flags do not come back", () =>
    assert.equal(made.ask("web1.tapnet.internal", "A", { edns: { reservedFlags: 0x7fff } }).edns?.reservedFlags, 0));

  test("two OPT records are a format error", () => {
    const one = made.question("web1.tapnet.internal", "A", { edns: {} });
    const two = Buffer.concat([one, one.subarray(one.length - 11)]);
    two[11] = 2;
    assert.equal(formatRcode(made.send(two).reply?.rcode ?? -1), "FORMERR");
  });
});

describe("cookies (RFC 7873, 9018)", () => {
  const made = lab();
  const withCookie = (value: Uint8Array) => ({ edns: { options: [{ code: 10, value }] } });

  test("a client cookie comes back with one of ours, the same for the same client", () => {
    const cookie = cookieOf(made.ask("web1.tapnet.internal", "A", withCookie(CLIENT_COOKIE))) ?? assert.fail();
    assert.equal(cookie.length, 24);
    assert.deepEqual(cookie.slice(0, 12), Uint8Array.of(...CLIENT_COOKIE, 1, 0, 0, 0));
    const again = cookieOf(made.ask("web1.tapnet.internal", "A", withCookie(cookie))) ?? assert.fail();
    assert.deepEqual(again, cookie);
    made.clock.advance(1000);
    assert.notDeepEqual(cookieOf(made.ask("web1.tapnet.internal", "A", withCookie(cookie))), cookie);
  });

  test("a cookie of a wrong length is a format error", () => {
    for (const length of [0, 7, 9, 15, 41]) {
      assert.equal(
        formatRcode(made.ask("web1.tapnet.internal", "A", withCookie(new Uint8Array(length))).rcode),
        "FORMERR",
        `${length}`,
      );
    }
  });

  test("a server cookie that is not ours does no harm", () => {
    const reply = made.ask("web1.tapnet.internal", "A", withCookie(new Uint8Array(24)));
    assert.deepEqual([formatRcode(reply.rcode), cookieOf(reply)?.length], ["NOERROR", 24]);
  });

  test("a cookie without a question", () => {
    const edns = {
      udpPayloadBytes: 1232,
      version: 0,
      dnssecOk: false,
      reservedFlags: 0,
      options: [{ code: 10, value: CLIENT_COOKIE }],
    };
    const reply = made.send(emit(makeMessage({ id: 7, edns }))).reply;
    assert.deepEqual([reply?.rcode, reply?.questions.length, cookieOf(reply ?? assert.fail())?.length], [0, 0, 24]);
  });

  test("an answer that comes later has its cookie, too", () => {
    made.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { answers: [record("www.example.com", "A", { address: 0x01020304 })] }),
    );
    assert.equal(cookieOf(made.ask("www.example.com", "A", withCookie(CLIENT_COOKIE)))?.length, 24);
  });

  test("SipHash-2-4 gives the values of its reference", () => {
    const hash = new SipHash(Uint8Array.from({ length: 16 }, (_, index) => index));
    const input = Uint8Array.from({ length: 64 }, (_, index) => index);
    const out = new Uint8Array(8);
    for (const [length, expected] of [
      [0, "310e0edd47db6f72"],
      [1, "fd67dc93c539f874"],
      [15, "e545be4961ca29a1"],
      [63, "724506eb4c328a95"],
    ] as const) {
      hash.hash(input, length, out, 0);
      assert.equal(hexOf(out), expected);
    }
  });

  test("the cookie of RFC 9018 appendix A.1", () => {
    const key = Buffer.from("e5e973e5a6b2a43f48e7dc849e37bfcf", "hex");
    let word = 0;
    const jar = new CookieJar({ uint32: () => key.readUInt32BE(4 * word++) });
    const out = new Uint8Array(24);
    const client = Buffer.from("2464c4abcf10c957", "hex");
    jar.write(client, 0, Uint8Array.of(198, 51, 100, 100), 0, 4, 1_559_731_985, out, 0);
    assert.equal(hexOf(out), "2464c4abcf10c957010000005cf79f111f8130c3eee29480");
  });
});

describe("size", () => {
  const records = Array.from({ length: 60 }, (_, index) => record("many.example.com", "A", { address: 0x0102_0300 + index }));
  function made(): Laboratory {
    const laboratory = lab();
    laboratory.internet.servers.set("192.0.2.53", (asked) => answerTo(asked, { answers: records }));
    return laboratory;
  }

  test("512 bytes without EDNS; what fits is there, and TC says that more is", () => {
    const laboratory = made();
    for (const when of ["forwarded", "cached"]) {
      const reply = laboratory.ask("many.example.com");
      assert.ok(reply.truncated, when);
      assert.equal(reply.answers.length, Math.floor((512 - 12 - 22) / 16));
    }
  });

  test("as much as the asker takes, but never over 1,232 bytes", () => {
    const laboratory = made();
    const counts = [512, 800, 1232, 4096].map(
      (udpPayloadBytes) => laboratory.ask("many.example.com", "A", { edns: { udpPayloadBytes } }).answers.length,
    );
    const room = (bytes: number) => Math.floor((bytes - 12 - 22 - 11 - 6) / 16);
    assert.deepEqual(counts, [room(512), room(800), 60, 60]);
  });

  test("a guest of many addresses, by its name", () => {
    const laboratory = lab();
    laboratory.dns.names.set("default", "farm", { ipv4: Array.from({ length: 60 }, (_, index) => ipv4("10.77.0.100") + index) });
    const reply = laboratory.ask("farm.tapnet.internal");
    assert.ok(reply.truncated);
    assert.equal(reply.answers.length, Math.floor((512 - 12 - 26) / 16));
    assert.equal(laboratory.ask("farm.tapnet.internal", "A", { edns: {} }).answers.length, 60);
    assert.equal(laboratory.dns.stats().counters.truncated, 1);
  });

  test("additional records are left out without TC, authority beside an answer too (RFC 2181 §9)", () => {
    const laboratory = lab();
    const answers = records.slice(0, 20);
    const additionals = records.slice(0, 30);
    laboratory.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { answers, additionals, authorities: [record("example.com", "NS", { target: "ns.example.com" })] }),
    );
    const reply = laboratory.ask("many.example.com");
    assert.ok(!reply.truncated);
    assert.deepEqual([reply.answers.length, reply.authorities.length], [20, 1]);
    assert.ok(reply.additionals.length > 0 && reply.additionals.length < 30);
  });

  test("a denial that does not fit is truncated", () => {
    const laboratory = lab();
    const long = Array.from({ length: 3 }, (_, index) => String.fromCharCode(97 + index).repeat(60)).join(".");
    const soa = record(`${long}.com`, "SOA", {
      ...SOA,
      mname: `${"m".repeat(63)}.${"n".repeat(63)}.${"o".repeat(63)}`,
      rname: `${"p".repeat(63)}.${"q".repeat(63)}`,
    });
    laboratory.internet.servers.set("192.0.2.53", (asked) => answerTo(asked, { rcode: 3, authorities: [soa] }));
    const reply = laboratory.ask(`x.${long}.com`);
    assert.deepEqual([reply.truncated, reply.authorities.length], [true, 0]);
  });
});

describe("ANY for names of others (RFC 8482)", () => {
  test("is answered here, with HINFO", () => {
    const laboratory = lab();
    assert.deepEqual(laboratory.words("www.example.com", "ANY"), ["NOERROR", 'www.example.com. 3600 HINFO "RFC8482" ""']);
    assert.equal(laboratory.internet.asked.length, 0);
  });
});

describe("shared links and limits", () => {
  test("clients of a shared link are told apart by their addresses", () => {
    const laboratory = new Laboratory({ limits: { upstreamPerSecond: 1, openQuestions: 10 } });
    const link = linkOf("default", undefined, 3);
    laboratory.internet.servers.set("192.0.2.53", () => undefined);
    const replies = Array.from(
      { length: 4 },
      (_, index) => laboratory.send(laboratory.question(`a${index}.example.com`, "A", { edns: {} }), link).reply,
    );
    assert.deepEqual(
      replies.map((reply) => reply && formatRcode(reply.rcode)),
      [undefined, undefined, "REFUSED", "REFUSED"],
    );
    assert.deepEqual(extendedErrors(replies[2] ?? assert.fail()), [18]);
  });

  test("what is here or cached is never limited", () => {
    const laboratory = new Laboratory({ limits: { upstreamPerSecond: 1, openQuestions: 10 } });
    laboratory.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { answers: [record("www.example.com", "A", { address: 0x01020304 })] }),
    );
    for (let index = 0; index < 100; index++) {
      assert.equal(laboratory.words("www.example.com")[0], "NOERROR");
      assert.equal(laboratory.words("gateway.tapnet.internal")[0], "NOERROR");
    }
  });

  test("no guest has more questions open than it may, and they are given back", () => {
    const laboratory = new Laboratory({ limits: { upstreamPerSecond: 1000, openQuestions: 5 } });
    const rcodes = (prefix: string) =>
      Array.from(
        { length: 7 },
        (_, index) => laboratory.send(laboratory.question(`${prefix}${index}.example.com`, "A")).reply?.rcode,
      );
    assert.deepEqual(rcodes("a"), [undefined, undefined, undefined, undefined, undefined, 5, 5]);
    laboratory.clock.advance(10_000);
    assert.equal(laboratory.delivered.size, 5);
    assert.deepEqual(rcodes("b").filter((rcode) => rcode === undefined).length, 5);
  });

  test("other settings hold at once, also for those who have asked before", () => {
    const laboratory = new Laboratory({ limits: { upstreamPerSecond: 1, openQuestions: 10 } });
    laboratory.internet.servers.set("192.0.2.53", () => undefined);
    let asked = 0;
    const refused = (): boolean => laboratory.send(laboratory.question(`a${asked++}.example.com`, "A")).reply !== undefined;
    assert.deepEqual([refused(), refused(), refused()], [false, false, true]);
    const settings = { cacheBytes: 1024 * 1024, staleSeconds: 0 };
    laboratory.dns.configure({ ...settings, limits: { upstreamPerSecond: 1000, openQuestions: 10 } });
    laboratory.clock.advance(1000);
    assert.deepEqual([refused(), refused(), refused()], [false, false, false]);
    laboratory.dns.configure({ ...settings, limits: { upstreamPerSecond: 1000, openQuestions: 5 } });
    assert.equal(refused(), true);
  });
});

describe("the query log", () => {
  test("is written for those who are switched on, and for nobody else", () => {
    const lines: object[] = [];
    const log = { debug() {}, warn() {}, error() {}, info: (fields: object) => void lines.push(fields) };
    const laboratory = new Laboratory({ log });
    const ask = (name: string, type: TypeName = "A") =>
      laboratory.ask(name, type, { message: { questions: [{ name, type: 1, class: CLASS.IN }] } });
    ask("gateway.tapnet.internal");
    assert.deepEqual(lines, []);
    laboratory.dns.setQueryLog(true, "default", "web1");
    ask("gateway.tapnet.internal");
    laboratory.dns.setQueryLog(false, "default", "web1");
    ask("gateway.tapnet.internal");
    assert.deepEqual(lines, [
      { asker: "default/web1", name: "gateway.tapnet.internal", type: "A", rcode: "NOERROR", source: "local" },
    ]);
    laboratory.dns.setQueryLog(true, "default");
    ask("x.invalid");
    assert.equal(lines.length, 2);
  });

  test("what was switched by hand outlives a reload, unless the configuration itself has changed", () => {
    const { dns } = new Laboratory();
    const reload = (network: boolean, guest: boolean): string => {
      dns.configureQueryLog(network, "default");
      dns.configureQueryLog(guest, "default", "web1");
      return dns
        .queryLogs()
        .map((entry) => `${entry.network}/${entry.guest}`)
        .join(" ");
    };
    assert.equal(reload(false, true), "default/web1");
    dns.setQueryLog(false, "default", "web1");
    dns.setQueryLog(true, "default");
    dns.setQueryLog(true, "default", "web2");
    assert.equal(reload(false, true), "default/ default/web2");
    assert.equal(reload(false, false), "default/ default/web2");
    assert.equal(reload(true, true), "default/ default/web1 default/web2");
    assert.equal(reload(false, true), "default/web1 default/web2");
  });
});
