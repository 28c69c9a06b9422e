import assert from "node:assert/strict";
import { test } from "node:test";
import { Report } from "../../../bench/frame/report.js";
import { bench } from "../../../bench/macro/attach.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";

test(
  "the benchmark of attach still works",
  needs(root, tap, nft, command("cc", "gcc"), command("sysctl", "procps")),
  async () => {
    const report = new Report("attach", 1);
    report.progress = () => undefined;
    await bench.run({ smoke: true, rounds: 1 }, report);
    assert.deepEqual(report.missing, []);
    assert.deepEqual([...new Set(report.rows.map((row) => row.system))].sort(), ["ip + sysctl", "tapnet"]);
  },
);
