import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eachMessage, HOST_LITTLE_ENDIAN, messageError, NetlinkSocket } from "../../../src/os/netlink.js";

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const NOBODY = 0x7fff_fff0;

/** One RTM_GETLINK for each index, in a row; index 0 asks for a dump. */
function getLinks(...indexes: number[]): Uint8Array {
  const bytes = new Uint8Array(32 * indexes.length);
  const view = new DataView(bytes.buffer);
  indexes.forEach((index, row) => {
    view.setUint32(row * 32, 32, HOST_LITTLE_ENDIAN);
    view.setUint16(row * 32 + 4, RTM_GETLINK, HOST_LITTLE_ENDIAN);
    view.setInt32(row * 32 + 20, index, HOST_LITTLE_ENDIAN);
  });
  return bytes;
}

function types(bytes: Uint8Array): number[] {
  const found: number[] = [];
  eachMessage(bytes, (type) => found.push(type));
  return found;
}

describe("a netlink socket", () => {
  test("each message of a batch has its own result, and later ones are carried out", (t) => {
    const socket = new NetlinkSocket("route");
    t.after(() => socket.close());
    const { results, failed, answers } = socket.transact(getLinks(NOBODY, 1, NOBODY, 1), 4);
    assert.deepEqual(
      results.map(({ code }) => code),
      ["ENODEV", "", "ENODEV", ""],
    );
    assert.equal(failed, 2);
    assert.deepEqual(types(answers), [RTM_NEWLINK, RTM_NEWLINK]);
  });

  test("a batch that is longer than one send", (t) => {
    const socket = new NetlinkSocket("route");
    t.after(() => socket.close());
    const count = 3000;
    const { results, failed } = socket.transact(
      getLinks(...Array.from({ length: count }, (_, row) => (row % 7 === 0 ? NOBODY : 1))),
      count,
    );
    assert.equal(results.length, count);
    assert.equal(failed, Math.ceil(count / 7));
    for (const [row, { errno }] of results.entries()) assert.equal(errno, row % 7 === 0 ? 19 : 0);
  });

  test("a dump ends, and the kernel's words come with one that is refused", (t) => {
    const socket = new NetlinkSocket("route");
    t.after(() => socket.close());
    assert.ok(types(socket.dump(getLinks(0))).every((type) => type === RTM_NEWLINK));
    assert.throws(() => socket.dump(getLinks(1)), {
      name: "SystemError",
      code: "EINVAL",
      syscall: "dump",
      message: /device index/,
    });
    assert.ok(types(socket.dump(getLinks(0))).length > 0);
  });

  test("the same on a pool thread, also when this socket is closed", async () => {
    const socket = new NetlinkSocket("route");
    const dump = socket.dumpLater(getLinks(0));
    const transaction = socket.transactLater(getLinks(1, NOBODY), 2);
    const refused = assert.rejects(socket.dumpLater(getLinks(1)), { name: "SystemError", code: "EINVAL" });
    socket.close();
    assert.ok(types(await dump).length > 0);
    assert.equal((await transaction).failed, 1);
    await refused;
  });

  test("what is no row of messages is refused", (t) => {
    const socket = new NetlinkSocket("route");
    t.after(() => socket.close());
    const one = getLinks(1);
    for (const [bytes, count] of [
      [one, 0],
      [one, 2],
      [one.subarray(0, 31), 1],
      [one.subarray(0, 15), 1],
      [new Uint8Array(16), 1],
    ] as const) {
      assert.throws(() => socket.transact(bytes, count), { name: "TapnetError", code: "INVALID_ARGUMENT" });
    }
    assert.throws(() => socket.dump(getLinks(0, 0)), { code: "INVALID_ARGUMENT" });
  });

  test("a group that does not exist is refused, and nothing stays open", () => {
    const socket = new NetlinkSocket("route");
    assert.throws(() => socket.subscribe([10_000], { onMessages() {}, onOverrun() {} }), { name: "SystemError" });
    socket.close();
    socket.close();
    assert.throws(() => socket.transact(getLinks(1), 1), { code: "CLOSED" });
  });

  test("the error of a message says what was asked, and the kernel's words", () => {
    const error = messageError(
      { errno: 22, code: "EINVAL", extendedAck: "Nexthop has invalid gateway", offset: 28 },
      "add route 10.0.0.0/8",
    );
    assert.equal(error.name, "NetlinkError");
    assert.equal(error.message, "add route 10.0.0.0/8: EINVAL (Nexthop has invalid gateway)");
  });
});

describe("walking messages", () => {
  const row = getLinks(1, 2, 3);

  test("every cut is survived", () => {
    for (let length = 0; length <= row.length; length++) {
      assert.equal(types(row.subarray(0, length)).length, Math.floor(length / 32));
    }
  });

  test("a length that cannot be ends the walk", () => {
    for (const length of [0, 15, 33, 0xffff_ffff]) {
      const broken = row.slice(0, 32);
      new DataView(broken.buffer).setUint32(0, length, HOST_LITTLE_ENDIAN);
      assert.deepEqual(types(broken), []);
    }
  });

  test("offsets count from the start of the bytes, wherever they lie", () => {
    const shifted = new Uint8Array(100).subarray(4, 36);
    shifted.set(getLinks(5));
    eachMessage(shifted, (type, payloadOffset, payloadEnd) => {
      assert.deepEqual([type, payloadOffset, payloadEnd], [RTM_GETLINK, 16, 32]);
    });
  });
});
