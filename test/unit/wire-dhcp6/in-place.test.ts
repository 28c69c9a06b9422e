import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MESSAGE, OPTION } from "../../../src/wire/dhcp6/codes.js";
import * as duid from "../../../src/wire/dhcp6/duid.js";
import * as message from "../../../src/wire/dhcp6/message.js";
import { RelayPath } from "../../../src/wire/dhcp6/relay-path.js";
import { Dhcp6Request, IAS_MOST } from "../../../src/wire/dhcp6/request.js";
import { Dhcp6Writer } from "../../../src/wire/dhcp6/writer.js";
import * as domainList from "../../../src/wire/domain-list.js";
import { asksFor, clientId, DUID_1, iaNa, iaPd, ip, prefix, rapidCommit, say, serverId } from "../../support/dhcp6-lab.js";
import { bytesOf, hexOf, viewOf } from "../../support/pieces.js";

/** The bytes somewhere in the middle of a larger slab, as they come from a batch. */
function inSlab(bytes: Uint8Array): DataView {
  const slab = new Uint8Array(bytes.length + 64).fill(0xee);
  slab.set(bytes, 32);
  return viewOf(slab);
}

describe("a request read in place", () => {
  test("finds what a server needs, and forgets it with the next message", () => {
    const request = new Dhcp6Request();
    const full = message.toBytes(
      say("request", clientId(DUID_1), serverId(), rapidCommit, asksFor(23, 24), iaNa(7, ip("2001:db8::1")), iaPd(8)),
    );
    assert.equal(request.read(inSlab(full), 32, full.length), undefined);
    assert.equal(request.type, MESSAGE.request);
    assert.equal(request.clientIdLength, DUID_1.length);
    assert.ok(request.serverIdOffset > 0 && request.rapidCommit && request.wants(24) && !request.wants(25));
    assert.deepEqual([request.iaCount, request.iaid(0), request.iaid(1)], [2, 7, 8]);
    assert.ok(request.firstInIa(0, OPTION.iaAddress) > 0);
    assert.equal(request.nextInIa(0, request.firstInIa(0, OPTION.iaAddress)), -1);
    const bare = message.toBytes(say("informationRequest"));
    assert.equal(request.read(inSlab(bare), 32, bare.length), undefined);
    assert.deepEqual(
      [request.clientIdOffset, request.serverIdOffset, request.optionRequestOffset, request.iaCount],
      [-1, -1, -1, 0],
    );
    assert.ok(!request.rapidCommit && !request.wants(23));
  });

  test("reads sixteen associations and no more", () => {
    const request = new Dhcp6Request();
    for (const [count, fault] of [
      [IAS_MOST, undefined],
      [IAS_MOST + 1, "dhcp6-ia-count"],
    ] as const) {
      const bytes = message.toBytes(say("solicit", ...Array.from({ length: count }, (_, iaid) => iaNa(iaid))));
      assert.equal(request.read(viewOf(bytes), 0, bytes.length), fault);
    }
  });
});

describe("the way back through relays", () => {
  test("what is opened around nothing is a relay-reply around nothing", () => {
    const inner = say("solicit");
    const hop = { type: MESSAGE.relayForward, linkAddress: ip("2001:db8::1"), peerAddress: ip("fe80::1"), options: [] };
    const bytes = message.toBytes({ ...hop, hopCount: 1, relayed: { ...hop, hopCount: 0, relayed: inner } });
    const path = new RelayPath();
    assert.equal(path.read(inSlab(bytes), 32, bytes.length), undefined);
    assert.equal(path.depth, 2);
    const answer = new Uint8Array(path.replyBytes() + 4);
    const start = path.open(viewOf(answer), 0);
    assert.equal(start, path.replyBytes());
    message.emitHeader(MESSAGE.reply, 1, viewOf(answer), start);
    path.close(viewOf(answer), start + 4);
    const wrapped = { ...hop, type: MESSAGE.relayReply };
    assert.deepEqual(message.parse(viewOf(answer), 0, answer.length), {
      ...wrapped,
      hopCount: 1,
      relayed: { ...wrapped, hopCount: 0, relayed: { type: MESSAGE.reply, transactionId: 1, options: [] } },
    });
  });
});

