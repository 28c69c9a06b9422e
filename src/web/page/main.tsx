/** Starts the page. */
import { render } from "preact";
import { App } from "./app.js";
import { loadSession } from "./state/api.js";
import { noteEvent } from "./state/events.js";
import { loadGuests, noteGuestEvent } from "./state/guests.js";
import { loadLists, noteListEvent } from "./state/lists.js";
import { poll } from "./state/polling.js";
import { loadStatus, status } from "./state/pulse.js";
import { followRoute } from "./state/route.js";
import { followEvents } from "./state/stream.js";

const STATUS_MS = 2000;
/** The daemon sums up the counters of all its sockets for it: of five thousand guests 7 ms. */
const MS_PER_GUEST = 1;

function loadAll(): void {
  // What fails is asked again by the views, and `trouble` says why.
  loadGuests().catch(() => undefined);
  loadLists();
}

followRoute();
loadSession().catch(() => undefined);
loadAll();
followEvents({
  onEvent(event) {
    noteEvent(event);
    noteGuestEvent(event);
    noteListEvent(event);
  },
  onGap: loadAll,
});
poll(loadStatus, () => STATUS_MS + MS_PER_GUEST * (status.value?.guests.attached ?? 0));

const place = document.getElementById("page");
if (place !== null) render(<App />, place);
