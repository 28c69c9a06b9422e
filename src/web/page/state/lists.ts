/** The shorter lists: read when a view shows them, again when an event touches them, and after a change from here. */
import { type Signal, signal } from "@preact/signals";
import type { EventView, ForwardView, LeaseView, NetworkView } from "../../../control/views.js";
import { get } from "./api.js";

export interface List<Value> {
  /** Undefined until it is read. */
  readonly value: Signal<readonly Value[] | undefined>;
  load(): Promise<void>;
  /** Reads it again soon, if it is read at all. */
  touch(): void;
}

/** While leases come by the thousand the list is not read more often. */
const AGAIN_MS = 3000;

function list<Value>(path: string): List<Value> {
  const value = signal<readonly Value[] | undefined>(undefined);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> | undefined;
  const read = async (): Promise<void> => {
    try {
      value.value = await get<Value[]>(path);
    } finally {
      running = undefined;
    }
  };
  const load = (): Promise<void> => {
    running ??= read();
    return running;
  };
  const touch = (): void => {
    if (value.value === undefined || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      load().catch(() => undefined);
    }, AGAIN_MS);
  };
  return { value, load, touch };
}

export const networks = list<NetworkView>("/v1/networks");
export const leases = list<LeaseView>("/v1/leases?state=bound");
export const forwards = list<ForwardView>("/v1/forwards");

export function noteListEvent({ kind }: EventView): void {
  if (kind.startsWith("lease.") || kind === "configuration.loaded") leases.touch();
  if (kind.startsWith("guest.") || kind === "configuration.loaded") forwards.touch();
  networks.touch();
}

export function loadLists(): void {
  for (const each of [networks, leases, forwards]) each.touch();
}
