/** One guest: each of its interfaces with what passes it, its leases now and before, its forwards, its limits. */
import { useSignal } from "@preact/signals";
import { formatBytes } from "../../../base/sizes.js";
import { formatLocal, formatRelative } from "../../../base/times.js";
import type { DnsLogView, GuestView, LeaseView, LinkView, TenureView } from "../../../control/views.js";
import { TrafficChart } from "../parts/chart.js";
import { Addresses, Empty, Facts, Panel, State, Waiting } from "../parts/pieces.js";
import { counted, formatCount, formatRate } from "../parts/texts.js";
import { change, get, session } from "../state/api.js";
import { ask, carryOut } from "../state/asking.js";
import { guests, loadGuests } from "../state/guests.js";
import { forwards } from "../state/lists.js";
import { usePolling } from "../state/polling.js";
import { formatRoute } from "../state/route.js";
import { loadTraffic, trafficOf, trafficTurn } from "../state/traffic.js";
import { AddForward, ForwardTable } from "./forwards.js";
import { describeLink, settingsOf } from "./guest-facts.js";
import { LeaseTable, TenureTable } from "./leases.js";

const TRAFFIC_MS = 1000;
const DETAILS_MS = 5000;

interface Details {
  readonly leases: readonly LeaseView[];
  readonly history: readonly TenureView[];
  readonly links: readonly LinkView[];
  readonly logs: readonly DnsLogView[];
}

export function GuestPage(props: { name: string }) {
  const { name } = props;
  const details = useSignal<Details | undefined>(undefined);
  const settings = useSignal<readonly (readonly [string, string])[]>([]);
  const load = async (abort?: AbortSignal): Promise<void> => {
    details.value = await loadDetails(name, abort);
  };
  usePolling((abort) => loadTraffic([name], abort), TRAFFIC_MS, name);
  usePolling(load, DETAILS_MS, name);
  // The configuration of thousands of guests is large, and changes seldom.
  usePolling(
    async (abort) => {
      settings.value = settingsOf(await get<Record<string, unknown>>("/v1/config", abort), name);
      await Promise.all([loadGuests(), forwards.load()]);
    },
    60_000,
    name,
  );
  const nics = (guests.value ?? []).filter((guest) => guest.name === name);
  if (guests.value === undefined) return <Waiting />;
  if (nics.length === 0) {
    return (
      <Empty title={`There is no guest ${name}.`}>
        <a href={formatRoute("guests")}>All guests</a>
      </Empty>
    );
  }
  const attached = nics.some(({ state }) => state === "attached");
  return (
    <>
      <p class="crumb">
        <a href={formatRoute("guests")}>Guests</a> ›
      </p>
      <div class="heading">
        <h1>{name}</h1>
        <State state={attached ? "attached" : "configured"} />
        {attached && session.value?.readOnly !== true && <Actions name={name} logs={details.value?.logs ?? []} reload={load} />}
      </div>
      {nics.map((nic) => (
        <Nic key={nic.network} nic={nic} link={details.value?.links.find(({ ifname }) => ifname === nic.ifname)} />
      ))}
      <div class="columns columns-first">
        <Panel title="Forwards">
          <ForwardTable forwards={(forwards.value.value ?? []).filter(({ guest }) => guest === name)} withGuest={false} />
          <AddForward guest={name} />
        </Panel>
        <Panel title="Configuration">
          {settings.value.length === 0 ? (
            <Empty title="Nothing of its own: it goes by its network's." />
          ) : (
            <Facts rows={settings.value.map(([key, value]) => [key, <code>{value}</code>])} />
          )}
        </Panel>
      </div>
      <Panel title="Leases">
        <LeaseTable leases={details.value?.leases ?? []} empty="It has no lease now." onChange={() => void load()} />
      </Panel>
      <Panel title="Addresses it had">
        <TenureTable tenures={details.value?.history ?? []} empty="It had none, as far as history goes back." />
      </Panel>
    </>
  );
}

