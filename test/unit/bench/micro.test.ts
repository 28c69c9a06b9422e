import assert from "node:assert/strict";
import { test } from "node:test";
import { bench } from "../../../bench/frame/micro.js";
import { Report } from "../../../bench/frame/report.js";

test("every micro benchmark still works", async () => {
  const report = new Report("micro", 1);
  report.progress = () => undefined;
  await bench.run({ smoke: true, rounds: 1 }, report);
  assert.ok(report.rows.length > 0);
  for (const row of report.rows) assert.ok(row.median > 0, `${row.case}: ${row.system}`);
});
