import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { writePlots } from "../../../bench/frame/plot.js";
import { Report } from "../../../bench/frame/report.js";
import { bench } from "../../../bench/macro/forwarding.js";
import { command, needs, nft, qemu, root, tap } from "../../support/needs.js";

test(
  "the benchmark of forwarding still works: every way carries frames, and its plots can be drawn",
  needs(root, tap, nft, qemu, command("iperf3"), command("cpio"), command("cc", "gcc")),
  async (t) => {
    const report = new Report("forwarding", 1);
    report.progress = () => undefined;
    await bench.run({ smoke: true, rounds: 1 }, report);
    assert.deepEqual(report.missing, []);
    const systems = new Set(report.rows.map(({ system }) => system));
    const kernel = ["Linux bridge", "kernel route", "tapnet", "tapnet, network with NAT", "tapnet, through NAT"];
    const user = ["tapnet user, dgram", "tapnet user, stream", "tapnet user, TAP"];
    for (const system of [...kernel, ...user, "C forwarder, dgram", "C forwarder, stream", "naive Node, stream"]) {
      assert.ok(systems.has(system), system);
    }
    assert.ok(report.rows.some(({ case: name, median }) => name.startsWith("iperf3") && median > 0));
    const idle = report.rows.filter(({ metric, median }) => metric !== "lost" && median <= 0);
    assert.deepEqual(idle, []);

    const folder = mkdtempSync(join(tmpdir(), "tapnet-plots-"));
    t.after(() => rmSync(folder, { recursive: true }));
    writePlots(report, folder);
    assert.ok(existsSync(join(folder, "forwarding-64-b-two-cores-2-attached-rate.svg")), readdirSync(folder).join(" "));
    for (const name of readdirSync(folder)) assert.match(readFileSync(join(folder, name), "utf8"), /^<svg [\s\S]*<\/svg>\n$/);
  },
);
