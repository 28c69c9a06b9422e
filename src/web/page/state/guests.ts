/** All guests: read once, then kept fresh by events, one guest at a time. */
import { signal } from "@preact/signals";
import type { EventView, GuestView } from "../../../control/views.js";
import { get } from "./api.js";
import { replaceGuests } from "./guest-table.js";

/** Undefined until they are read. */
export const guests = signal<readonly GuestView[] | undefined>(undefined);

/** Events come in swarms: a guest that attaches gets its leases in the same second. */
const GATHER_MS = 250;
/** More at a time are read as a whole. */
const MOST_SINGLE = 40;
/** Reading all of five thousand is megabytes: while many come and go, not more often. */
const ALL_AGAIN_MS = 10_000;

const changed = new Set<string>();
let timer: ReturnType<typeof setTimeout> | undefined;
let allReadMs = 0;
let reading: Promise<void> = Promise.resolve();

/** One reading at a time: of two answers the later one must be the newer. */
function inTurn(read: () => Promise<void>): Promise<void> {
  reading = reading.then(read, read);
  return reading;
}

export function loadGuests(): Promise<void> {
  return inTurn(readAll);
}

/** Keeps what an event is about fresh. */
export function noteGuestEvent({ kind, guest }: EventView): void {
  if (kind === "configuration.loaded") loadGuests().catch(() => undefined);
  if (guest === null || guests.value === undefined) return;
  changed.add(guest);
  refreshIn(GATHER_MS);
}

function refreshIn(waitMs: number): void {
  if (timer !== undefined) return;
  timer = setTimeout(() => {
    timer = undefined;
    // What fails is read when the connection is there again: everything is, then.
    inTurn(refresh).catch(() => undefined);
  }, waitMs);
}

async function refresh(): Promise<void> {
  if (changed.size <= MOST_SINGLE) {
    await readChanged();
    return;
  }
  const waitMs = allReadMs + ALL_AGAIN_MS - Date.now();
  if (waitMs > 0) refreshIn(waitMs);
  else await readAll();
}

async function readAll(): Promise<void> {
  allReadMs = Date.now();
  changed.clear();
  guests.value = await get<GuestView[]>("/v1/guests");
}

async function readChanged(): Promise<void> {
  const names = new Set(changed);
  // All were read meanwhile. Asked for none, the daemon would answer with all.
  if (names.size === 0) return;
  changed.clear();
  const query = [...names].map((name) => `guest=${encodeURIComponent(name)}`).join("&");
  const fresh = await get<GuestView[]>(`/v1/guests?${query}`);
  guests.value = replaceGuests(guests.value ?? [], names, fresh);
}