async function loadDetails(name: string, abort?: AbortSignal): Promise<Details> {
  const guest = encodeURIComponent(name);
  const [leases, history, links, logs] = await Promise.all([
    get<LeaseView[]>(`/v1/leases?guest=${guest}`, abort),
    get<TenureView[]>(`/v1/leases/history?guest=${guest}`, abort),
    get<LinkView[]>(`/v1/links?guest=${guest}`, abort),
    get<DnsLogView[]>("/v1/dns/logs", abort),
  ]);
  return { leases, history, links, logs };
}

function Actions(props: { name: string; logs: readonly DnsLogView[]; reload: () => Promise<void> }) {
  const { name, logs, reload } = props;
  const isLogged = logs.some(({ guest }) => guest === name);
  const switchLog = (): void =>
    void carryOut(async () => {
      await change("POST", "/v1/dns/logs", { guest: name, on: !isLogged });
      await reload();
      return isLogged ? `${name}'s DNS questions are not logged any more.` : `${name}'s DNS questions go to tapnetd's log now.`;
    });
  const detach = (): void =>
    ask({
      title: `Detach ${name}?`,
      text: `Its network goes at once, while its VMM runs on. Its lease stays. To give it back: tapnet guest attach tn-${name}`,
      action: "Detach",
      run: async () => {
        await change("DELETE", `/v1/guests/${encodeURIComponent(name)}`);
        return `${name} is detached.`;
      },
    });
  return (
    <span class="actions">
      <button type="button" class="quiet" aria-pressed={isLogged} onClick={switchLog}>
        {isLogged ? "Stop logging its DNS" : "Log its DNS"}
      </button>
      <button type="button" class="danger" onClick={detach}>
        Detach
      </button>
    </span>
  );
}

function Nic(props: { nic: GuestView; link: LinkView | undefined }) {
  const { nic, link } = props;
  // Read, so that this is drawn again with each answer.
  void trafficTurn.value;
  const traffic = trafficOf(nic.name, nic.network);
  const [sent, received] = traffic?.series.latest ?? [];
  const here = nic.state === "attached";
  return (
    <Panel title={nic.network} aside={<a href={formatRoute("guests", undefined, { network: nic.network })}>its guests</a>}>
      {here && (
        <>
          <div class="rates">
            <Flow title="Sent" class="is-sent" rate={sent} bytes={traffic?.now.sent.bytes} packets={traffic?.now.sent.packets} />
            <Flow
              title="Received"
              class="is-received"
              rate={received}
              bytes={traffic?.now.received.bytes}
              packets={traffic?.now.received.packets}
            />
            <div title="their source was not the guest's own; forgotten after a day without">
              <span class="tile-name">Spoofed</span>
              <span class={`rate ${(traffic?.now.spoofed ?? 0) > 0 ? "" : "muted"}`}>
                {traffic === undefined ? "–" : formatCount(traffic.now.spoofed)}
              </span>
              <span class="muted">packets dropped by the guard</span>
            </div>
          </div>
          <TrafficChart series={traffic?.series} />
        </>
      )}
      <Facts
        rows={[
          ["addresses", <Addresses ipv4={nic.ipv4} ipv6={nic.ipv6} public={nic.public} />],
          ["names", nic.names.length === 0 ? null : <code>{nic.names.join(" ")}</code>],
          ["MAC", nic.mac === null ? null : <code>{nic.mac}</code>],
          ["interface", nic.ifname === null ? null : <code>{nic.ifname}</code>],
          [
            "attached",
            nic.attachedAt === null ? null : `${formatLocal(nic.attachedAt)}, ${formatRelative(nic.attachedAt, Date.now())}`,
          ],
          ...(link === undefined ? [] : describeLink(link)),
        ]}
      />
      {!here && <p class="muted">It is in the configuration and not here now. What is shown is what it would get.</p>}
    </Panel>
  );
}

function Flow(props: {
  title: string;
  class: string;
  rate: number | undefined;
  bytes: number | undefined;
  packets: number | undefined;
}) {
  const { title, rate, bytes, packets } = props;
  return (
    <div>
      <span class="tile-name">{title}</span>
      <span class={`rate ${props.class}`}>{formatRate(rate)}</span>
      <span class="muted">
        {bytes === undefined || packets === undefined ? "" : `${formatBytes(bytes)} in ${counted(packets, "packet")}`}
      </span>
    </div>
  );
}
