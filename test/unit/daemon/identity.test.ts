import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { loadIdentity } from "../../../src/daemon/wiring/identity.js";

describe("the server's identity", () => {
  test("is made once, for the owner's eyes, and is the same ever after", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "tapnet-identity-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const made = loadIdentity(folder);
    assert.equal(Buffer.from(made.duid).toString("hex", 0, 2), "0004", "a DUID-UUID");
    assert.equal(made.secret.length, 32);
    assert.deepEqual(readdirSync(folder), ["identity"]);
    assert.equal(statSync(join(folder, "identity")).mode & 0o777, 0o600);
    const again = loadIdentity(folder);
    assert.deepEqual([Buffer.from(again.duid), Buffer.from(again.secret)], [Buffer.from(made.duid), Buffer.from(made.secret)]);
  });

  for (const [name, damage] of [
    ["empty", () => ""],
    ["cut off", (text: string) => text.slice(0, -5)],
    ["of odd digits", (text: string) => text.replace("duid ", "duid 0")],
    ["with more behind it", (text: string) => `${text}\n`],
  ] as const) {
    test(`${name}, it is refused and not replaced`, (t) => {
      const folder = mkdtempSync(join(tmpdir(), "tapnet-identity-"));
      t.after(() => rmSync(folder, { recursive: true }));
      loadIdentity(folder);
      const path = join(folder, "identity");
      const damaged = damage(readFileSync(path, "latin1"));
      writeFileSync(path, damaged);
      assert.throws(() => loadIdentity(folder), { code: "IDENTITY", message: /identity is damaged: .*[Rr]estore/ });
      assert.equal(readFileSync(path, "latin1"), damaged);
    });
  }
});
