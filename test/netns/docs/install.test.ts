/** What `scripts/install` puts in place: it runs from there alone, systemd takes its units, and it goes without a trace. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ALICE, CHECKOUT, Machine } from "../../support/docs/machine.js";
import { Lab } from "../../support/lab.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";
import { packageRoot } from "../../support/paths.js";
import { must, run } from "../../support/process.js";

const INSTALL = [join(packageRoot, "scripts", "install"), "--no-build"];
const START_MS = 20_000;

describe("scripts/install", needs(root, tap, nft, command("systemd-analyze", "systemd")), () => {
  test("what it has installed runs without the checkout, as root and as a user, and systemd takes its units", async (t) => {
    const lab = new Lab(t);
    await must([...INSTALL, "--destdir", lab.subfolder("stage")]);
    const host = await Machine.make(lab, "host");
    await host.must("umount", CHECKOUT);
    await host.start("root", ["tapnetd"]).waitFor(/"msg":"serving"/, START_MS);
    assert.match(await host.must("tapnet", "status"), /^tapnetd /);
    assert.match(await host.must("tapnet", "doctor"), /tapnetd .* answers/);
    const { stdout } = await host.run("alice", ["tapnet", "status"]);
    assert.equal(stdout, "", "who may not is told so on stderr");
    await host.start("alice", ["tapnetd", "--rootless"]).waitFor(/"msg":"serving"/, START_MS);
    const own = await host.run("alice", ["tapnet", "--json", "status"]);
    assert.equal(own.status, 0, own.stderr);
    assert.equal((await host.run("root", ["ls", `/run/user/${ALICE.uid}/tapnet/control.sock`])).status, 0);
    // What carries a user's forwards is there, too.
    assert.equal((await host.run("root", ["pgrep", "-u", "alice", "-x", "tapnet-relay"])).status, 0);
    await unitsAreGood(host);
    assert.match(await host.must("ip", "route", "show", "table", "all", "proto", "tapnet"), /^unreachable 10\.77\.0\.0\/24/m);
  });

  test("another prefix stands in units and manual, and --uninstall leaves nothing", async (t) => {
    const lab = new Lab(t);
    const stage = lab.subfolder("with a blank");
    const words = [...INSTALL, "--destdir", stage, "--prefix", "/opt/tapnet"];
    await must(words);
    await must(words);
    const read = (path: string): string => readFileSync(join(stage, "opt/tapnet", path), "utf8");
    // Forwards that were added, and guests' sockets, are in /run/tapnet, and outlive the daemon.
    assert.match(read("lib/systemd/system/tapnetd.service"), /^RuntimeDirectoryPreserve=yes$/m);
    assert.match(read("lib/systemd/system/tapnetd.service"), /^ExecStart=\/opt\/tapnet\/bin\/tapnetd$/m);
    assert.match(read("share/man/man8/qemu-ifup.8"), /script=\/opt\/tapnet\/lib\/tapnet\/qemu-ifup/);
    assert.ok(existsSync(join(stage, "opt/tapnet/lib/tapnet/node_modules/zod/package.json")));
    assert.ok(!existsSync(join(stage, "opt/tapnet/lib/tapnet/node_modules/typescript")));
    // The page is there as browsers get it, and nothing else of it.
    assert.ok(existsSync(join(stage, "opt/tapnet/lib/tapnet/dist/src/web/static/page.js")));
    assert.ok(!existsSync(join(stage, "opt/tapnet/lib/tapnet/dist/src/web/page")));
    assert.ok(!existsSync(join(stage, "opt/tapnet/lib/tapnet/node_modules/preact")));
    await must([...words, "--uninstall"]);
    assert.deepEqual(readdirSync(stage), []);
    const again = await run([...words, "--uninstall"]);
    assert.equal(again.status, 1);
    assert.match(again.stderr, /nothing is installed below/);
  });

  test("it refuses what makes no sense", async () => {
    for (const words of [["--bogus"], ["--prefix"], ["--prefix", "relative"]]) {
      assert.equal((await run([...INSTALL, ...words])).status, 2, words.join(" "));
    }
  });
});

async function unitsAreGood(host: Machine): Promise<void> {
  for (const [user, ...words] of [
    ["root", "/usr/lib/systemd/system/tapnetd.service"],
    ["alice", "--user", "/usr/lib/systemd/user/tapnetd.service"],
  ] as const) {
    const { status, stdout, stderr } = await host.run(user, ["systemd-analyze", "verify", ...words]);
    // It verifies what our unit wants as well; that is not ours to judge.
    const ours = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("tapnet"));
    assert.deepEqual([status, ours], [0, []], `${stdout}${stderr}`);
  }
}
