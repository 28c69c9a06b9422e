import assert from "node:assert/strict";
import { test } from "node:test";
import { Report } from "../../../bench/frame/report.js";
import { bench } from "../../../bench/macro/leases.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";

test(
  "the benchmark of leases still works, and no acknowledged lease is lost",
  needs(root, tap, nft, command("cc", "gcc")),
  async () => {
    const report = new Report("leases", 1);
    report.progress = () => undefined;
    await bench.run({ smoke: true, rounds: 1 }, report);
    const ours = report.rows.filter(({ system }) => system === "tapnet");
    const figure = (metric: string): number | undefined => ours.find((row) => row.metric === metric)?.median;
    assert.ok((figure("acknowledged before kill -9") ?? 0) > 0);
    assert.equal(figure("lost by kill -9"), 0);
    const cases = new Set(ours.map((row) => row.case));
    assert.ok(cases.has("shared link, renewals, 8 open"));
    assert.ok(cases.has("20 TAPs, exchanges, 20 open"));
  },
);
