import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { notify, watchdogIntervalMs } from "../../../src/os/notify.js";
import { command, needs } from "../../support/needs.js";
import { RunningProcess } from "../../support/process.js";

/** Plays systemd: Node has no unix datagram sockets. */
const SYSTEMD = `
import socket, sys
path = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + path[1:] if path[0] == "@" else path)
print("listening", flush=True)
print(repr(s.recv(1000)), flush=True)
`;

describe("notify", () => {
  test("says nothing when nobody asked", () => {
    assert.equal(notify(["READY=1"], {}), false);
    assert.equal(notify(["READY=1"], { NOTIFY_SOCKET: "" }), false);
  });

  test("a socket that is not there is an error that names it", () => {
    assert.throws(() => notify(["READY=1"], { NOTIFY_SOCKET: "/nonexistent/notify" }), {
      name: "SystemError",
      code: "ENOENT",
      object: "/nonexistent/notify",
    });
  });

  for (const kind of ["a path", "an abstract name"]) {
    test(`one datagram to ${kind}, a line for each state`, needs(command("python3")), async (t) => {
      const folder = mkdtempSync(join(tmpdir(), "tnt-notify-"));
      t.after(() => rmSync(folder, { recursive: true }));
      const path = kind === "a path" ? join(folder, "notify") : `@tapnet-notify-${process.pid}`;
      const systemd = new RunningProcess(["python3", "-c", SYSTEMD, path]);
      t.after(() => systemd.stop());
      await systemd.waitFor(/listening/);
      assert.equal(notify(["READY=1", "STATUS=12 guests,\none more"], { NOTIFY_SOCKET: path }), true);
      await systemd.waitFor(/b'READY=1\\nSTATUS=12 guests, one more'/);
    });
  }
});

test("the watchdog's interval is half of what systemd allows, and only for the process that it is meant for", () => {
  assert.equal(watchdogIntervalMs({}), undefined);
  assert.equal(watchdogIntervalMs({ WATCHDOG_USEC: "30000000" }), 15_000);
  assert.equal(watchdogIntervalMs({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 7), 15_000);
  assert.equal(watchdogIntervalMs({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 8), undefined);
  for (const nonsense of ["", "0", "-1", "x"]) assert.equal(watchdogIntervalMs({ WATCHDOG_USEC: nonsense }), undefined);
});
