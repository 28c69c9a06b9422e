/** What happens, as it happens. */
import { signal } from "@preact/signals";
import { formatLocal } from "../../../base/times.js";
import { EVENT_KINDS, type EventView } from "../../../control/views.js";
import { Empty, Panel } from "../parts/pieces.js";
import { counted } from "../parts/texts.js";
import { events, findEvents } from "../state/events.js";
import { formatRoute } from "../state/route.js";

const MOST_SHOWN = 200;

const search = signal("");
const kind = signal("");
/** What is shown while it is paused; undefined: it is not. */
const held = signal<readonly EventView[] | undefined>(undefined);

export function EventsPage() {
  const all = held.value ?? events.value;
  const found = findEvents(all, kind.value, search.value);
  const waiting = held.value === undefined ? 0 : waitingSince(events.value, held.value);
  const groups = [...new Set(EVENT_KINDS.map((known) => known.split(".", 1)[0]))];
  return (
    <>
      <h1>Events</h1>
      <div class="filters">
        <input
          type="search"
          placeholder="Guest, address, words…  ( / )"
          aria-label="search events"
          value={search.value}
          onInput={(event) => {
            search.value = event.currentTarget.value;
          }}
        />
        <select
          aria-label="kind"
          value={kind.value}
          onChange={(event) => {
            kind.value = event.currentTarget.value;
          }}
        >
          <option value="">all kinds</option>
          {[...groups, ...EVENT_KINDS].sort().map((known) => (
            <option key={known} value={known}>
              {known}
            </option>
          ))}
        </select>
        <button
          type="button"
          class="quiet"
          aria-pressed={held.value !== undefined}
          onClick={() => {
            held.value = held.value === undefined ? events.value : undefined;
          }}
        >
          {held.value === undefined ? "Pause" : `Go on${waiting > 0 ? ` (${waiting} new)` : ""}`}
        </button>
        <span class="muted">{counted(found.length, "event")}</span>
      </div>
      <Panel class="panel-flush">
        {found.length === 0 ? (
          <Empty title={all.length === 0 ? "Nothing has happened since tapnet web was started." : "No event is like that."}>
            {all.length === 0 && <p>Guests that come and go, leases and reloads appear here by themselves.</p>}
          </Empty>
        ) : (
          <EventLines events={found.slice(0, MOST_SHOWN)} />
        )}
      </Panel>
    </>
  );
}

/** How many are newer than what is held: the newest come first. */
export function waitingSince(all: readonly EventView[], before: readonly EventView[]): number {
  const index = before.length === 0 ? all.length : all.indexOf(before[0]);
  return index < 0 ? all.length : index;
}

/** The guest's name in it leads to the guest. */
function Sentence(props: { event: EventView }) {
  const { guest, message } = props.event;
  const at = guest === null ? -1 : message.indexOf(guest);
  if (guest === null || at < 0) return <>{message}</>;
  return (
    <>
      {message.slice(0, at)}
      <a href={formatRoute("guests", guest)}>{guest}</a>
      {message.slice(at + guest.length)}
    </>
  );
}

export function EventLines(props: { events: readonly EventView[] }) {
  return (
    <ol class="events">
      {props.events.map((event) => (
        <li key={`${event.at} ${event.kind} ${event.message}`}>
          <time dateTime={event.at}>{formatLocal(event.at)?.slice(11)}</time>
          <span class={`kind kind-${event.kind.replaceAll(".", "-")}`}>{event.kind}</span>
          <span class="event-text">
            <Sentence event={event} />
          </span>
        </li>
      ))}
    </ol>
  );
}
