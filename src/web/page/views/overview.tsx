/** The first view: is all well, how full is it, who is busy, what has happened. */
import { useState } from "preact/hooks";
import { formatElapsed } from "../../../base/times.js";
import type { GuestView, StatusView } from "../../../control/views.js";
import type { FindingView } from "../../session.js";
import { Addresses, Bar, Command, Empty, Panel, Waiting } from "../parts/pieces.js";
import { Sparkline } from "../parts/sparkline.js";
import { type Column, Table } from "../parts/table.js";
import { counted, formatCount, formatFrequency, formatRate, formatShare } from "../parts/texts.js";
import { get, session } from "../state/api.js";
import { carryOut } from "../state/asking.js";
import { events } from "../state/events.js";
import { guests } from "../state/guests.js";
import { networks } from "../state/lists.js";
import { usePolling } from "../state/polling.js";
import { cacheShare, pulse, status } from "../state/pulse.js";
import { formatRoute } from "../state/route.js";
import { dropped, loadTraffic, ratesOf, trafficOf, trafficTurn } from "../state/traffic.js";
import { EventLines } from "./events.js";

const NETWORKS_MS = 5000;
const FEW_GUESTS_MS = 2000;
/** Reading the counters of all guests costs by their number: the more there are, the less often. */
const MS_PER_GUEST = 4;
const BUSIEST = 6;
const LATEST_EVENTS = 8;
const PULSE_SECONDS = 120;

export function Overview() {
  const count = guests.value?.length ?? 0;
  usePolling(() => networks.load(), NETWORKS_MS);
  usePolling((abort) => loadTraffic(undefined, abort), Math.max(FEW_GUESTS_MS, Math.round((count * MS_PER_GUEST) / 1000) * 1000));
  const { value: view } = status;
  return (
    <>
      <h1>Overview</h1>
      {view === undefined ? <Waiting /> : <Daemon view={view} />}
      <Warnings />
      <Tiles />
      <div class="columns">
        <Busiest />
        <Fullness />
      </div>
      <Panel title="Latest" aside={<a href={formatRoute("events")}>all events</a>}>
        {events.value.length === 0 ? (
          <Empty title="Nothing has happened since tapnet web was started." />
        ) : (
          <EventLines events={events.value.slice(0, LATEST_EVENTS)} />
        )}
      </Panel>
    </>
  );
}

function Daemon(props: { view: StatusView }) {
  const { view } = props;
  const up = formatElapsed(Date.now() - Date.parse(view.startedAt));
  const about = session.value;
  return (
    <p class="lead">
      <b>tapnetd {view.version}</b>, process {view.pid}, up {up}
      {view.rootless ? ", rootless" : ""}. Configuration: <code>{view.configuration}</code>
      {about !== undefined && about.version !== view.version && (
        <span class="warned"> This tapnet is {about.version}: restart tapnetd.</span>
      )}
    </p>
  );
}

function Tiles() {
  const view = status.value;
  const series = pulse();
  const [questions, , dhcp] = series.latest ?? [];
  const share = cacheShare(view?.counters["dns"] ?? {});
  const { spoofed = 0, refused = 0, over_limit = 0 } = dropped.value ?? {};
  return (
    <div class="tiles">
      <a class="tile" href={formatRoute("guests")}>
        <span class="tile-name">Guests attached</span>
        <span class="tile-value">{view === undefined ? "–" : formatCount(view.guests.attached)}</span>
        <span class="muted">{view === undefined ? "" : `${formatCount(view.guests.configured)} in the configuration`}</span>
      </a>
      <a class="tile" href={formatRoute("leases")}>
        <span class="tile-name">Leases</span>
        <span class="tile-value">{view === undefined ? "–" : formatCount(view.leases.bound)}</span>
        <span class="muted">
          {formatFrequency(dhcp)} DHCP/s
          {view !== undefined && view.leases.declined > 0 ? `, ${formatCount(view.leases.declined)} declined` : ""}
        </span>
      </a>
      <a class="tile" href={formatRoute("dns")}>
        <span class="tile-name">DNS questions</span>
        <span class="tile-value">
          {formatFrequency(questions)}
          <small>/s</small>
        </span>
        <span class="muted">
          {share === undefined ? "nothing asked of upstreams yet" : `${formatShare(share)} from the cache`}
        </span>
        <Sparkline times={series.times} seconds={PULSE_SECONDS} lines={[{ name: "sent", values: series.values[0] }]} />
      </a>
      <div
        class="tile"
        title="packets whose source was not the guest's own; refused by the networks' rules; more than a guest's limit"
      >
        <span class="tile-name">Spoofed packets dropped</span>
        <span class="tile-value">{dropped.value === undefined ? "–" : formatCount(spoofed)}</span>
        <span class="muted">
          {formatCount(refused)} refused, {formatCount(over_limit)} over a limit
        </span>
      </div>
    </div>
  );
}

