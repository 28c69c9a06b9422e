import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { bridgeConfAllows, type Caller } from "../../../src/control/bridge-conf.js";

/** Nobody whom a test runs as: 65,534 is `nobody`. */
const STRANGER: Caller = { uid: 65_533, gid: 65_533, groups: [] };
const folder = mkdtempSync(join(tmpdir(), "tapnet-bridge-conf-"));
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true }));

function written(name: string, text: string, mode = 0o644): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe("QEMU's bridge.conf", () => {
  const rows: readonly (readonly [text: string, bridge: string, allowed: boolean])[] = [
    ["allow br0\n", "br0", true],
    ["allow br0\n", "br1", false],
    ["allow all\n", "br1", true],
    ["allow all\ndeny br1\n", "br1", false],
    ["deny br1\nallow br1\n", "br1", false],
    ["deny all\nallow br0\n", "br0", false],
    ["# nobody\n\n   \n", "br0", false],
    ["  allow\tbr0  \n", "br0", true],
    ["allow br0 br1\n", "br0", false],
    ["permit br0\nallow br0\n", "br0", false],
    ["allow\nallow br0\n", "br0", false],
    ["", "br0", false],
  ];
  for (const [text, bridge, allowed] of rows) {
    it(`${allowed ? "allows" : "refuses"} ${bridge} by ${JSON.stringify(text)}`, () => {
      assert.equal(bridgeConfAllows(written("bridge.conf", text), bridge, STRANGER), allowed);
    });
  }

  it("lets nobody where it is not there", () => assert.equal(bridgeConfAllows(join(folder, "none"), "br0", STRANGER), false));

  it("counts what it includes, for those who may read that", () => {
    const secret = written("alice.conf", "allow br0\n", 0o640);
    const list = written("including.conf", `include ${secret}\ninclude ${join(folder, "none")}\n`);
    const gid = process.getgid?.() ?? 0;
    assert.equal(bridgeConfAllows(list, "br0", STRANGER), false);
    assert.equal(bridgeConfAllows(list, "br0", { ...STRANGER, groups: [gid] }), true);
    assert.equal(bridgeConfAllows(list, "br0", { ...STRANGER, uid: process.getuid?.() ?? 0 }), true);
  });

  it("counts nothing in a folder that the caller may not go through, whatever the file's own mode", () => {
    const closed = join(folder, "closed");
    mkdirSync(closed, { mode: 0o750 });
    const list = written("through.conf", `include ${written("closed/all.conf", "allow br0\n")}\n`);
    assert.equal(bridgeConfAllows(list, "br0", STRANGER), false);
    assert.equal(bridgeConfAllows(list, "br0", { ...STRANGER, groups: [process.getgid?.() ?? 0] }), true);
  });

  it("ends where it includes itself", () => {
    const path = join(folder, "itself.conf");
    written("itself.conf", `include ${path}\nallow br0\n`);
    assert.equal(bridgeConfAllows(path, "br0", STRANGER), true);
  });
});
