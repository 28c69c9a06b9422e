/** All guests: searched, sorted, fifty a page; each second the counters of those that are on it. */
import { computed, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { formatBytes } from "../../../base/sizes.js";
import type { GuestView } from "../../../control/views.js";
import { Addresses, Empty, State, Waiting } from "../parts/pieces.js";
import { type Column, Pager, Table } from "../parts/table.js";
import { formatCount, formatRate } from "../parts/texts.js";
import { findGuests, pageOf, SORTS, type Sort, type TableState } from "../state/guest-table.js";
import { guests, loadGuests } from "../state/guests.js";
import { networks } from "../state/lists.js";
import { usePolling } from "../state/polling.js";
import { formatRoute, route } from "../state/route.js";
import { loadTraffic, ratesOf, trafficOf, trafficTurn } from "../state/traffic.js";
import { GuestSpark, NoGuests } from "./overview.js";

const TRAFFIC_MS = 1000;
/** Sorting by rate needs the rates of all, and rows that move each second cannot be read. */
const ALL_TRAFFIC_MS = 5000;
const RETRY_MS = 3000;

const table = signal<TableState>({ search: "", network: "", sort: "name", descending: false, page: 0 });

/** Found anew each second only where the order is that of the rates. */
const found = computed(() => {
  if (isRate(table.value.sort)) void trafficTurn.value;
  return findGuests(guests.value ?? [], table.value, ratesOf);
});

function set(change: Partial<TableState>): void {
  table.value = { ...table.value, page: 0, ...change };
}

export function GuestsPage() {
  const { network: wanted } = route.value.query;
  useEffect(() => {
    if (wanted !== undefined) set({ network: wanted, search: "" });
  }, [wanted]);
  usePolling(async () => {
    if (guests.value === undefined) await loadGuests();
    if (networks.value.value === undefined) await networks.load();
  }, RETRY_MS);
  const all = guests.value;
  return (
    <>
      <h1>Guests</h1>
      {all === undefined ? <Waiting /> : all.length === 0 ? <NoGuests known={0} /> : <GuestTable />}
    </>
  );
}

function GuestTable() {
  const state = table.value;
  const byRate = isRate(state.sort);
  // Read, so that this is drawn again with each answer.
  void trafficTurn.value;
  const { rows, total, page, pages } = pageOf(found.value, state);
  const names = [...new Set(rows.filter((guest) => guest.state === "attached").map(({ name }) => name))];
  usePolling(
    (abort) => loadTraffic(byRate ? undefined : names, abort),
    byRate ? ALL_TRAFFIC_MS : TRAFFIC_MS,
    byRate ? "" : names.join(" "),
  );
  return (
    <>
      <Filters total={total} page={page} pages={pages} />
      {rows.length === 0 ? (
        <Empty title="No guest is like that.">
          <button type="button" class="quiet" onClick={() => set({ search: "", network: "" })}>
            Show all
          </button>
        </Empty>
      ) : (
        <div class="panel panel-flush">
          <Table
            columns={COLUMNS}
            rows={rows}
            keyOf={({ name, network }) => `${name} ${network}`}
            caption="guests"
            sorting={{ by: state.sort, descending: state.descending, onSort }}
          />
        </div>
      )}
    </>
  );
}

function Filters(props: { total: number; page: number; pages: number }) {
  const { search, network } = table.value;
  const names = (networks.value.value ?? []).map(({ name }) => name);
  return (
    <div class="filters">
      <input
        type="search"
        placeholder="Name, address, MAC…  ( / )"
        aria-label="search guests"
        value={search}
        onInput={(event) => set({ search: event.currentTarget.value })}
      />
      {names.length > 1 && (
        <select aria-label="network" value={network} onChange={(event) => set({ network: event.currentTarget.value })}>
          <option value="">all networks</option>
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      )}
      <Pager {...props} what="guest" onPage={(page) => set({ page })} />
    </div>
  );
}

function onSort(by: string): void {
  const sort = SORTS.find((known) => known === by) ?? "name";
  const { sort: before, descending } = table.value;
  // Of rates one wants the largest first.
  set({ sort, descending: before === sort ? !descending : isRate(sort) });
}

function isRate(sort: Sort): boolean {
  return sort === "sent" || sort === "received";
}

const COLUMNS: readonly Column<GuestView>[] = [
  {
    title: "Guest",
    sort: "name",
    cell: ({ name, state, ipv4, ipv6 }) => (
      <span class="guest-cell">
        <a href={formatRoute("guests", name)}>{name}</a>
        <code class="narrow-only">{ipv4[0] ?? ipv6[0] ?? ""}</code>
        <State state={state} />
      </span>
    ),
  },
  { title: "Network", sort: "network", spare: 2, cell: ({ network }) => network },
  {
    title: "Addresses",
    sort: "address",
    spare: 3,
    cell: ({ ipv4, ipv6, public: publics }) => <Addresses ipv4={ipv4} ipv6={ipv6} public={publics} />,
  },
  { title: "MAC, interface", spare: 1, cell: ({ mac, ifname }) => <MacAndTap mac={mac} ifname={ifname} /> },
  {
    title: "Sent",
    sort: "sent",
    align: "right",
    hint: "by the guest; below, all since its interface was made",
    cell: ({ name, network, sent }) => <Rate name={name} network={network} index={0} all={sent?.bytes} />,
  },
  {
    title: "Received",
    sort: "received",
    align: "right",
    hint: "by the guest; below, all since its interface was made",
    cell: ({ name, network, received }) => <Rate name={name} network={network} index={1} all={received?.bytes} />,
  },
  { title: "Last minute", spare: 2, cell: ({ name, network }) => <GuestSpark name={name} network={network} /> },
  {
    title: "Spoofed",
    align: "right",
    spare: 2,
    hint: "packets that the guard dropped because their source was not the guest's own",
    cell: ({ name, network }) => <Spoofed name={name} network={network} />,
  },
];

function MacAndTap(props: { mac: string | null; ifname: string | null }) {
  return (
    <span class="stack">
      <code>{props.mac ?? "–"}</code>
      {props.ifname !== null && <code class="muted">{props.ifname}</code>}
    </span>
  );
}

function Rate(props: { name: string; network: string; index: 0 | 1; all: number | undefined }) {
  const traffic = trafficOf(props.name, props.network);
  const { all, index } = props;
  if (all === undefined) return <span class="muted">–</span>;
  const rate = traffic?.series.latest?.[index];
  const bytes = (index === 0 ? traffic?.now.sent.bytes : traffic?.now.received.bytes) ?? all;
  const colour = index === 0 ? "is-sent" : "is-received";
  return (
    <span class="stack">
      <span class={rate === undefined || rate === 0 ? "muted" : colour}>{formatRate(rate)}</span>
      <span class="muted">{formatBytes(bytes)}</span>
    </span>
  );
}

function Spoofed(props: { name: string; network: string }) {
  const count = trafficOf(props.name, props.network)?.now.spoofed;
  if (count === undefined || count === 0) return <span class="muted">{count ?? "–"}</span>;
  return <>{formatCount(count)}</>;
}