describe("the writer", () => {
  test("writes what the objects write", () => {
    const writer = new Dhcp6Writer();
    const bytes = new Uint8Array(200);
    writer.begin(viewOf(bytes), 0, 200, MESSAGE.reply, 0xabcdef);
    writer.octets(OPTION.clientId, DUID_1);
    const ia = writer.openIa(OPTION.iaNa, 1, 2, 3);
    writer.address(OPTION.iaAddress, ip("2001:db8::1"), 4, 5);
    writer.close(ia);
    const pd = writer.openIa(OPTION.iaPd, 6, 7, 8);
    writer.prefix(OPTION.iaPrefix, prefix("2001:db8::/56").address, 56, 9, 10);
    writer.close(pd);
    writer.close(writer.openTemporaryIa(OPTION.iaTa, 11));
    writer.empty(OPTION.rapidCommit);
    writer.uint8(OPTION.preference, 255);
    writer.uint32(OPTION.solMaxRt, 3600);
    const expected = message.toBytes({
      type: MESSAGE.reply,
      transactionId: 0xabcdef,
      options: [
        clientId(DUID_1),
        {
          kind: "ia",
          code: OPTION.iaNa,
          iaid: 1,
          t1Seconds: 2,
          t2Seconds: 3,
          options: [
            { kind: "ia-address", code: 5, address: ip("2001:db8::1"), preferredSeconds: 4, validSeconds: 5, options: [] },
          ],
        },
        {
          kind: "ia",
          code: OPTION.iaPd,
          iaid: 6,
          t1Seconds: 7,
          t2Seconds: 8,
          options: [
            {
              kind: "ia-prefix",
              code: 26,
              prefix: ip("2001:db8::"),
              prefixLength: 56,
              preferredSeconds: 9,
              validSeconds: 10,
              options: [],
            },
          ],
        },
        { kind: "temporary-ia", code: OPTION.iaTa, iaid: 11, options: [] },
        { kind: "flag", code: OPTION.rapidCommit },
        { kind: "uint8", code: OPTION.preference, value: 255 },
        { kind: "uint32", code: OPTION.solMaxRt, value: 3600 },
      ],
    });
    assert.equal(hexOf(bytes.subarray(0, writer.position)), hexOf(expected));
  });

  test("never writes at or behind its limit, wherever that is", () => {
    for (let limit = 0; limit < 80; limit++) {
      const bytes = new Uint8Array(96).fill(0xee);
      const writer = new Dhcp6Writer();
      writer.begin(viewOf(bytes), 0, limit, MESSAGE.reply, 1);
      writer.octets(OPTION.clientId, DUID_1);
      const mark = writer.openIa(OPTION.iaNa, 1, 0, 0);
      writer.address(OPTION.iaAddress, 1n, 2, 3);
      writer.close(mark);
      assert.ok(
        bytes.subarray(limit).every((octet) => octet === 0xee),
        `limit ${limit}`,
      );
      assert.equal(writer.overflowed, limit < 62);
    }
  });
});

describe("DUIDs", () => {
  test("are made of a MAC or a UUID, and shown and read as hex pairs", () => {
    assert.equal(duid.format(duid.ofMac(0x5254_0012_3456)), "00:03:00:01:52:54:00:12:34:56");
    assert.equal(duid.ofUuid(new Uint8Array(16)).length, 18);
    assert.throws(() => duid.ofUuid(new Uint8Array(15)), RangeError);
    assert.deepEqual(duid.parseText("00:03:00:01:52:54:00:12:34:56"), DUID_1);
    assert.deepEqual(duid.parseText("00030001525400123456"), DUID_1);
    for (const text of ["", "00", "0", "00:03:", "0003g1", "00".repeat(131)]) assert.equal(duid.parseText(text), undefined, text);
  });
});

describe("domain lists", () => {
  test("octets that are not plain text survive as \\DDD", () => {
    const bytes = bytesOf([
      ["a.b", "03 612e62"],
      ["\\ and 0xff", "02 5cff"],
      ["end", "00"],
    ]);
    assert.deepEqual(domainList.parse(viewOf(bytes), 0, bytes.length), ["a\\046b.\\092\\255"]);
    const again = new Uint8Array(domainList.emittedBytes(["a\\046b.\\092\\255"]));
    domainList.emit(["a\\046b.\\092\\255"], viewOf(again), 0);
    assert.equal(hexOf(again), hexOf(bytes));
  });

  test("names that DNS cannot carry are refused", () => {
    for (const name of ["a..b", ".a", "x".repeat(64), Array(65).fill("abc").join(".")]) {
      assert.equal(domainList.labelsOf(name), undefined);
      assert.throws(() => domainList.emittedBytes([name]), /is not a domain name/);
    }
  });

  test("a name of 255 bytes passes, of 256 does not", () => {
    const label = "3f".concat("61".repeat(63));
    const longest = bytesOf([
      ["three labels", label.repeat(3)],
      ["last", `3d${"61".repeat(61)}00`],
    ]);
    assert.equal(longest.length, 255);
    assert.equal(domainList.check(viewOf(longest), 0, 255), undefined);
    const longer = bytesOf([
      ["three labels", label.repeat(3)],
      ["last", `3e${"61".repeat(62)}00`],
    ]);
    assert.equal(domainList.check(viewOf(longer), 0, 256), "domain-length");
  });
});
