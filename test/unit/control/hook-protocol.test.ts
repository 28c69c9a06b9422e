import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  emitHookReply,
  emitHookRequest,
  type HookReply,
  type HookRequest,
  parseHookReply,
  parseHookRequest,
} from "../../../src/control/hook-protocol.js";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const REQUESTS: readonly (readonly [text: string, request: HookRequest])[] = [
  ["tapnet/1 ifup ifname=tn-web1", { verb: "ifup", ifname: "tn-web1" }],
  ["tapnet/1 ifdown ifname=tap%250", { verb: "ifdown", ifname: "tap%0" }],
  ["tapnet/1 helper bridge=lan vnet=1", { verb: "helper", bridge: "lan", guest: undefined, vnet: true }],
  ["tapnet/1 helper bridge=lan guest=web%201 vnet=0", { verb: "helper", bridge: "lan", guest: "web 1", vnet: false }],
];

const PROBLEMS: readonly (readonly [name: string, text: string | Uint8Array, problem: RegExp])[] = [
  ["nothing", "", /does not begin with tapnet\/1/],
  ["another version", "tapnet/2 ifup ifname=a", /does not begin with tapnet\/1/],
  ["no verb", "tapnet/1", /the verb \(none\) is not known/],
  ["an unknown verb", "tapnet/1 reboot", /the verb reboot is not known/],
  ["a verb of the prototype", "tapnet/1 toString", /the verb toString is not known/],
  ["no interface", "tapnet/1 ifup", /ifname is missing/],
  ["an empty interface", "tapnet/1 ifup ifname=", /the value of ifname is empty/],
  ["a key without value", "tapnet/1 ifup ifname", /ifname is not a key of this request/],
  ["an unknown key", "tapnet/1 ifup ifname=a mtu=9000", /mtu is not a key/],
  ["a key twice", "tapnet/1 ifup ifname=a ifname=b", /ifname is given twice/],
  ["two spaces", "tapnet/1 ifup  ifname=a", /is not a key/],
  ["a lone %", "tapnet/1 ifup ifname=a%", /wrongly encoded/],
  ["an encoded line break", "tapnet/1 ifup ifname=a%0Ab", /wrongly encoded/],
  ["an encoded zero", "tapnet/1 ifup ifname=a%00", /wrongly encoded/],
  ["broken UTF-8", "tapnet/1 ifup ifname=%ff", /wrongly encoded/],
  ["no bridge", "tapnet/1 helper vnet=1", /bridge is missing/],
  ["another vnet", "tapnet/1 helper bridge=a vnet=2", /vnet is neither 0 nor 1/],
  ["a line break", "tapnet/1 ifup ifname=a\n", /no printable ASCII/],
  ["bytes", Uint8Array.of(0, 255, 128), /no printable ASCII/],
  ["1,025 bytes", `tapnet/1 ifup ifname=${"a".repeat(1025)}`, /more than 1024 bytes/],
];

describe("a hook's request", () => {
  for (const [text, request] of REQUESTS) {
    it(text, () => {
      assert.deepEqual(parseHookRequest(bytes(text)), request);
      assert.equal(new TextDecoder().decode(emitHookRequest(request)), text);
    });
  }

  for (const [name, text, problem] of PROBLEMS) {
    it(`with ${name} is not understood`, () => {
      const result = parseHookRequest(typeof text === "string" ? bytes(text) : text);
      assert("problem" in result);
      assert.match(result.problem, problem);
    });
  }

  it("comes through emit and parse as it was", () => {
    const value = fc.string({ minLength: 1, maxLength: 60, unit: "grapheme" }).filter((text) => !/\p{Cc}|\p{Cs}/u.test(text));
    const plain = { noNullPrototype: true };
    const request = fc.oneof(
      fc.record({ verb: fc.constantFrom("ifup" as const, "ifdown" as const), ifname: value }, plain),
      fc.record(
        { verb: fc.constant("helper" as const), bridge: value, guest: fc.option(value, { nil: undefined }), vnet: fc.boolean() },
        plain,
      ),
    );
    fc.assert(
      fc.property(request, (wanted) => {
        const emitted = emitHookRequest(wanted);
        if (emitted.length <= 1024) assert.deepEqual(parseHookRequest(emitted), wanted);
      }),
    );
  });

  it("is a value or a problem, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (anything) => {
        const result = parseHookRequest(anything);
        assert("verb" in result || typeof result.problem === "string");
      }),
    );
  });
});

describe("the answer to a hook", () => {
  const replies: readonly (readonly [text: string, reply: HookReply])[] = [
    ["ok web1 in default", { ok: true, text: "web1 in default" }],
    ["ok", { ok: true, text: "" }],
    ["error NOT_FOUND there is no network lan", { ok: false, code: "NOT_FOUND", message: "there is no network lan" }],
  ];
  for (const [text, reply] of replies) {
    it(text, () => {
      assert.equal(new TextDecoder().decode(emitHookReply(reply)), text);
      assert.deepEqual(parseHookReply(bytes(text)), reply);
    });
  }

  it("is one line that the hooks have room for, whatever the message", () => {
    const long = emitHookReply({ ok: false, code: "INTERNAL", message: `two\nlines ${"ü".repeat(2000)}` });
    assert(long.length <= 1024);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(long);
    assert.match(text, /^error INTERNAL two lines ü+$/);
  });

  it("always gives a reason", () => {
    assert.equal(new TextDecoder().decode(emitHookReply({ ok: false, code: "X", message: "" })), "error X no reason given");
  });

  for (const text of ["", "okay", "error", "error X", "error x message", "fine"]) {
    it(`${JSON.stringify(text)} is none`, () => assert("problem" in parseHookReply(bytes(text))));
  }
});
