/**
 * What one more guest with `egress:` and `ingress:` costs the packet filter, where so many guests with lists are there already;
 * with one list for all, and with one for each. No rival does this by elements, so there is none.
 */
import { Lab } from "../../test/support/lab.js";
import { script } from "../../test/support/paths.js";
import type { Bench } from "../frame/bench.js";
import { type Measured, runRounds, type System } from "../frame/rounds.js";

interface Workload {
  readonly guests: number;
  readonly lists: number;
}

const FULL: readonly Workload[] = [10, 1000, 10_000].flatMap((guests) => [
  { guests, lists: 1 },
  { guests, lists: Math.min(guests, 1000) },
]);
const SMOKE: readonly Workload[] = [{ guests: 10, lists: 2 }];
const PLACE_MS = 120_000;

export const bench: Bench = {
  about: "lists of rules: one more guest among many that have them",
  rounds: 5,
  async run(size, report) {
    const lab = new Lab();
    try {
      const host = await lab.host("rules");
      const ours: System<Workload> = {
        name: "tapnet",
        async measure({ guests, lists }): Promise<readonly Measured[]> {
          const command = [...script("bench/macro/rules/place"), String(guests), String(lists)];
          const { status, stdout, stderr } = await host.run(command, { timeoutMs: PLACE_MS });
          if (status !== 0) throw new Error(`with ${guests} guests: ${stderr}`);
          const { put, remove } = JSON.parse(stdout) as { put: number; remove: number };
          return [
            { metric: "one guest more", unit: "µs", value: put },
            { metric: "one guest less", unit: "µs", value: remove },
          ];
        },
      };
      const cases = (size.smoke ? SMOKE : FULL).map((workload) => ({
        name: `${workload.guests} guests, ${workload.lists} lists`,
        workload,
      }));
      await runRounds({ cases, systems: [ours] }, size, report);
    } finally {
      await lab.dispose();
    }
  },
};
