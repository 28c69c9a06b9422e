/** The frame around every view: where one is, whose daemon it is, and what is wrong with the connection. */
import { useEffect } from "preact/hooks";
import { NoticeBar, QuestionDialog } from "./parts/dialog.js";
import { session, trouble } from "./state/api.js";
import { status } from "./state/pulse.js";
import { formatRoute, route, VIEWS, type View } from "./state/route.js";
import { DnsPage } from "./views/dns.js";
import { EventsPage } from "./views/events.js";
import { ForwardsPage } from "./views/forwards.js";
import { GuestPage } from "./views/guest.js";
import { GuestsPage } from "./views/guests.js";
import { LeasesPage } from "./views/leases.js";
import { NetworksPage } from "./views/networks.js";
import { Overview } from "./views/overview.js";

const TITLES: Readonly<Record<View, string>> = {
  overview: "Overview",
  guests: "Guests",
  networks: "Networks",
  leases: "Leases",
  dns: "DNS",
  forwards: "Forwards",
  events: "Events",
};

export function App() {
  const { view, what } = route.value;
  const host = session.value?.host;
  useEffect(() => {
    document.title = `${what ?? TITLES[view]} · ${host === undefined ? "tapnet" : `tapnet on ${host}`}`;
  }, [view, what, host]);
  useEffect(searchBySlash, []);
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        Skip to the content
      </button>
      <Side />
      <div class="main">
        <TroubleBanner />
        <main id="content" tabIndex={-1}>
          <Shown />
        </main>
      </div>
      <QuestionDialog />
      <NoticeBar />
    </>
  );
}

/** No anchor: what is behind the `#` says the view. */
function skip(): void {
  document.getElementById("content")?.focus();
}

/** `/` leads into the search of a view, as in many programs. */
function searchBySlash(): () => void {
  const onKey = (event: KeyboardEvent): void => {
    const { target } = event;
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
      return;
    const search = document.querySelector<HTMLInputElement>("input[type=search]");
    if (search === null) return;
    event.preventDefault();
    search.focus();
    search.select();
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}

function Side() {
  const { view: shown } = route.value;
  const about = session.value;
  return (
    <header class="side">
      <a class="brand" href={formatRoute("overview")}>
        <img src="/icon.svg" alt="" width="28" height="28" />
        <span>
          <b>tapnet</b>
          <small>{about?.host ?? ""}</small>
        </span>
      </a>
      <nav aria-label="views">
        {VIEWS.map((view) => (
          <a key={view} href={formatRoute(view)} aria-current={view === shown ? "page" : undefined}>
            {TITLES[view]}
          </a>
        ))}
      </nav>
      <footer class="side-foot">
        {about?.readOnly === true && <span class="chip">read-only</span>}
        <span>{status.value === undefined ? "" : `tapnetd ${status.value.version}`}</span>
        <a href="/licenses.txt">licenses</a>
      </footer>
    </header>
  );
}

/** One view at a time; a guest's is another for each guest. */
function Shown() {
  const { view, what } = route.value;
  // Without a key there is nothing to show, and nothing that would come by waiting.
  if (trouble.value?.kind === "key") return null;
  switch (view) {
    case "overview":
      return <Overview />;
    case "guests":
      return what === undefined ? <GuestsPage /> : <GuestPage key={what} name={what} />;
    case "networks":
      return <NetworksPage />;
    case "leases":
      return <LeasesPage />;
    case "dns":
      return <DnsPage />;
    case "forwards":
      return <ForwardsPage />;
    case "events":
      return <EventsPage />;
  }
}

export function TroubleBanner() {
  const wrong = trouble.value;
  return (
    <div role="alert" class="trouble-place">
      {wrong !== undefined && (
        <div class={`trouble trouble-${wrong.kind}`}>
          {wrong.kind === "key" ? (
            <p>
              <b>This page needs its key.</b> Open the URL that <code>tapnet web</code> has printed; it is another each time.
            </p>
          ) : (
            <p>
              <b>{wrong.kind === "lost" ? "Connection lost." : "tapnetd cannot be asked."}</b> {wrong.message}{" "}
              <span class="muted">What is shown is from before; trying again.</span>
            </p>
          )}
        </div>
      )}
    </div>
  );
}
