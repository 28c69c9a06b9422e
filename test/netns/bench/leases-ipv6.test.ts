import assert from "node:assert/strict";
import { test } from "node:test";
import { Report } from "../../../bench/frame/report.js";
import { bench } from "../../../bench/macro/leases-ipv6.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";

test(
  "the benchmark of DHCPv6 leases still works: every reply is right, and no lease is lost by kill -9",
  needs(root, tap, nft, command("cc", "gcc"), command("perfdhcp", "kea-admin"), command("strace")),
  async () => {
    const report = new Report("leases-ipv6", 1);
    report.progress = () => undefined;
    await bench.run({ smoke: true, rounds: 1 }, report);
    const ours = report.rows.filter(({ system }) => system === "tapnet");
    const medians = (metric: string) => ours.filter((row) => row.metric === metric).map(({ median }) => median);
    assert.deepEqual(medians("lost by kill -9"), [0]);
    assert.ok(medians("rate").every((rate) => rate > 0));
    assert.equal(medians("rate").length, 3);
  },
);
