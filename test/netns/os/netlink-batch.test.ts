import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { before, describe, test } from "node:test";
import { HOST_LITTLE_ENDIAN, NETLINK_FLAG, NetlinkSocket } from "../../../src/os/netlink.js";
import { unshareNetworkNamespace } from "../../../src/os/netns.js";
import { needs, nft, root } from "../../support/needs.js";
import { RunningProcess } from "../../support/process.js";

const BATCH_BEGIN = 16;
const BATCH_END = 17;
const SUBSYSTEM_NFTABLES = 10;
const NFT_MSG_NEWTABLE = SUBSYSTEM_NFTABLES << 8;
const NFT_MSG_DELTABLE = NFT_MSG_NEWTABLE | 2;
const NFPROTO_INET = 1;
const NFTA_TABLE_NAME = 1;

/** A header, `struct nfgenmsg`, and the table's name as an attribute. */
function message(type: number, flags: number, family: number, resource: number, name = ""): Uint8Array {
  const attributeBytes = name === "" ? 0 : 4 + name.length + 1;
  const bytes = new Uint8Array((20 + attributeBytes + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, HOST_LITTLE_ENDIAN);
  view.setUint16(4, type, HOST_LITTLE_ENDIAN);
  view.setUint16(6, flags, HOST_LITTLE_ENDIAN);
  view.setUint8(16, family);
  view.setUint16(18, resource);
  if (attributeBytes > 0) {
    view.setUint16(20, attributeBytes, HOST_LITTLE_ENDIAN);
    view.setUint16(22, NFTA_TABLE_NAME, HOST_LITTLE_ENDIAN);
    bytes.set(Buffer.from(name), 24);
  }
  return bytes;
}

/** A whole batch that makes the tables called `create` and deletes those called `remove`. */
function batch(create: readonly string[], remove: readonly string[] = []): { bytes: Uint8Array; count: number } {
  const parts = [
    message(BATCH_BEGIN, 0, 0, SUBSYSTEM_NFTABLES),
    ...create.map((name) => message(NFT_MSG_NEWTABLE, NETLINK_FLAG.create, NFPROTO_INET, 0, name)),
    ...remove.map((name) => message(NFT_MSG_DELTABLE, 0, NFPROTO_INET, 0, name)),
    message(BATCH_END, 0, 0, SUBSYSTEM_NFTABLES),
  ];
  return { bytes: Buffer.concat(parts), count: parts.length };
}

function codes(bytes: Uint8Array, count: number): string[] {
  const socket = new NetlinkSocket("netfilter");
  const { results } = socket.transact(bytes, count);
  socket.close();
  return results.map(({ code }) => code);
}

const tables = (): string => execFileSync("nft", ["list", "tables"], { encoding: "utf8" });

describe("nfnetlink batches", needs(root, nft), () => {
  before(() => unshareNetworkNamespace());

  test("each message has a result, the frame of the batch too", () => {
    const { bytes, count } = batch(["one", "two"]);
    assert.deepEqual(codes(bytes, count), ["", "", "", ""]);
    assert.equal(tables(), "table inet one\ntable inet two\n");
  });

  test("one error, and nothing is done", () => {
    const { bytes, count } = batch(["three"], ["nobody"]);
    assert.deepEqual(codes(bytes, count), ["", "", "ENOENT", ""]);
    assert.ok(!tables().includes("three"));
  });

  test("a batch of a thousand arrives whole", () => {
    const names = Array.from({ length: 1000 }, (_, row) => `table${row}`);
    const { bytes, count } = batch(names);
    assert.ok(codes(bytes, count).every((code) => code === ""));
    assert.equal(
      tables()
        .split("\n")
        .filter((line) => line.includes("table inet table")).length,
      1000,
    );
  });

  test("without the right to it, every message is refused", async (t) => {
    const module = JSON.stringify(new URL("../../../src/os/netlink.js", import.meta.url).href);
    const { bytes, count } = batch(["four"]);
    const hex = Buffer.from(bytes).toString("hex");
    const program = `import(${module}).then(({ NetlinkSocket }) => {
      const { results } = new NetlinkSocket("netfilter").transact(Buffer.from("${hex}", "hex"), ${count});
      console.log(results.map(({ code }) => code).join());
    })`;
    const other = new RunningProcess(["setpriv", "--bounding-set=-net_admin", "--", process.execPath, "-e", program]);
    t.after(() => other.stop());
    await other.waitFor(/^EPERM,EPERM,EPERM$/m);
  });
});
