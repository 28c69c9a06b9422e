/**
 * Thousands of clients on a lossy, reordering link, a server that crashes and restarts at any point, a disk that fails: never an
 * address with two owners, never an ACK without a stored lease, and everybody bound at the end. One seed is one story:
 * `TAPNET_SIM_SEED=7 TAPNET_SIM_CLIENTS=5000 TAPNET_SIM_MINUTES=240 node --test dist/test/sim/dhcp4/leases.test.js`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "./world.js";

const SEEDS = process.env["TAPNET_SIM_SEED"] === undefined ? [1, 2, 3] : [Number(process.env["TAPNET_SIM_SEED"])];
const CLIENTS = Number(process.env["TAPNET_SIM_CLIENTS"] ?? 500);
const MINUTES = Number(process.env["TAPNET_SIM_MINUTES"] ?? 60);

for (const seed of SEEDS) {
  test(`${CLIENTS} clients through ${MINUTES} bad minutes, seed ${seed}`, async (t) => {
    const world = new World(seed, CLIENTS);
    await world.run(MINUTES);
    const { counts, disk } = world;
    t.diagnostic(`${JSON.stringify(counts)}, ${disk.saves} saves, ${disk.failures} failed`);
    assert.ok(counts.crashes >= MINUTES / 12 && disk.failures > 0 && counts.acks > CLIENTS);
    assert.equal(world.believers, CLIENTS);
  });
}

test("canary: a server that does not wait for its disk is found out", async () => {
  await assert.rejects(new World(1, 50, true).run(10), /without a stored lease/);
});
