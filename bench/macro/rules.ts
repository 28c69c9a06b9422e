/**
 * What lists of rules and forwards cost where there are many of them: one more guest with `egress:` and `ingress:` by itself, with one list
 * for all and with one for each; and on a whole host (`rules/crowd.ts`) a frame, an attach, a forward that is added while it runs, and
 * a start. No rival does this by elements, so there is none: many are compared with few.
 */
import { Lab } from "../../test/support/lab.js";
import { script } from "../../test/support/paths.js";
import type { Bench } from "../frame/bench.js";
import { type Measured, runRounds, type System } from "../frame/rounds.js";
import { Crowd, type Workload as CrowdWorkload } from "./rules/crowd.js";

interface Workload {
  readonly guests: number;
  readonly lists: number;
}

const FULL: readonly Workload[] = [10, 1000, 10_000].flatMap((guests) => [
  { guests, lists: 1 },
  { guests, lists: guests },
]);
const SMOKE: readonly Workload[] = [{ guests: 10, lists: 2 }];
const PLACE_MS = 120_000;

const CROWDS = { full: [10, 10_000], smoke: [3, 5] } as const;
/** What a fresh load has source ports for. */
const FRESH_SECONDS = 0.1;

function crowdCases(seconds: number): { name: string; workload: CrowdWorkload }[] {
  const frames = (["address", "forward"] as const).flatMap((by) => [
    { name: `64 B by ${by}, of one connection`, workload: { what: "frame", by, seconds } as const },
    { name: `64 B by ${by}, each begins one`, workload: { what: "frame", by, fresh: true, seconds: FRESH_SECONDS } as const },
  ]);
  return [
    ...frames,
    { name: "attach", workload: { what: "attach" } },
    { name: "forward while it runs", workload: { what: "forward" } },
    { name: "start of the daemon", workload: { what: "start" } },
  ];
}

export const bench: Bench = {
  about: "lists of rules and forwards: what many cost a frame, an attach and each other",
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

      const wanted = crowdCases(size.smoke ? 0.05 : 0.5).filter(
        ({ name }) => size.only === undefined || name.includes(size.only),
      );
      if (wanted.length === 0) return;
      const crowds: Crowd[] = [];
      for (const most of CROWDS[size.smoke ? "smoke" : "full"]) {
        report.progress(`${report.bench}: attaching ${most} guests`);
        crowds.push(await Crowd.make(lab, most));
      }
      await runRounds({ cases: wanted, systems: crowds }, size, report);
      for (const crowd of crowds) await crowd.end();
    } finally {
      await lab.dispose();
    }
  },
};
