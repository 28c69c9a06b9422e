import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import * as dhcp6 from "../../../src/wire/dhcp6/message.js";
import { RelayPath } from "../../../src/wire/dhcp6/relay-path.js";
import { Dhcp6Request } from "../../../src/wire/dhcp6/request.js";
import * as mld from "../../../src/wire/mld.js";
import * as ndp from "../../../src/wire/ndp/message.js";
import { fuzz } from "../../support/fuzz.js";
import { emitBothWays, viewOf } from "../../support/pieces.js";
import { dhcp6Message, ndpMessage, nearly } from "./arbitraries.js";

interface Codec<Message> {
  readonly name: string;
  readonly message: fc.Arbitrary<Message>;
  emittedBytes(message: Message): number;
  emit(message: Message, view: DataView, offset: number): number;
  parse(view: DataView, offset: number, length: number): Message | string;
  describe(view: DataView, offset: number, length: number): string;
}

function laws<Message>(codec: Codec<Message>): void {
  const bytesOf = (message: Message): Uint8Array => {
    return emitBothWays(codec.emittedBytes(message), (view, offset) => codec.emit(message, view, offset));
  };

  describe(codec.name, () => {
    test("parse undoes emit; emit writes what it promised, whatever was there", () => {
      fc.assert(
        fc.property(codec.message, (message) => {
          const bytes = bytesOf(message);
          assert.deepEqual(codec.parse(viewOf(bytes), 0, bytes.length), message);
        }),
        fuzz(),
      );
    });

    test("cut short anywhere, it is a fault or a shorter message", () => {
      fc.assert(
        fc.property(codec.message, fc.nat(), (message, at) => {
          const bytes = bytesOf(message);
          const length = at % bytes.length;
          const parsed = codec.parse(viewOf(bytes), 0, length);
          if (typeof parsed !== "string") assert.equal(codec.emittedBytes(parsed), length);
        }),
        fuzz(),
      );
    });

    test("any bytes are a message or a fault, and can be shown", () => {
      fc.assert(
        fc.property(nearly(codec.message.map(bytesOf)), (bytes) => {
          const view = viewOf(bytes);
          const parsed = codec.parse(view, 0, bytes.length);
          assert.equal(typeof codec.describe(view, 0, bytes.length), "string");
          if (typeof parsed === "string") return;
          const again = bytesOf(parsed);
          assert.deepEqual(codec.parse(viewOf(again), 0, again.length), parsed);
        }),
        fuzz(),
      );
    });
  });
}

laws({ name: "DHCPv6 messages", message: dhcp6Message, ...dhcp6 });
laws({ name: "neighbour discovery messages", message: ndpMessage, ...ndp });

describe("DHCPv6 in place", () => {
  const request = new Dhcp6Request();
  const path = new RelayPath();

  test("a request that is read is one that parses; a Relay-reply is no request", () => {
    fc.assert(
      fc.property(nearly(dhcp6Message.map(dhcp6.toBytes)), (bytes) => {
        const view = viewOf(bytes);
        const fault = path.read(view, 0, bytes.length) ?? request.read(view, path.messageOffset, path.messageLength);
        if (fault !== undefined || dhcp6.isRelayType(request.type)) return;
        assert.notEqual(typeof dhcp6.parse(view, 0, bytes.length), "string");
      }),
      fuzz(),
    );
  });
});

test("any bytes are a listener report or a fault", () => {
  const report = fc.uint8Array({ maxLength: 120 }).map((bytes) => {
    if (bytes.length > 0 && bytes[0] % 2 === 0) bytes[0] = 143;
    return bytes;
  });
  fc.assert(
    fc.property(report, (bytes) => {
      assert.equal(typeof mld.describe(viewOf(bytes), 0, bytes.length), "string");
    }),
    fuzz(),
  );
});

test("the search sees: a codec that forgets one byte is caught", () => {
  const found = fc.check(
    fc.property(ndpMessage, (message) => {
      const bytes = ndp.toBytes(message);
      if (bytes.length > 40) bytes[40] = 0;
      assert.deepEqual(ndp.parse(viewOf(bytes), 0, bytes.length), message);
    }),
  );
  assert.ok(found.failed);
});
