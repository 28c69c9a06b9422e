/** Signals that come while tapnetd starts or ends, when it may not be left half-way. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { Lab } from "../../support/lab.js";
import { needs, nft, root, tap } from "../../support/needs.js";
import { until } from "../../support/wait.js";

const CONFIGURATION = "networks:\n  default: { kind: nat, ipv4: 10.77.0.0/24 }\n";

/** A daemon whose start is held up by its packet filter, a second long, until which it is signalled. */
async function startingDaemon(t: TestContext): Promise<{ daemon: Daemon; started: Promise<unknown> }> {
  const lab = new Lab(t);
  const host = await lab.host("host");
  const folder = lab.subfolder("slow");
  const asked = join(folder, "asked");
  writeFileSync(join(folder, "nft"), `#!/bin/sh\n: >${asked}\nsleep 1\nPATH=\${PATH#*:} exec nft "$@"\n`, { mode: 0o755 });
  host.env["PATH"] = `${folder}:${process.env["PATH"] ?? ""}`;
  const daemon = new Daemon(host, CONFIGURATION);
  const started = daemon.start().catch((thrown: unknown) => thrown);
  await until("tapnetd to load its table", () => existsSync(asked));
  return { daemon, started };
}

describe("signals while tapnetd starts or ends", needs(root, tap, nft), () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal} ends it in order as soon as it serves`, async (t) => {
      const { daemon, started } = await startingDaemon(t);
      daemon.process.child.kill(signal);
      assert.equal(await daemon.process.exited, 0, daemon.log);
      assert.match(daemon.log, /stopping; guests stay connected/);
      await started;
    });
  }

  test("it ends once, whatever else comes", async (t) => {
    const { daemon, started } = await startingDaemon(t);
    await started;
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) daemon.process.child.kill(signal);
    assert.equal(await daemon.process.exited, 0, daemon.log);
    assert.equal(daemon.log.match(/stopping; guests stay connected/g)?.length, 1, daemon.log);
  });

  test("SIGHUP is obeyed then: the configuration may have changed since it was read", async (t) => {
    const { daemon, started } = await startingDaemon(t);
    daemon.configure(`${CONFIGURATION}  other: { kind: isolated, ipv4: 10.78.0.0/24 }\n`);
    daemon.process.child.kill("SIGHUP");
    await started;
    await until("the other network", async () => JSON.stringify(await daemon.tapnet("net", "list")).includes('"other"'));
    assert.equal(await daemon.stop(), 0);
  });
});
