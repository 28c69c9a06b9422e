/** Leases that are held, and who had an address before. */
import { signal, useSignal } from "@preact/signals";
import { formatLocal, formatRelative } from "../../../base/times.js";
import type { LeaseView, TenureView } from "../../../control/views.js";
import { typed } from "../parts/forms.js";
import { Empty, Panel, Waiting } from "../parts/pieces.js";
import { type Column, Pager, Table } from "../parts/table.js";
import { change, get, session } from "../state/api.js";
import { ask, say } from "../state/asking.js";
import { leases } from "../state/lists.js";
import { usePolling } from "../state/polling.js";
import { formatRoute } from "../state/route.js";

const PAGE_ROWS = 50;
/** Events say of changes; this is for renewals, which are none. */
const AGAIN_MS = 30_000;

const search = signal("");
const page = signal(0);

export function LeasesPage() {
  usePolling(() => leases.load(), AGAIN_MS);
  const all = leases.value.value;
  return (
    <>
      <h1>Leases</h1>
      <WhoHad />
      <Panel title="Held now" class="panel-flush">
        {all === undefined ? <Waiting /> : <HeldNow all={all} />}
      </Panel>
    </>
  );
}

function HeldNow(props: { all: readonly LeaseView[] }) {
  const found = findLeases(props.all, search.value);
  const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
  const shown = Math.min(page.value, pages - 1);
  return (
    <>
      <div class="filters">
        <input
          type="search"
          placeholder="Address, guest, MAC…  ( / )"
          aria-label="search leases"
          value={search.value}
          onInput={(event) => {
            search.value = event.currentTarget.value;
            page.value = 0;
          }}
        />
        <Pager
          page={shown}
          pages={pages}
          total={found.length}
          what="lease"
          onPage={(wanted) => {
            page.value = wanted;
          }}
        />
      </div>
      <LeaseTable
        leases={found.slice(shown * PAGE_ROWS, (shown + 1) * PAGE_ROWS)}
        empty={props.all.length === 0 ? "No leases: a guest gets one when it asks by DHCP." : "No lease is like that."}
        onChange={() => void leases.load()}
      />
    </>
  );
}

/** Every word must be somewhere in a lease. */
export function findLeases(all: readonly LeaseView[], text: string): readonly LeaseView[] {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length === 0) return all;
  return all.filter(({ address, network, identity, mac, hostname }) => {
    const texts = `${address}\n${network}\n${identity}\n${mac ?? ""}\n${hostname ?? ""}`.toLowerCase();
    return words.every((word) => texts.includes(word));
  });
}

/** Whose a lease is: a link where it is a guest's. */
function Owner(props: { identity: string }) {
  const guest = /^guest:(.+)$/.exec(props.identity)?.[1];
  return guest === undefined ? <code>{props.identity}</code> : <a href={formatRoute("guests", guest)}>{guest}</a>;
}

export function LeaseTable(props: { leases: readonly LeaseView[]; empty: string; onChange: () => void }) {
  if (props.leases.length === 0) return <Empty title={props.empty} />;
  const now = Date.now();
  const columns: readonly Column<LeaseView>[] = [
    { title: "Address", cell: ({ address }) => <code>{address}</code> },
    { title: "Owner", cell: ({ identity }) => <Owner identity={identity} /> },
    { title: "Network", spare: 2, cell: ({ network }) => network },
    { title: "MAC", spare: 2, cell: ({ mac }) => <code>{mac ?? "–"}</code> },
    { title: "Name", spare: 3, cell: ({ hostname }) => hostname ?? <span class="muted">–</span> },
    { title: "State", spare: 3, cell: ({ state }) => state },
    {
      title: "Expires",
      cell: ({ expiresAt }) => <span title={formatLocal(expiresAt) ?? ""}>{formatRelative(expiresAt, now) ?? "never"}</span>,
    },
    ...(session.value?.readOnly === true
      ? []
      : [
          { title: "", align: "right" as const, cell: (lease: LeaseView) => <Release lease={lease} onChange={props.onChange} /> },
        ]),
  ];
  return (
    <Table columns={columns} rows={props.leases} keyOf={({ network, address }) => `${network} ${address}`} caption="leases" />
  );
}

function Release(props: { lease: LeaseView; onChange: () => void }) {
  const { lease, onChange } = props;
  const { address, network, state } = lease;
  if (state !== "bound") return null;
  const release = (): void =>
    ask({
      title: `End the lease of ${address}?`,
      text: "As if its client had given it back: the client does not know, and keeps the address until it asks again. Somebody else may get it.",
      action: "End the lease",
      run: async () => {
        const path = `/v1/leases/${encodeURIComponent(address)}?network=${encodeURIComponent(network)}`;
        await change("DELETE", path);
        onChange();
        return `The lease of ${address} has ended.`;
      },
    });
  return (
    <button type="button" class="quiet" onClick={release}>
      end
    </button>
  );
}

/** Who had this address, or which addresses had this guest, then or ever. */
function WhoHad() {
  const found = useSignal<readonly TenureView[] | undefined>(undefined);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const path = historyPath(typed(form, "who"), typed(form, "at"));
    if (path === undefined) return;
    try {
      found.value = await get<TenureView[]>(path);
    } catch (thrown) {
      say("failed", thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  return (
    <Panel title="Who had an address">
      <form class="filters" onSubmit={(event) => void submit(event)}>
        <label>
          Address or guest
          <input name="who" placeholder="10.77.0.10 or web1" autocomplete="off" spellcheck={false} />
        </label>
        <label>
          At
          <input name="at" type="datetime-local" step="1" />
        </label>
        <button type="submit">Look</button>
      </form>
      {found.value !== undefined && <TenureTable tenures={found.value} empty="Nobody had it, as far as history goes back." />}
    </Panel>
  );
}

/** The question for the daemon; undefined where nothing was asked. A local time, as people mean it. */
export function historyPath(who: string, at: string): string | undefined {
  const query = new URLSearchParams();
  const subject = who.trim();
  if (subject !== "") query.set(/^[0-9.]+$|:/.test(subject) ? "address" : "guest", subject);
  if (at !== "") query.set("at", new Date(at).toISOString());
  return query.size === 0 ? undefined : `/v1/leases/history?${query}`;
}

const TENURE_COLUMNS: readonly Column<TenureView>[] = [
  { title: "Address", cell: ({ address }) => <code>{address}</code> },
  { title: "Owner", cell: ({ identity }) => <Owner identity={identity} /> },
  { title: "MAC", spare: 2, cell: ({ mac }) => <code>{mac ?? "–"}</code> },
  { title: "From", cell: ({ boundAt }) => formatLocal(boundAt) },
  { title: "Until", cell: ({ endedAt }) => formatLocal(endedAt) ?? "now" },
  { title: "Ended by", spare: 3, cell: ({ reason }) => reason ?? <span class="muted">–</span> },
];

export function TenureTable(props: { tenures: readonly TenureView[]; empty: string }) {
  if (props.tenures.length === 0) return <Empty title={props.empty} />;
  return (
    <Table
      columns={TENURE_COLUMNS}
      rows={props.tenures.slice(0, PAGE_ROWS)}
      keyOf={({ network, address, identity, boundAt }) => `${network} ${address} ${identity} ${boundAt}`}
      caption="who had an address, and when"
    />
  );
}
