import type { Measured } from "../../frame/rounds.js";

/** What `native/bench/dhcp-load.c` prints. */
export interface LoadResult {
  readonly exchanges: number;
  readonly renewals: number;
  readonly perSecond: number;
  readonly retries: number;
  readonly wrong: number;
  readonly duplicates: number;
  readonly offerP50Us: number;
  readonly offerP99Us: number;
  readonly ackP50Us: number;
  readonly ackP99Us: number;
}

/** The rows of one load: rate and latencies, and what the server's CPU did meanwhile. Throws where a reply was wrong. */
export function describeLoad(result: LoadResult, cpuUs: number): Measured[] {
  const { exchanges, renewals, wrong, duplicates, retries } = result;
  if (wrong + duplicates > 0) throw new Error(`${wrong} wrong replies, ${duplicates} addresses given twice`);
  const offers =
    exchanges === 0
      ? []
      : [
          { metric: "OFFER p50", unit: "µs", value: result.offerP50Us },
          { metric: "OFFER p99", unit: "µs", value: result.offerP99Us },
        ];
  return [
    { metric: "rate", unit: exchanges > 0 ? "exchanges/s" : "renewals/s", value: result.perSecond },
    ...offers,
    { metric: "ACK p50", unit: "µs", value: result.ackP50Us },
    { metric: "ACK p99", unit: "µs", value: result.ackP99Us },
    { metric: "CPU per lease", unit: "µs", value: cpuUs / (exchanges + renewals) },
    { metric: "messages sent again", unit: "messages", value: retries },
  ];
}
