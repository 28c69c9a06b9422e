import { readFileSync } from "node:fs";

export interface LinkCounter {
  readonly packets: number;
  readonly bytes: number;
}

/** What has come in by a link, and gone out, since it was made. */
export interface LinkCounters {
  readonly received: LinkCounter;
  readonly sent: LinkCounter;
}

/** Fields of a line of /proc/net/dev after the name. */
const FIELD = { receivedBytes: 0, receivedPackets: 1, sentBytes: 8, sentPackets: 9 } as const;

/** Counters of all links of this network namespace, by name: the kernel counts anyway, so nobody pays for it. */
export function linkCounters(path = "/proc/self/net/dev"): Map<string, LinkCounters> {
  const counters = new Map<string, LinkCounters>();
  for (const line of readFileSync(path, "latin1").split("\n")) {
    const match = /^\s*(\S+):\s*(\d.*)$/.exec(line);
    if (match === null) continue;
    const numbers = match[2].trim().split(/\s+/).map(Number);
    counters.set(match[1], {
      received: { packets: numbers[FIELD.receivedPackets], bytes: numbers[FIELD.receivedBytes] },
      sent: { packets: numbers[FIELD.sentPackets], bytes: numbers[FIELD.sentBytes] },
    });
  }
  return counters;
}
