/**
 * Frames from one guest to another: how many, how fast, at what cost, through the kernel and through forwarders in user space.
 *
 * The two guests' VMMs are played by `native/bench/forward-load.c`, which counts only what came out at the other end. Every way has a
 * namespace of its own, and one more with a thousand guests attached beside the two.
 */
import { Lab } from "../../test/support/lab.js";
import type { Bench } from "../frame/bench.js";
import { programVersion } from "../frame/machine.js";
import type { Report } from "../frame/report.js";
import { runRounds } from "../frame/rounds.js";
import { measureGuests } from "./forwarding/guests.js";
import { KernelWays } from "./forwarding/kernel-ways.js";
import { socketWays } from "./forwarding/socket-ways.js";
import type { Workload } from "./forwarding/way.js";

/** 45 segments of 1,448 bytes and the headers: what a guest hands over as one frame. */
const SEGMENT_BYTES = 65_214;

interface Shape {
  readonly name: string;
  readonly workload: Omit<Workload, "attached" | "seconds">;
  /** Measured with many guests attached, too. */
  readonly many?: boolean;
  /** Of each way to measure one is in the size of the tests. */
  readonly inSmoke?: boolean;
}

const SHAPES: readonly Shape[] = [
  { name: "64 B, two cores", workload: { mode: "rate", bytes: 64 }, many: true, inSmoke: true },
  { name: "64 B, one core", workload: { mode: "one-core", bytes: 64 }, many: true },
  { name: "1,514 B, two cores", workload: { mode: "rate", bytes: 1514 } },
  { name: "64 KB segments, two cores", workload: { mode: "rate", bytes: SEGMENT_BYTES } },
  { name: "64 KB segments, one core", workload: { mode: "one-core", bytes: SEGMENT_BYTES }, inSmoke: true },
  { name: "round trip, busy", workload: { mode: "trip", bytes: 64, busy: true }, many: true },
  { name: "round trip, blocking", workload: { mode: "trip", bytes: 64 }, inSmoke: true },
];

interface Size {
  readonly many: number;
  readonly seconds: number;
}

const FULL: Size = { many: 1000, seconds: 0.5 };
/** Longer than a busy machine leaves a program waiting: something must come through. */
const SMOKE: Size = { many: 5, seconds: 0.2 };

export const bench: Bench = {
  about: "frames from guest to guest, with the Linux bridge, kernel routes, and forwarders in user space",
  rounds: 5,
  async run(size, report) {
    const { many, seconds } = size.smoke ? SMOKE : FULL;
    noteVersions(report);
    const lab = new Lab();
    const kernel = new KernelWays(lab);
    try {
      const systems = [...kernel.ways, ...socketWays(lab)];
      const shapes = size.smoke ? SHAPES.filter(({ inSmoke }) => inSmoke === true) : SHAPES;
      const cases = shapes.flatMap((shape) =>
        (shape.many === true ? [2, many] : [2]).map((attached) => ({
          name: `${shape.name}, ${attached.toLocaleString("en")} attached`,
          workload: { ...shape.workload, attached, seconds },
        })),
      );
      await runRounds({ cases, systems }, size, report);
      await kernel.end();
      await measureGuests(lab, size, report);
    } finally {
      await lab.dispose();
    }
  },
};

function noteVersions(report: Report): void {
  report.versions["iproute2"] = /iproute2-([\d.]+)/.exec(programVersion("ip", "-Version") ?? "")?.[1] ?? "unknown";
  report.versions["nft"] = programVersion("nft", "--version") ?? "unknown";
}
