/** What has happened since the server was started, as far as it is kept: the newest first. */
import { signal } from "@preact/signals";
import type { EventView } from "../../../control/views.js";

const MOST_EVENTS = 1000;
/** Many come in one piece when a page comes back: they are shown together. */
const GATHER_MS = 100;

export const events = signal<readonly EventView[]>([]);

let gathered: EventView[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;

export function noteEvent(event: EventView): void {
  gathered.push(event);
  if (timer !== undefined) return;
  timer = setTimeout(() => {
    events.value = [...gathered.reverse(), ...events.value].slice(0, MOST_EVENTS);
    gathered = [];
    timer = undefined;
  }, GATHER_MS);
}

/** Those of a kind (`lease` for all of `lease.*`) in which the words occur. */
export function findEvents(all: readonly EventView[], kind: string, search: string): readonly EventView[] {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (kind === "" && words.length === 0) return all;
  return all.filter((event) => {
    if (kind !== "" && event.kind !== kind && !event.kind.startsWith(`${kind}.`)) return false;
    const text = `${event.kind} ${event.message} ${event.guest ?? ""} ${event.network ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
