import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { needs, nft, qemu, root, tap } from "../support/needs.js";
import { packageRoot, script } from "../support/paths.js";
import { RunningProcess, run } from "../support/process.js";

/** What scripts/run starts when everything is built. */
const DEMO = ["unshare", "--mount", "--net", "--propagation", "private", "--", ...script("scripts/demo/main")];
const LIMIT_MS = 90_000;

describe("scripts/run", needs(root, tap, nft, qemu), () => {
  test("two at once show everything and end with status 0", async () => {
    const both = await Promise.all([DEMO, DEMO].map(async (demo) => run([...demo, "--once"], { timeoutMs: LIMIT_MS })));
    for (const { status, stdout, stderr } of both) {
      assert.equal(status, 0, `${stdout}${stderr}`);
      assert.match(stdout, /ping past it +198\.51\.100\.1: 3 of 3 answered/);
    }
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    test(`without a guest it serves until ${signal}, and says how to attach one`, async () => {
      const demo = new RunningProcess([...DEMO, "--no-guest"]);
      await demo.waitFor(/Serving until/, LIMIT_MS);
      assert.match(demo.stdout, /nsenter .*qemu-system-x86_64 .*script=\S*qemu-ifup,downscript=\S*qemu-ifdown/);
      assert.equal(await demo.stop(signal), 0, demo.output);
    });
  }
});

test("scripts/run refuses a flag that it does not know", async () => {
  const { status, stderr } = await run([join(packageRoot, "scripts", "run"), "--bogus"]);
  assert.equal(status, 2);
  assert.match(stderr, /unknown option --bogus/);
});
