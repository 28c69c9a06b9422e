import assert from "node:assert/strict";
import { test } from "node:test";
import { checkListenAddress, formatListenAddress, isLoopback, parseListenAddress } from "../../../src/web/server/listening.js";

test("where to listen, as people write it", () => {
  const rows: readonly (readonly [string, string, number])[] = [
    ["8080", "127.0.0.1", 8080],
    ["0", "127.0.0.1", 0],
    ["127.0.0.1:0", "127.0.0.1", 0],
    ["localhost:80", "127.0.0.1", 80],
    ["[::1]:65535", "::1", 65_535],
    ["192.0.2.1:80", "192.0.2.1", 80],
  ];
  for (const [text, host, port] of rows) assert.deepEqual(parseListenAddress(text), { host, port }, text);
  for (const text of [
    "",
    "x",
    "127.0.0.1",
    "127.0.0.1:",
    "::1:80",
    "[::1]",
    "[127.0.0.1]:80",
    "1.2.3.4.5:80",
    "65536",
    "web1:80",
    "-1",
    "80 ",
  ]) {
    assert.throws(() => parseListenAddress(text), { code: "USAGE" }, text);
  }
  assert.equal(formatListenAddress({ host: "::1", port: 80 }), "[::1]:80");
  assert.equal(formatListenAddress({ host: "127.0.0.1", port: 80 }), "127.0.0.1:80");
});

test("what others can reach is refused unless it is meant", () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ["127.0.0.1", true],
    ["127.255.0.1", true],
    ["::1", true],
    ["0.0.0.0", false],
    ["::", false],
    ["192.0.2.1", false],
    ["128.0.0.1", false],
    ["::ffff:127.0.0.1", false],
    ["fe80::1", false],
  ];
  for (const [host, own] of rows) {
    assert.equal(isLoopback(host), own, host);
    checkListenAddress({ host, port: 80 }, true);
    if (own) checkListenAddress({ host, port: 80 }, false);
    else
      assert.throws(() => checkListenAddress({ host, port: 80 }, false), { code: "USAGE", message: /ssh -L .*--expose/ }, host);
  }
});
