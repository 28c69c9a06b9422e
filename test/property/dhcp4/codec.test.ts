import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as message from "../../../src/wire/dhcp4/message.js";
import { Dhcp4Request } from "../../../src/wire/dhcp4/request.js";
import { fuzz } from "../../support/fuzz.js";
import { emitBothWays, hexOf, viewOf } from "../../support/pieces.js";
import { dhcp4Message, mutation } from "./arbitraries.js";

/** A message type of zero, or of a length that is not one, is a fault: such messages have no repr. */
function isReadable(sent: message.Dhcp4Message): boolean {
  const type = sent.options?.find((option) => option.code === 53);
  return type === undefined || (type.kind === "uint8" && type.value !== 0);
}

test("parse of emit is the message, and emit writes what it promised", () => {
  fc.assert(
    fc.property(dhcp4Message.filter(isReadable), (sent) => {
      const bytes = emitBothWays(message.emittedBytes(sent), (view, offset) => message.emit(sent, view, offset));
      assert.deepEqual(message.parse(viewOf(bytes), 0, bytes.length), sent);
    }),
    fuzz(),
  );
});

test("cursor and object see the same options", () => {
  fc.assert(
    fc.property(dhcp4Message.filter(isReadable), (sent) => {
      const bytes = message.toBytes(sent);
      const request = new Dhcp4Request();
      assert.equal(request.read(bytes, viewOf(bytes), 0, bytes.length), undefined);
      for (let code = 1; code < 255; code++)
        assert.equal(request.has(code), sent.options?.some((option) => option.code === code) === true);
    }),
    fuzz(),
  );
});

test("any bytes are a message or a fault, and a message survives being written again", () => {
  fc.assert(
    fc.property(dhcp4Message, mutation, (sent, mutate) => {
      const bytes = mutate(message.toBytes(sent));
      const first = message.parse(viewOf(bytes), 0, bytes.length);
      assert.equal(message.check(viewOf(bytes), 0, bytes.length), typeof first === "string" ? first : undefined);
      assert.ok(message.describe(viewOf(bytes), 0, bytes.length).length > 0);
      if (typeof first === "string") return;
      const again = message.toBytes(first);
      assert.deepEqual(message.parse(viewOf(again), 0, again.length), first);
    }),
    fuzz(1000),
  );
});

test("a message cut at any byte is read to an end", () => {
  fc.assert(
    fc.property(dhcp4Message, (sent) => {
      const bytes = message.toBytes(sent);
      for (let length = 0; length < bytes.length; length++) message.parse(viewOf(bytes), 0, length);
    }),
    { ...fuzz(), numRuns: 20 },
  );
});

test("canary: a property that must fail does", () => {
  assert.throws(() => fc.assert(fc.property(dhcp4Message, (sent) => hexOf(message.toBytes(sent)).length < 700)));
});
