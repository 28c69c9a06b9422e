import assert from "node:assert/strict";
import { test } from "node:test";
import { interfaceIndex, isInterfaceName } from "../../../src/os/interface.js";

test("interface names are what the kernel takes", () => {
  for (const name of ["lo", "tn-web1", "eth0.5", "a", "fünfzehn-bytes", "x".repeat(15), "-"])
    assert.ok(isInterfaceName(name), name);
  for (const name of ["", ".", "..", "a/b", "a b", "a\tb", "a\nb", "a:1", "tap%d", "x".repeat(16), "sechzehn-bytes-ü", "a\0b"]) {
    assert.ok(!isInterfaceName(name), JSON.stringify(name));
  }
});

test("the loopback is the first interface of every namespace", () => {
  assert.equal(interfaceIndex("lo"), 1);
  assert.throws(() => interfaceIndex("tnt-nobody"), {
    name: "SystemError",
    code: "ENODEV",
    syscall: "if_nametoindex",
    object: "tnt-nobody",
  });
});
