/** Laws of the whole service: whatever a guest or an upstream server sends, nothing is thrown, and every reply is a good one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AnswerCache } from "../../../src/services/dns/cache.js";
import { STORED, STORED_HEADER_BYTES } from "../../../src/services/dns/stored-reply.js";
import { StreamFraming } from "../../../src/services/dns/stream-framing.js";
import { readUint32, writeUint16, writeUint32 } from "../../../src/wire/dns/bytes.js";
import { emit, type Message, makeMessage, parse } from "../../../src/wire/dns/message.js";
import { CLASS, TYPE } from "../../../src/wire/dns/numbers.js";
import { fuzz } from "../../support/fuzz.js";
import { answerTo, ipv4, Laboratory } from "../../unit/services-dns/laboratory.js";
import { message, mutated, name } from "./arbitraries.js";

function lab(): Laboratory {
  const made = new Laboratory();
  made.dns.names.set("default", "a", { ipv4: [ipv4("10.77.0.10")], names: ["www", "example"] });
  made.dns.setRecords([{ name: "*.b.tapnet.internal", type: "CNAME", target: "www.example", ttlSeconds: 5 }]);
  return made;
}

const questions: fc.Arbitrary<Message> = fc
  .tuple(
    message,
    name,
    fc.constantFrom("", ".tapnet.internal", ".a.b.tapnet.internal", ".0.77.10.in-addr.arpa"),
    fc.constantFrom(1, 28, 12, 255, 65, 6),
  )
  .map(([base, text, suffix, type]) => {
    const whole = text.length + suffix.length > 200 || text === "." ? "a.tapnet.internal" : text + suffix;
    return {
      ...base,
      response: false,
      opcode: 0,
      rcode: 0,
      questions: [{ name: whole, type, class: CLASS.IN }],
      answers: [],
      authorities: [],
      additionals: [],
    };
  });
const nearlyQuestions = mutated(fc.oneof(questions.map(emit), message.map(emit), fc.uint8Array({ maxLength: 80 })));

function checkReply(question: Uint8Array, reply: Uint8Array): void {
  const parsed = parse(reply);
  if (typeof parsed === "string") assert.fail(`a broken reply: ${parsed} ${Buffer.from(reply).toString("hex")}`);
  assert.ok(parsed.response && !parsed.reserved);
  assert.equal(parsed.id, (question[0] << 8) | question[1]);
  assert.equal(parsed.opcode, (question[2] >>> 3) & 15);
  assert.ok(reply.length <= 1232, `${reply.length} bytes`);
  assert.ok(parsed.answers.every(({ ttlSeconds }) => ttlSeconds <= 0x7fff_ffff));
}

test("any bytes from a guest: silence, or a reply with their id that can be read", () => {
  const made = lab();
  made.internet.servers.set("192.0.2.53", (asked) => answerTo(asked, { rcode: 3 }));
  fc.assert(
    fc.property(nearlyQuestions, (bytes) => {
      const { reply, bytes: replyBytes } = made.send(bytes);
      if (reply !== undefined) checkReply(bytes, replyBytes);
      made.clock.advance(20);
    }),
    fuzz(2000),
  );
  made.clock.advance(20_000);
  assert.deepEqual([made.dns.stats().openQuestions, made.internet.openPorts], [0, 0]);
});

test("any bytes from upstream: every question gets one answer, and what is cached can be read", () => {
  const made = lab();
  let reply: Uint8Array = new Uint8Array(0);
  made.internet.servers.set("192.0.2.53", (asked) => {
    const bytes = reply.slice();
    // The header's id and the question are right, or nobody would look further.
    const head = emit(makeMessage({ ...asked.message, response: true, edns: undefined }));
    if (bytes.length < head.length) return head;
    bytes.set(head.subarray(0, 2));
    bytes.set(head.subarray(4, 6), 4);
    bytes.set(head.subarray(12), 12);
    bytes[2] = (bytes[2] & 0x07) | 0x80;
    return bytes;
  });
  const answers = mutated(message.map((value) => emit({ ...value, questions: [{ name: "www.example", type: 1, class: 1 }] })));
  let count = 0;
  fc.assert(
    fc.property(answers, fc.boolean(), (bytes, dnssecOk) => {
      reply = bytes;
      const asked = made.question("www.example", "A", { edns: { dnssecOk } });
      for (const when of ["first", "again"]) {
        const sent = made.send(asked);
        made.clock.advance(6000);
        const answer = sent.reply ?? made.delivered.get(sent.port);
        assert.ok(answer?.response === true, `no answer ${when}`);
      }
      made.dns.listCache();
      if (++count % 50 === 0) made.dns.flush();
      made.delivered.clear();
    }),
    fuzz(300),
  );
});

/** A stored answer of so many bytes, as far as a cache looks into it. */
function storedAnswer(label: number, bytes: number): Uint8Array {
  const key = new Uint8Array([4, ...[12, 8, 4, 0].map((shift) => 0x61 + ((label >>> shift) & 15)), 0]);
  const total = Math.ceil((STORED_HEADER_BYTES + key.length + bytes) / 8) * 8;
  const stored = new Uint8Array(total);
  writeUint32(stored, STORED.totalBytes, total);
  writeUint32(stored, STORED.hash, Math.imul(label, 0x9e37_79b1));
  writeUint32(stored, STORED.ttlSeconds, label);
  writeUint16(stored, STORED.type, TYPE.A);
  stored[STORED.nameBytes] = key.length;
  stored.set(key, STORED_HEADER_BYTES);
  stored.fill(label, STORED_HEADER_BYTES + key.length);
  return stored;
}

