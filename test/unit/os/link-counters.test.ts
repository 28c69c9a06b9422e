import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { linkCounters } from "../../../src/os/link-counters.js";

test("counters of links, by name", () => {
  const folder = mkdtempSync(join(tmpdir(), "tnt-dev-"));
  const path = join(folder, "dev");
  const head =
    "Inter-|   Receive  |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes packets\n";
  writeFileSync(path, `${head}    lo: 10 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0\ntn-web1:4294967296000 3 0 0 0 0 0 0 40 4 0 0 0 0 0 0\n`);
  const counters = linkCounters(path);
  rmSync(folder, { recursive: true });
  assert.deepEqual([...counters.keys()], ["lo", "tn-web1"]);
  assert.deepEqual(counters.get("tn-web1"), { received: { packets: 3, bytes: 4294967296000 }, sent: { packets: 4, bytes: 40 } });
  assert.ok(linkCounters().has("lo"), "the real ones");
});
