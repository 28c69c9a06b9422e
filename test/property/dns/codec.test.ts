/** Laws of the codec: what is written is read back, what is read never surprises, and work is bounded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describe, emit, type Message, makeMessage, parse } from "../../../src/wire/dns/message.js";
import { formatName, parseName } from "../../../src/wire/dns/name.js";
import { CLASS, HEADER_BYTES } from "../../../src/wire/dns/numbers.js";
import { Query } from "../../../src/wire/dns/query.js";
import { formatRdata, parseRdata, readRdata } from "../../../src/wire/dns/rdata.js";
import { COPY, copyRdata } from "../../../src/wire/dns/rdata-copy.js";
import { RecordCursor } from "../../../src/wire/dns/record-cursor.js";
import { MessageWriter } from "../../../src/wire/dns/writer.js";
import { fuzz } from "../../support/fuzz.js";
import { message, mutated, name } from "./arbitraries.js";

const nearly = mutated(fc.oneof(message.map(emit), fc.uint8Array({ maxLength: 200 })));

test("parse(emit(message)) is the message", () => {
  fc.assert(
    fc.property(message, (value) => {
      assert.deepEqual(parse(emit(value)), value);
    }),
    fuzz(),
  );
});

test("a name is its text, and its text the name", () => {
  fc.assert(
    fc.property(name, (text) => {
      const wire = parseName(text);
      assert.ok(wire !== undefined);
      assert.equal(formatName(wire), text);
    }),
    fuzz(1000),
  );
});

test("the text of a record's data is read back", () => {
  fc.assert(
    fc.property(message, (value) => {
      for (const record of value.answers) {
        if (record.data instanceof Uint8Array) continue;
        assert.deepEqual(
          readRdata(record.type, formatRdata(record.type, record.data)),
          record.data,
          formatRdata(record.type, record.data),
        );
      }
    }),
    fuzz(),
  );
});

test("any bytes are a message or a fault, and can be described", () => {
  fc.assert(
    fc.property(nearly, (bytes) => {
      const parsed = parse(bytes);
      assert.ok(typeof parsed === "string" ? parsed.startsWith("dns-") : parsed.id >= 0);
      assert.ok(describe(bytes).length > 0);
    }),
    fuzz(500),
  );
});

test("what was parsed can be written and parsed again, to the same value", () => {
  fc.assert(
    fc.property(nearly, (bytes) => {
      const parsed = parse(bytes);
      if (typeof parsed !== "string") assert.deepEqual(parse(emit(parsed)), parsed);
    }),
    fuzz(500),
  );
});

test("a message cut anywhere is a fault", () => {
  fc.assert(
    fc.property(message, fc.nat(), (value, place) => {
      const bytes = emit(value);
      assert.equal(typeof parse(bytes, 0, place % bytes.length), "string");
    }),
    fuzz(),
  );
});

test("the view of a question agrees with the repr", () => {
  const query = new Query(99);
  fc.assert(
    fc.property(nearly, (bytes) => {
      const dirty = new Uint8Array(bytes.length + 32).fill(0xa5);
      dirty.set(bytes, 16);
      const fault = query.check(dirty, 16, bytes.length);
      const parsed = parse(bytes);
      if (fault !== undefined || typeof parsed === "string") return;
      assert.equal(query.id, parsed.id);
      assert.equal(query.hasQuestion, parsed.questions.length === 1);
      if (query.hasQuestion) {
        assert.deepEqual(parseName(formatName(dirty, query.nameOffset)), parseName(parsed.questions[0].name));
        assert.deepEqual([query.type, query.class], [parsed.questions[0].type, parsed.questions[0].class]);
      }
      assert.equal(query.hasEdns, parsed.edns !== undefined);
      assert.equal(query.dnssecOk, parsed.edns?.dnssecOk ?? false);
    }),
    fuzz(1000),
  );
});

/** Writes the records of a message anew, as the forwarder does; undefined where one of them is broken. */
function rewrite(bytes: Uint8Array, out: Uint8Array): Message | string | undefined {
  const parsed = parse(bytes);
  if (typeof parsed === "string") return undefined;
  const cursor = new RecordCursor();
  const writer = new MessageWriter(false);
  writer.begin(out, 7, out.length);
  out.fill(0, 7, 7 + HEADER_BYTES);
  cursor.begin(bytes, 0, bytes.length);
  let records = 0;
  while (cursor.next()) {
    if (cursor.section !== 0) continue;
    const owner = parseName(parsed.answers[records++].name) ?? assert.fail();
    assert.ok(writer.writeName(owner) && writer.writeRecordFixed(cursor.type, cursor.class, cursor.ttlSeconds));
    const data = writer.position;
    const copied = copyRdata(writer, cursor.type, cursor.class, bytes, 0, cursor.dataOffset, cursor.dataLength);
    assert.equal(copied, COPY.done);
    writer.closeData(data);
  }
  writer.setCount(6, records);
  return parse(out, 7, writer.position - 7);
}

