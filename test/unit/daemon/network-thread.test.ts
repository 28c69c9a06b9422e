/** The thread of a network as the daemon sees it: answers, errors, its end. */
import assert from "node:assert/strict";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { SystemError, TapnetError } from "../../../src/base/errors.js";
import { parseIpv4Prefix, parseIpv6Prefix } from "../../../src/base/prefix.js";
import { NetworkThread } from "../../../src/daemon/wiring/network-thread.js";
import type { SocketPort } from "../../../src/daemon/wiring/user-network.js";
import { defineNetworks } from "../../../src/network/define.js";

const [NETWORK] = defineNetworks([
  { name: "default", kind: "nat", ipv4: parseIpv4Prefix("10.77.0.0/24"), ipv6: parseIpv6Prefix("fd00:77::/64") },
]);

function start(t: TestContext): NetworkThread {
  const thread = new NetworkThread(NETWORK, () => undefined);
  t.after(() => thread.end());
  return thread;
}

function guestAt(t: TestContext, name: string): SocketPort & { readonly path: string } {
  const directory = mkdtempSync(join(tmpdir(), "tapnet-thread-"));
  const tap = openSync("/dev/null", "r");
  t.after(() => {
    closeSync(tap);
    rmSync(directory, { recursive: true });
  });
  const port = { ifindex: 7, ifname: "tn-web1", guest: "web1", network: NETWORK, bindings: [] };
  const path = join(directory, name);
  return { port, tap, socket: { kind: "stream", local: path }, routed: true, path };
}

test("what the kernel refuses is an error as it would be on the daemon's own thread, and leaves nothing", async (t) => {
  const thread = start(t);
  const noTap = guestAt(t, "web1.sock");
  await assert.rejects(thread.open(noTap), (error) => {
    assert.ok(error instanceof SystemError);
    assert.deepEqual([error.code, error.syscall], ["ENOTTY", "TUNGETIFF"]);
    assert.match(error.message, /it is no TAP's/);
    return true;
  });
  assert.equal(existsSync(noTap.path), false);
  await assert.rejects(thread.open(guestAt(t, "nowhere/web1.sock")), { name: "SystemError", code: "ENOENT" });
});

test("questions about guests that it does not have are answered", async (t) => {
  const thread = start(t);
  assert.equal(await thread.counts(7), undefined);
  assert.equal(await thread.capture(7), undefined);
  await thread.close(7);
  await thread.bind({ ifindex: 7, ifname: "tn-web1", guest: "web1", network: NETWORK, bindings: [] });
  await thread.configure(NETWORK, new Set([7]));
  const counters = await thread.counters();
  assert.ok(Object.keys(counters).length > 10);
  assert.ok(Object.values(counters).every((count) => count === 0));
});

test("once it has ended every question is refused, and to end it again is nothing", async () => {
  const thread = new NetworkThread(NETWORK, () => undefined);
  const asked = thread.counters();
  await thread.end();
  await asked;
  await thread.end();
  await assert.rejects(thread.counters(), (error) => error instanceof TapnetError && error.code === "UNAVAILABLE");
});