test("a cache gives back what was put in, or nothing, and never grows", () => {
  const step = fc.record({
    what: fc.constantFrom("insert", "insert", "insert", "find", "remove", "clear"),
    label: fc.nat(0xfff),
    bytes: fc.nat(3000),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 600 }), (steps) => {
      const cache = new AnswerCache(64 * 1024);
      const last = new Map<number, Uint8Array>();
      const find = (label: number) => {
        const stored = storedAnswer(label, 0);
        return cache.find(readUint32(stored, STORED.hash), stored, STORED_HEADER_BYTES, 6, TYPE.A, 0, 0);
      };
      for (const { what, label, bytes } of steps) {
        const base = find(label);
        if (what === "insert") {
          const stored = storedAnswer(label, bytes);
          assert.ok(cache.insert(stored, 0));
          last.set(label, stored);
        } else if (what === "remove" && base >= 0) {
          cache.remove(base);
          assert.equal(find(label), -1);
        } else if (what === "clear" && label < 8) {
          cache.clear();
        } else if (base >= 0) {
          const stored = last.get(label) ?? assert.fail("found what was never put in");
          const from = STORED_HEADER_BYTES;
          assert.deepEqual(cache.bytes.subarray(base + from, base + stored.length), stored.subarray(from));
        }
        assert.ok(cache.usedBytes <= cache.bytes.length);
      }
      assert.equal([...cache.entries()].length, cache.count);
      for (const base of cache.entries()) assert.equal(find(readUint32(cache.bytes, base + STORED.ttlSeconds)), base);
    }),
    fuzz(60),
  );
});

test("a stream cut anywhere gives the same messages", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
      fc.array(fc.nat(40), { maxLength: 60 }),
      (messages, cuts) => {
        const stream = Buffer.concat(messages.flatMap((bytes) => [Buffer.of(bytes.length >>> 8, bytes.length & 255), bytes]));
        const framing = new StreamFraming(300);
        const taken: Uint8Array[] = [];
        let at = 0;
        for (const cut of [...cuts, stream.length]) {
          const chunk = new Uint8Array(stream.subarray(at, at + cut));
          at += chunk.length;
          assert.ok(
            framing.push(chunk, (bytes, offset, length) => {
              taken.push(bytes.slice(offset, offset + length));
              return true;
            }),
          );
        }
        assert.deepEqual(taken, messages);
        assert.equal(framing.isPartial, false);
      },
    ),
    fuzz(),
  );
});
