import type { Measured } from "../../frame/rounds.js";

export type LoadKind = "exchanges" | "renewals";

/** What `native/bench/dhcp-load.c` prints. */
export interface LoadResult {
  readonly exchanges: number;
  readonly renewals: number;
  readonly perSecond: number;
  readonly retries: number;
  readonly wrong: number;
  readonly duplicates: number;
  readonly naks: number;
  readonly offerP50Us: number;
  readonly offerP99Us: number;
  readonly ackP50Us: number;
  readonly ackP99Us: number;
}

/**
 * The rows of one load: rate and latencies, and what the server's CPU did meanwhile. A server too slow to end a single
 * exchange has the rate 0 and no latencies. Throws where a reply was wrong.
 */
export function describeLoad(kind: LoadKind, result: LoadResult, cpuUs: number): Measured[] {
  const { exchanges, renewals, wrong, duplicates, retries } = result;
  if (wrong + duplicates > 0) throw new Error(`${wrong} wrong replies, ${duplicates} addresses given twice`);
  const done = exchanges + renewals;
  const rows = [
    { metric: "rate", unit: `${kind}/s`, value: result.perSecond },
    { metric: "messages sent again", unit: "messages", value: retries },
  ];
  if (kind === "exchanges" && done > 0) {
    rows.push({ metric: "OFFER p50", unit: "µs", value: result.offerP50Us });
    rows.push({ metric: "OFFER p99", unit: "µs", value: result.offerP99Us });
  }
  if (done > 0) {
    rows.push({ metric: "ACK p50", unit: "µs", value: result.ackP50Us });
    rows.push({ metric: "ACK p99", unit: "µs", value: result.ackP99Us });
    rows.push({ metric: "CPU per lease", unit: "µs", value: cpuUs / done });
  }
  return rows;
}
