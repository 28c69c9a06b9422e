/** What guests send and receive, for those that are shown. */
import { signal } from "@preact/signals";
import type { GuestTrafficView, TrafficListView } from "../../../control/views.js";
import { get } from "./api.js";
import { Series } from "./rates.js";

/** An hour of seconds, for the chart; 2 × 8 bytes each. */
const MOST_POINTS = 3600;
/** Guests that were looked at; the rest of a large list is not kept. */
const MOST_SERIES = 256;
/** A series with a hole in it begins anew: a rate over minutes says nothing of now. */
const MOST_PAUSE_MS = 60_000;

export interface GuestTraffic {
  readonly series: Series;
  readonly now: GuestTrafficView;
}

const known = new Map<string, { series: Series; now: GuestTrafficView }>();
/** Grows with each answer: who reads it is drawn again. */
export const trafficTurn = signal(0);
/** Packets that were dropped on the host's networks, by why. */
export const dropped = signal<TrafficListView["dropped"] | undefined>(undefined);

export function portKey(guest: string, network: string): string {
  return `${guest}\n${network}`;
}

/** Undefined where nothing has been asked yet. */
export function trafficOf(guest: string, network: string): GuestTraffic | undefined {
  return known.get(portKey(guest, network));
}

/** Bytes a second, sent and received; zero where they are not known. */
export function ratesOf(guest: string, network: string): readonly [sent: number, received: number] {
  const [sent = 0, received = 0] = trafficOf(guest, network)?.series.latest ?? [];
  return [sent, received];
}

/** Asks for the counters of these guests; undefined: of all. */
export async function loadTraffic(names: readonly string[] | undefined, abort?: AbortSignal): Promise<void> {
  if (names?.length === 0) return;
  const query = names?.map((name) => `guest=${encodeURIComponent(name)}`).join("&");
  takeTraffic(await get<TrafficListView>(query === undefined ? "/v1/traffic" : `/v1/traffic?${query}`, abort));
}

export function takeTraffic(view: TrafficListView): void {
  const atMs = Date.parse(view.at);
  for (const now of view.guests) {
    const key = portKey(now.guest, now.network);
    const before = known.get(key);
    const goesOn = before !== undefined && atMs - before.series.lastMs < MOST_PAUSE_MS;
    const series = goesOn ? before.series : new Series(2, MOST_POINTS);
    series.add({ atMs, counts: [now.sent.bytes, now.received.bytes] });
    // Moved to the end: those at the front have not been looked at for the longest.
    known.delete(key);
    known.set(key, { series, now });
  }
  const most = Math.max(MOST_SERIES, view.guests.length);
  for (const key of known.keys()) {
    if (known.size <= most) break;
    known.delete(key);
  }
  dropped.value = view.dropped;
  trafficTurn.value++;
}
