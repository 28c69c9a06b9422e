/** Which view is shown: `#/guests/web1`. */
import { signal } from "@preact/signals";
import { splitFragment } from "./key.js";

export const VIEWS = ["overview", "guests", "networks", "leases", "dns", "forwards", "events"] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
  readonly view: View;
  /** What of the view: a guest. */
  readonly what: string | undefined;
  readonly query: Readonly<Record<string, string>>;
}

/** An unknown path is the overview. */
export function parseRoute(fragment: string): Route {
  const [path, search = ""] = fragment.replace(/^#\/?/, "").split("?", 2);
  const [first, second] = path.split("/", 2);
  const view = VIEWS.find((known) => known === first) ?? "overview";
  return {
    view,
    what: second === undefined || second === "" ? undefined : decode(second),
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Typed by hand: as it stands.
    return text;
  }
}

export function formatRoute(view: View, what?: string, query: Readonly<Record<string, string>> = {}): string {
  const path = view === "overview" ? "#/" : `#/${view}`;
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
  return `${path}${what === undefined ? "" : `/${encodeURIComponent(what)}`}${search === "" ? "" : `?${search}`}`;
}

export const route = signal<Route>(parseRoute(typeof location === "undefined" ? "" : location.hash));

/** Follows the address bar. */
export function followRoute(): void {
  addEventListener("hashchange", () => {
    // The URL of another run, opened in the same tab: its key is taken at the start of the page.
    if (splitFragment(location.hash).key !== undefined) location.reload();
    const before = route.value;
    route.value = parseRoute(location.hash);
    if (before.view !== route.value.view || before.what !== route.value.what) scrollTo(0, 0);
  });
}
