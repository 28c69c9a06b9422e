/** One way for frames from guest A to guest B: what is between them is what is measured. */
import type { Host } from "../../../test/support/lab.js";
import { addressOf, macOf } from "../../frame/guests.js";
import { runLoad } from "../../frame/load.js";
import type { Measured, System } from "../../frame/rounds.js";

/** The two guests whose VMMs the load plays. */
export const GUEST = { a: 1, b: 2 } as const;

export interface Workload {
  /** How many guests are attached while it is measured, the two included. */
  readonly attached: number;
  readonly mode: "rate" | "one-core" | "trip";
  readonly bytes: number;
  readonly busy?: boolean;
  /** Each frame begins a connection; with `one-core`. */
  readonly fresh?: boolean;
  readonly seconds: number;
}

/** What a way is opened with for one measurement. */
export interface Ends {
  readonly host: Host;
  /** Ports as `native/bench/frame-port.h` has them: `vnet:tn-b1`, `stream:/path`. */
  readonly a: string;
  readonly b: string;
  /** Where A sends its frames to, and B its answers. */
  readonly hopOfA: string;
  readonly hopOfB: string;
  /** Run with the name of each TAP once the load has made it. */
  readonly hook?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Where B is, and where it finds A, if not at its own address. */
  readonly addressOfB?: string;
  readonly back?: string;
  /** Undoes what was opened for this measurement. */
  close(): Promise<void>;
}

/** Whether a way can carry this at all. */
export type Fits = (workload: Workload) => boolean;

/** Of smaller frames people want to know how many there are, of larger ones how much they carry. */
const LEAST_OF_BULK_BYTES = 1000;

interface Rate {
  readonly framesPerSecond: number;
  readonly gbitPerSecond: number;
  readonly lost: number;
}
interface OneCore {
  readonly nsPerFrame: number;
  readonly cpuNsPerFrame: number;
}
interface Trip {
  readonly trips: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

export class Way implements System<Workload> {
  readonly name: string;
  readonly #open: (workload: Workload) => Promise<Ends>;
  readonly #fits: Fits;

  constructor(name: string, open: (workload: Workload) => Promise<Ends>, fits: Fits = () => true) {
    this.name = name;
    this.#open = open;
    this.#fits = fits;
  }

  async measure(workload: Workload): Promise<readonly Measured[]> {
    if (!this.#fits(workload)) return [];
    const ends = await this.#open(workload);
    try {
      return await measureBetween(ends, workload);
    } catch (thrown) {
      throw new Error(`${this.name}: nothing came through`, { cause: thrown });
    } finally {
      await ends.close();
    }
  }
}

async function measureBetween(ends: Ends, { mode, bytes, busy, fresh, seconds }: Workload): Promise<readonly Measured[]> {
  const words = [
    ...["--a", [ends.a, macOf(GUEST.a), addressOf(GUEST.a), ends.hopOfA].join(",")],
    ...["--b", [ends.b, macOf(GUEST.b), ends.addressOfB ?? addressOf(GUEST.b), ends.hopOfB].join(",")],
    ...["--mode", mode, "--bytes", String(bytes), "--seconds", String(seconds), "--warm", String(seconds / 2)],
    ...(busy === true ? ["--busy"] : []),
    ...(fresh === true ? ["--fresh"] : []),
    ...(ends.hook === undefined ? [] : ["--hook", ends.hook]),
    ...(ends.back === undefined ? [] : ["--back", ends.back]),
  ];
  const load = <Line>(): Promise<Line> => runLoad<Line>(ends.host, "forward-load", words, ends.env);
  switch (mode) {
    case "rate": {
      const { framesPerSecond, gbitPerSecond, lost } = await load<Rate>();
      return [
        bytes < LEAST_OF_BULK_BYTES
          ? { metric: "rate", unit: "frames/s", value: framesPerSecond }
          : { metric: "throughput", unit: "Gbit/s", value: gbitPerSecond },
        { metric: "lost", unit: "frames", value: lost },
      ];
    }
    case "one-core": {
      const { nsPerFrame, cpuNsPerFrame } = await load<OneCore>();
      return [
        { metric: "cost", unit: "ns/frame", value: nsPerFrame },
        { metric: "CPU of it", unit: "ns/frame", value: cpuNsPerFrame },
      ];
    }
    case "trip": {
      const { p50Us, p99Us, p999Us } = await load<Trip>();
      return [
        { metric: "round trip, p50", unit: "µs", value: p50Us },
        { metric: "round trip, p99", unit: "µs", value: p99Us },
        { metric: "round trip, p99.9", unit: "µs", value: p999Us },
      ];
    }
  }
}
