import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { interfaceSysctl, readSysctl, writeSysctl } from "../../../src/os/sysctl.js";

describe("sysctl", () => {
  const root = mkdtempSync(join(tmpdir(), "tnt-sysctl-"));
  after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "net/ipv4/conf/eth0.5"), { recursive: true });
  writeFileSync(join(root, "net/ipv4/conf/eth0.5/forwarding"), "0\n");

  test("an interface with a dot in its name", () => {
    const key = interfaceSysctl(4, "conf", "eth0.5", "forwarding");
    assert.equal(readSysctl(key, root), "0");
    writeSysctl(key, 1, root);
    assert.equal(readSysctl(key, root), "1");
    assert.equal(readFileSync(join(root, key), "utf8"), "1\n");
  });

  test("a key that this kernel lacks is not made", () => {
    const expected = { name: "SystemError", code: "ENOENT", syscall: "write", object: "sysctl net/ipv4/none", message: /gone/ };
    assert.throws(() => writeSysctl("net/ipv4/none", 1, root), expected);
    assert.throws(() => readSysctl("net/ipv4/none", root), { ...expected, syscall: "read" });
  });

  test("what is no key is refused before the kernel sees it", () => {
    for (const key of ["", "/etc/passwd", "net/../../etc/passwd", "net//ipv4", "net/./ipv4", "net/ipv4/", "net\0"]) {
      assert.throws(() => readSysctl(key, root), { name: "TapnetError", code: "INVALID_ARGUMENT" }, JSON.stringify(key));
    }
    for (const name of ["..", "a/b", ""]) {
      assert.throws(() => interfaceSysctl(6, "neigh", name, "proxy_delay"), { code: "INVALID_ARGUMENT" }, name);
    }
  });

  test("the real one", () => {
    assert.match(readSysctl("kernel/ostype"), /^Linux$/);
  });
});
