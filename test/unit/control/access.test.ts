import assert from "node:assert/strict";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { AccessList, type Accounts, hostAccounts } from "../../../src/control/index.js";

const USERS = new Map([
  ["alice", 1000],
  ["bob", 1001],
]);
const GROUPS = new Map([
  ["kvm", 104],
  ["lab", 200],
]);

const accounts: Accounts = {
  userId: (name) => USERS.get(name),
  groupId: (name) => GROUPS.get(name),
};

const list = new AccessList(
  [
    { account: { kind: "user", name: "alice" }, networks: ["lan"] },
    { account: { kind: "group", name: "kvm" }, networks: ["default", "lan"] },
    { account: { kind: "group", name: "lab" }, networks: "all" },
    { account: { kind: "user", name: "nobody-here" }, networks: "all" },
    { account: { kind: "group", name: "no-such-group" }, networks: "all" },
  ],
  accounts,
);

describe("the access list", () => {
  const rows: readonly (readonly [what: string, uid: number, gids: readonly number[], network: string, allowed: boolean])[] = [
    ["a user on her network", 1000, [1000], "lan", true],
    ["a user on another network", 1000, [1000], "default", false],
    ["a member of a group", 1001, [1001, 104], "default", true],
    ["a process whose own group is named", 1005, [104], "default", true],
    ["a group that has all networks", 1005, [200], "anything", true],
    ["a stranger", 1005, [1005], "default", false],
    ["a user who is named but unknown to the host", 65_534, [65_534], "default", false],
  ];
  for (const [what, uid, gids, network, allowed] of rows) {
    it(`${allowed ? "lets in" : "keeps out"} ${what}`, () =>
      assert.equal(list.allows({ uid, gid: gids[0], groups: gids.slice(1) }, network), allowed));
  }

  it("lets nobody in when it is empty", () =>
    assert.equal(new AccessList([], accounts).allows({ uid: 1000, gid: 1000, groups: [] }, "default"), false));
});

describe("the host's accounts", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "tapnet-accounts-"));
    writeFileSync(join(folder, "passwd"), "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:100::/home/alice:/bin/sh\n");
    writeFileSync(join(folder, "group"), "users:x:100:\nkvm:x:104:bob,alice\nlab:x:200:carol\n");
  });
  after(() => rmSync(folder, { recursive: true }));

  it("are read from passwd and group", () => {
    const host = hostAccounts(join(folder, "passwd"), join(folder, "group"));
    assert.equal(host.userId("alice"), 1000);
    assert.equal(host.userId("4711"), 4711);
    assert.equal(host.userId("bob"), undefined);
    assert.equal(host.groupId("kvm"), 104);
  });

  it("are read again when they change", () => {
    const host = hostAccounts(join(folder, "passwd"), join(folder, "group"));
    assert.equal(host.groupId("new"), undefined);
    writeFileSync(join(folder, "group"), "users:x:100:\nnew:x:300:\n");
    utimesSync(join(folder, "group"), 1, 1);
    assert.equal(host.groupId("new"), 300);
  });

  it("are none where the files are missing", () => {
    assert.equal(hostAccounts("/nonexistent/passwd", "/nonexistent/group").userId("root"), undefined);
  });
});
