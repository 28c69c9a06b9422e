/** How the daemon itself is doing: its status, and rates of what it answers. */
import { signal } from "@preact/signals";
import type { StatusView } from "../../../control/views.js";
import { get } from "./api.js";
import { Series } from "./rates.js";

const MOST_POINTS = 120;

export const status = signal<StatusView | undefined>(undefined);
let rates = new Series(3, MOST_POINTS);

/** Questions a second; of them answered from here; DHCP messages a second. It grows with each status. */
export function pulse(): Series {
  return rates;
}

export async function loadStatus(abort?: AbortSignal): Promise<void> {
  takeStatus(await get<StatusView>("/v1/status", abort), Date.now());
}

export function takeStatus(view: StatusView, atMs: number): void {
  // Another daemon counts anew, maybe from a number that is larger by chance.
  const isOther = status.value !== undefined && status.value.startedAt !== view.startedAt;
  if (isOther) rates = new Series(3, MOST_POINTS);
  const { dns = {}, dhcp4 = {}, dhcp6 = {} } = view.counters;
  rates.add({ atMs, counts: [dns["questions"] ?? 0, answeredHere(dns), messages(dhcp4) + messages(dhcp6)] });
  status.value = view;
}

type Counts = Readonly<Record<string, number>>;

function answeredHere(dns: Counts): number {
  return ["local", "cached", "stale"].reduce((sum, name) => sum + (dns[name] ?? 0), 0);
}

function messages(dhcp: Counts): number {
  const names = ["discover", "request", "release", "decline", "inform", "solicit", "renew", "rebind", "confirm"];
  return names.reduce((sum, name) => sum + (dhcp[name] ?? 0), 0);
}

/** Of the questions that upstreams would have to answer, the share that the cache did; undefined where there was none. */
export function cacheShare(dns: Counts): number | undefined {
  const cached = (dns["cached"] ?? 0) + (dns["stale"] ?? 0);
  const all = cached + (dns["forwarded"] ?? 0);
  return all === 0 ? undefined : cached / all;
}