/** What the daemon says by itself, and what the doctor finds when he is asked. */
function Warnings() {
  const [findings, setFindings] = useState<readonly FindingView[] | undefined>(undefined);
  const [isLooking, setLooking] = useState(false);
  const warnings = status.value?.warnings ?? [];
  const look = async (): Promise<void> => {
    setLooking(true);
    await carryOut(async () => {
      const found = await get<FindingView[]>("/web/doctor");
      setFindings(found);
      const bad = found.filter(({ result }) => result === "warning" || result === "failure").length;
      return bad === 0 ? "The host was checked: nothing stands in the way." : `The host was checked: ${counted(bad, "finding")}.`;
    });
    setLooking(false);
  };
  const shown = (findings ?? []).filter(({ check }) => check !== "warning");
  return (
    <Panel class={warnings.length > 0 ? "panel-warned" : ""}>
      <div class="health">
        <p>
          {warnings.length === 0 ? (
            <span class="good">Nothing to worry about, as far as tapnetd knows.</span>
          ) : (
            <b>{counted(warnings.length, "warning")}</b>
          )}
        </p>
        <button type="button" class="quiet" disabled={isLooking} onClick={() => void look()}>
          {isLooking ? "looking…" : findings === undefined ? "Check the host" : "Check again"}
        </button>
      </div>
      {warnings.length > 0 && (
        <ul class="findings">
          {warnings.map((warning) => (
            <li key={warning} class="finding finding-warning">
              {warning}
            </li>
          ))}
        </ul>
      )}
      {shown.length > 0 && (
        <ul class="findings">
          {shown.map(({ check, result, message, advice }) => (
            <li key={`${check} ${message}`} class={`finding finding-${result}`}>
              {message}
              {advice !== null && <span class="advice">{advice}</span>}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Busiest() {
  // Read, so that this is drawn again with each answer.
  void trafficTurn.value;
  const all = guests.value;
  const here = (all ?? []).filter(({ state }) => state === "attached");
  const busy = here
    .map((guest) => ({ guest, sum: ratesOf(guest.name, guest.network).reduce((one, other) => one + other, 0) }))
    .filter(({ sum }) => sum > 0)
    .sort((one, other) => other.sum - one.sum)
    .slice(0, BUSIEST)
    .map(({ guest }) => guest);
  return (
    <Panel title="Busiest guests" aside={<a href={formatRoute("guests")}>all guests</a>}>
      {all === undefined ? (
        <Waiting />
      ) : here.length === 0 ? (
        <NoGuests known={all.length} />
      ) : busy.length === 0 && !here.some(({ name, network }) => trafficOf(name, network)?.series.latest) ? (
        <Waiting />
      ) : busy.length === 0 ? (
        <Empty title="Nobody sends or receives anything now." />
      ) : (
        <Table
          columns={BUSIEST_COLUMNS}
          rows={busy}
          keyOf={({ name, network }) => `${name} ${network}`}
          caption="the busiest guests"
        />
      )}
    </Panel>
  );
}

const BUSIEST_COLUMNS: readonly Column<GuestView>[] = [
  { title: "Guest", cell: ({ name }) => <a href={formatRoute("guests", name)}>{name}</a> },
  { title: "Addresses", spare: 3, cell: ({ ipv4, ipv6 }) => <Addresses ipv4={ipv4} ipv6={ipv4.length > 0 ? [] : ipv6} /> },
  {
    title: "Last minute",
    spare: 2,
    cell: ({ name, network }) => <GuestSpark name={name} network={network} />,
  },
  {
    title: "Sent",
    align: "right",
    cell: ({ name, network }) => <BusyRate name={name} network={network} index={0} />,
  },
  {
    title: "Received",
    align: "right",
    cell: ({ name, network }) => <BusyRate name={name} network={network} index={1} />,
  },
];

function BusyRate(props: { name: string; network: string; index: 0 | 1 }) {
  const rate = ratesOf(props.name, props.network)[props.index];
  const colour = props.index === 0 ? "is-sent" : "is-received";
  return <span class={rate === 0 ? "muted" : colour}>{formatRate(rate)}</span>;
}

export function GuestSpark(props: { name: string; network: string }) {
  const series = trafficOf(props.name, props.network)?.series;
  const [sent = [], received = []] = series?.values ?? [];
  return (
    <Sparkline
      times={series?.times ?? []}
      lines={[
        { name: "received", values: received },
        { name: "sent", values: sent },
      ]}
    />
  );
}

/** How the first guest comes. */
export function NoGuests(props: { known: number }) {
  const title =
    props.known === 0 ? "No guests yet." : `None of ${counted(props.known, "guest")} of the configuration is attached.`;
  return (
    <Empty title={title}>
      <p>QEMU attaches one called web1 by these words on its command line:</p>
      {session.value !== undefined && <Command text={session.value.qemu} />}
      <p>
        A TAP made beforehand, for any VMM: <code>tapnet guest add web1</code>
      </p>
    </Empty>
  );
}

function Fullness() {
  const all = networks.value.value;
  return (
    <Panel title="Networks" aside={<a href={formatRoute("networks")}>all of them</a>}>
      {all === undefined ? (
        <Waiting />
      ) : (
        <ul class="fullness">
          {all.slice(0, BUSIEST).map(({ name, kind, leasesBound, poolSize, guestsAttached }) => (
            <li key={name}>
              <span class="fullness-name">
                <b>{name}</b> <span class="muted">{kind}</span>
              </span>
              <span class="muted">{counted(guestsAttached, "guest")}</span>
              <Bar used={leasesBound} total={poolSize} label={`addresses of ${name}`} />
              <span class="fullness-count">
                {formatCount(leasesBound)} <span class="muted">of {formatCount(poolSize)}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
