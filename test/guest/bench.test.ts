import assert from "node:assert/strict";
import { test } from "node:test";
import { Report } from "../../bench/frame/report.js";
import { bench } from "../../bench/macro/boot.js";
import { command, needs, nft, qemu, root, tap } from "../support/needs.js";

test("the benchmark of boots still works", needs(root, tap, nft, qemu, command("tcpdump")), async () => {
  const report = new Report("boot", 1);
  report.progress = () => undefined;
  await bench.run({ smoke: true, rounds: 1 }, report);
  assert.ok(report.rows.some(({ system, median }) => system === "tapnet" && median > 0));
});