test("records copied from one message to another stay what they are, whatever was in the buffer", () => {
  fc.assert(
    fc.property(message, (value) => {
      const bytes = emit(makeMessage({ answers: value.answers, questions: value.questions.slice(0, 1) }));
      const clean = rewrite(bytes, new Uint8Array(0x1_0000));
      const dirty = rewrite(bytes, new Uint8Array(0x1_0000).fill(0xa5));
      assert.deepEqual(clean, makeMessage({ answers: value.answers }));
      assert.deepEqual(dirty, clean);
    }),
    fuzz(200),
  );
});

test("what is copied is what can be read: malformed data of a known type goes no further", () => {
  const writer = new MessageWriter(false);
  const out = new Uint8Array(0x1_0000);
  fc.assert(
    fc.property(mutated(message.map(emit)), (bytes) => {
      const cursor = new RecordCursor();
      if (!cursor.begin(bytes, 0, bytes.length)) return;
      while (cursor.next()) {
        const { type, class: classNumber, dataOffset, dataLength } = cursor;
        writer.begin(out, 0, out.length);
        const copied = copyRdata(writer, type, classNumber, bytes, 0, dataOffset, dataLength);
        const read = parseRdata(type, classNumber, bytes, 0, dataOffset, dataLength);
        assert.equal(copied, read === undefined ? COPY.malformed : COPY.done, `type ${type}`);
        if (read === undefined) continue;
        const again = parseRdata(type, classNumber, out, 0, HEADER_BYTES, writer.position - HEADER_BYTES);
        assert.deepEqual(again, read);
      }
    }),
    fuzz(1000),
  );
});

test("64 KB of compression tricks are read within bounded time", () => {
  // Each record's owner is a pointer to the pointer before it: to follow them all takes n² / 2 jumps.
  const bytes = new Uint8Array(65_000);
  bytes.set([0, 1, 0x80, 0, 0, 0, 0x15, 0x29, 0, 0, 0, 0]);
  let at = 12;
  bytes.set([1, 0x61, 0, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0], at);
  let last = at;
  at += 13;
  let records = 1;
  for (; at + 12 < bytes.length; at += 12, records++) {
    bytes.set([0xc0 | (last >>> 8), last & 255, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0], at);
    if (at < 0x3fff) last = at;
  }
  bytes[6] = records >>> 8;
  bytes[7] = records & 255;
  const started = process.cpuUsage();
  assert.equal(parse(bytes, 0, at), "dns-name");
  const fewJumps = bytes.slice();
  for (let place = 25, index = 0; place + 12 < fewJumps.length; place += 12, index++) {
    const target = 12 + 13 + 12 * Math.max(0, Math.min(index - 1, index % 120));
    fewJumps.set([0xc0 | (target >>> 8), target & 255], place);
  }
  parse(fewJumps, 0, at);
  const { user } = process.cpuUsage(started);
  assert.ok(user < 2_000_000, `${user / 1000} ms of CPU`);
});

test("a question for any name and type is read back by the view", () => {
  const query = new Query(5);
  fc.assert(
    fc.property(name, fc.nat(0xffff), (text, type) => {
      const bytes = emit(makeMessage({ id: 9, questions: [{ name: text, type, class: CLASS.IN }] }));
      assert.equal(query.check(bytes, 0, bytes.length), undefined);
      assert.equal(
        formatName(query.name.copy()),
        formatName(parseName(text)?.map((byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte)) ?? new Uint8Array(1)),
      );
      assert.equal(query.type, type);
    }),
    fuzz(500),
  );
});
