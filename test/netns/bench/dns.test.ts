import assert from "node:assert/strict";
import { test } from "node:test";
import { Report } from "../../../bench/frame/report.js";
import { bench } from "../../../bench/macro/dns.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";

test("the benchmark of DNS still works, over sockets and by frames", needs(root, tap, nft, command("cc", "gcc")), async () => {
  const report = new Report("dns", 1);
  report.progress = () => undefined;
  await bench.run({ smoke: true, rounds: 1 }, report);
  const cases = new Set(report.rows.filter(({ system }) => system === "tapnet").map((row) => row.case));
  for (const path of ["socket", "frames"]) {
    for (const asked of ["local names", "NXDOMAIN", "cache hits", "cache misses"]) {
      assert.ok(cases.has(`${asked} by ${path}, 100 open`), `${asked} by ${path}`);
    }
  }
});
