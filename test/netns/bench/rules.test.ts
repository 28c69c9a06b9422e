import assert from "node:assert/strict";
import { test } from "node:test";
import { Report } from "../../../bench/frame/report.js";
import { bench } from "../../../bench/macro/rules.js";
import { needs, nft, root } from "../../support/needs.js";

test("the benchmark of rules still works", needs(root, nft), async () => {
  const report = new Report("rules", 1);
  report.progress = () => undefined;
  await bench.run({ smoke: true, rounds: 1 }, report);
  assert.deepEqual(report.missing, []);
  assert.deepEqual(
    report.rows.map(({ metric }) => metric),
    ["one guest more", "one guest less"],
  );
});
