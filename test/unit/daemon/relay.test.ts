/** What the daemon says to the relay, and when; the relay itself is in `guest/rootless`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { silentLogger } from "../../../src/base/log.js";
import { parseForward } from "../../../src/config/index.js";
import { Relay } from "../../../src/daemon/wiring/relay.js";
import type { PortForward } from "../../../src/network/model.js";
import { pause, until } from "../../support/wait.js";

const WEB = { ipv4: 0x0a4d_0002, ipv6: undefined };

function forward(text: string): PortForward {
  const parsed = parseForward(text);
  assert.ok(!("message" in parsed), text);
  return parsed;
}

/** A relay that says `ok` to everything, and what it was told. */
async function relay(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "tapnet-relay-"));
  const path = join(folder, "relay.sock");
  const heard: string[] = [];
  const callers = new Set<Socket>();
  const server = createServer((caller) => {
    callers.add(caller);
    caller.setEncoding("utf8").on("data", (text: string) => {
      const lines = text.trim().split("\n");
      heard.push(...lines);
      caller.write(lines.map(() => "ok\n").join(""));
    });
  });
  server.listen(path);
  await once(server, "listening");
  const speaker = new Relay(path, silentLogger);
  t.after(() => {
    speaker.close();
    for (const caller of callers) caller.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const hangUp = (): void => {
    for (const caller of callers) caller.destroy();
    callers.clear();
  };
  return { speaker, heard, hangUp };
}

/** The same, spoken with already; what was heard until then is forgotten. */
async function greeted(t: TestContext, ...forwards: readonly string[]) {
  const made = await relay(t);
  made.speaker.set("web1", forwards.map(forward), WEB);
  made.speaker.open();
  await until("the relay to be greeted", () => made.heard.includes("end"));
  made.heard.splice(0);
  return made;
}

test("a port opens when the change that brings it has ended, and what is not wanted closes at once", async (t) => {
  const { speaker, heard } = await greeted(t, "127.0.0.1:8080:80");
  await speaker.hold(async () => {
    speaker.set("web1", [forward("127.0.0.1:8081:80")], WEB);
    await until("the other to be closed", () => heard.length > 0);
    assert.deepEqual(heard.splice(0), ["close tcp 127.0.0.1 8080"]);
  });
  assert.ok(await speaker.settled());
  assert.deepEqual(heard, ["listen tcp 127.0.0.1 8081 10.77.0.2 80"]);
});

test("a port that comes and goes within a change is never opened", async (t) => {
  const { speaker, heard } = await greeted(t);
  await speaker.hold(async () => {
    speaker.set("web1", [forward("127.0.0.1:8080:80")], WEB);
    speaker.set("web1", [], WEB);
  });
  assert.ok(await speaker.settled());
  assert.deepEqual(heard, ["close tcp 127.0.0.1 8080"]);
});

test("who adds a forward meanwhile hears how it went when the change has ended", async (t) => {
  const { speaker, heard } = await greeted(t);
  let end: (() => void) | undefined;
  const change = speaker.hold(() => new Promise<void>((resolve) => (end = resolve)));
  speaker.set("web1", [forward("127.0.0.1:8080:80")], WEB);
  let isSettled = false;
  const settled = speaker.settled().then((answered) => (isSettled = answered));
  await pause(50);
  assert.deepEqual([isSettled, heard], [false, []]);
  end?.();
  await change;
  assert.ok(await settled);
  assert.deepEqual(heard, ["listen tcp 127.0.0.1 8080 10.77.0.2 80"]);
});

test("a relay that is started anew in the middle of a change hears of what waits when it has ended", async (t) => {
  const { speaker, heard, hangUp } = await greeted(t, "127.0.0.1:8080:80");
  await speaker.hold(async () => {
    speaker.set("web1", [forward("127.0.0.1:8080:80"), forward("127.0.0.1:8081:81")], WEB);
    hangUp();
    await until("the relay to be greeted again", () => heard.includes("end"));
    assert.deepEqual(heard.splice(0), ["begin", "listen tcp 127.0.0.1 8080 10.77.0.2 80", "end"]);
  });
  assert.ok(await speaker.settled());
  assert.deepEqual(heard, ["listen tcp 127.0.0.1 8081 10.77.0.2 81"]);
});

test("a change that fails opens its ports all the same: the configuration stands, and is put into effect later", async (t) => {
  const { speaker, heard } = await greeted(t);
  const change = speaker.hold(() => {
    speaker.set("web1", [forward("127.0.0.1:8080:80")], WEB);
    return Promise.reject(new Error("no kernel"));
  });
  await assert.rejects(change, /no kernel/);
  assert.ok(await speaker.settled());
  assert.deepEqual(heard, ["listen tcp 127.0.0.1 8080 10.77.0.2 80"]);
});
