import assert from "node:assert/strict";
import { test } from "node:test";
import { Report } from "../../../bench/frame/report.js";
import { bench } from "../../../bench/macro/rules.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";

test("the benchmark of rules still works", needs(root, tap, nft, command("cc", "gcc")), async () => {
  const report = new Report("rules", 1);
  report.progress = () => undefined;
  await bench.run({ smoke: true, rounds: 1 }, report);
  assert.deepEqual(report.missing, []);
  assert.deepEqual(
    [...new Set(report.rows.map(({ metric }) => metric))],
    ["one guest more", "one guest less", "cost", "CPU of it", "qemu-ifup", "forward add", "forward remove", "until ready"],
  );
});
