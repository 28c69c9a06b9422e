/** One guest floods a real daemon with DISCOVERs of random hardware addresses; another one asks meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { resultOf } from "../../../bench/frame/load.js";
import { loadProgram } from "../../../bench/frame/load-program.js";
import { Daemon } from "../../support/daemon.js";
import { Lab } from "../../support/lab.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { attachVeth } from "../../support/port.js";

const FRAMES = 300_000;
/** Within what a guest may ask at once. */
const EXCHANGES = 20;

test(
  "a guest that floods gets one address; another is served meanwhile",
  needs(root, tap, nft, command("cc", "gcc")),
  async (t) => {
    const lab = new Lab(t);
    const server = await lab.host("server", { forwarding: true });
    const [bad, good] = [await lab.host("bad"), await lab.host("good")];
    const daemon = await new Daemon(server, "networks:\n  default: { kind: nat, ipv4: 10.77.0.0/24 }\n").start();
    await attachVeth(server, bad, "52:54:00:00:00:01");
    await attachVeth(server, good, "52:54:00:00:00:02");
    const program = await loadProgram("dhcp-load");
    const flood = bad.start([...script("test/netns/dhcp4/flood"), "eth0", String(FRAMES)]);
    const words = ["--clients", "1", "--exchanges", String(EXCHANGES), "--window", "1", "--retry", "5000", "--seconds", "30"];
    const result = await resultOf<{ exchanges: number; retries: number; ackP99Us: number }>(
      good.start([program, "--interface", "eth0", ...words]),
    );
    await flood.waitFor(/^sent/m, 60_000);
    assert.equal(result.exchanges, EXCHANGES);
    assert.equal(result.retries, 0, "nothing of the other guest's was lost");
    const states = async (state: string): Promise<number> =>
      ((await daemon.tapnet("lease", "list", "--state", state)) as unknown[]).length;
    assert.deepEqual([await states("offered"), await states("bound")], [1, 1]);
    t.diagnostic(`beside ${FRAMES} DISCOVERs, 99 of 100 ACKs came within ${(result.ackP99Us / 1000).toFixed(1)} ms`);
  },
);
