import assert from "node:assert/strict";
import { test } from "node:test";
import { Report } from "../../../bench/frame/report.js";
import { runRounds } from "../../../bench/frame/rounds.js";
import { formatFigure, median } from "../../../bench/frame/statistics.js";
import { formatTable } from "../../../bench/frame/table.js";

test("median", () => {
  assert.equal(median([3]), 3);
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

test("figures keep three digits", () => {
  for (const [value, text] of [
    [0, "0"],
    [0.123456, "0.123"],
    [1.5, "1.50"],
    [42.42, "42.4"],
    [999.6, "1,000"],
    [1234567, "1,230,000"],
  ] as const) {
    assert.equal(formatFigure(value), text);
  }
});

test("rounds are interleaved, another system first each time", async () => {
  const turns: string[] = [];
  const system = (name: string) => ({
    name,
    measure(workload: number) {
      turns.push(`${workload}${name}`);
      return [{ metric: "time", unit: "ms", value: workload * (name === "tapnet" ? 1 : 2) }];
    },
  });
  const report = new Report("example", 2);
  report.progress = () => undefined;
  await runRounds(
    {
      cases: [
        { name: "one", workload: 1 },
        { name: "two", workload: 2 },
      ],
      systems: [system("tapnet"), system("rival")],
    },
    { smoke: false, rounds: 2 },
    report,
  );
  assert.deepEqual(turns, ["1tapnet", "1rival", "1rival", "1tapnet", "2tapnet", "2rival", "2rival", "2tapnet"]);
  assert.deepEqual(report.rows[3], { system: "rival", case: "two", metric: "time", unit: "ms", median: 4, min: 4, max: 4 });
  assert.match(formatTable(report), /two: time, ms\n {2}tapnet +2\.00 .*\n {2}rival +4\.00 .* 2\.00 × tapnet/);
});

test("a missing rival is named in table and JSON", () => {
  const report = new Report("example", 1);
  report.progress = () => undefined;
  report.miss("kea", "needs the Debian package kea-dhcp4-server");
  assert.match(formatTable(report), /^missing: kea: needs the Debian package kea-dhcp4-server$/m);
  const json = JSON.parse(JSON.stringify(report)) as Record<string, unknown>;
  assert.deepEqual(Object.keys(json), ["bench", "machine", "versions", "rounds", "rows", "missing"]);
});
