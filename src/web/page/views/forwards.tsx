/** Ports of the host that lead to guests. */
import type { ForwardView } from "../../../control/views.js";
import { typed } from "../parts/forms.js";
import { Empty, Panel, Waiting } from "../parts/pieces.js";
import { type Column, Table } from "../parts/table.js";
import { change, session } from "../state/api.js";
import { ask, carryOut } from "../state/asking.js";
import { guests } from "../state/guests.js";
import { forwards } from "../state/lists.js";
import { usePolling } from "../state/polling.js";
import { formatRoute } from "../state/route.js";

const AGAIN_MS = 10_000;
/** A list of more names helps nobody who types. */
const MOST_NAMES = 200;

export function ForwardsPage() {
  usePolling(() => forwards.load(), AGAIN_MS);
  const all = forwards.value.value;
  return (
    <>
      <h1>Forwards</h1>
      <Panel title="Add one">
        <AddForward />
      </Panel>
      <Panel title="Ports of this host" class="panel-flush">
        {all === undefined ? <Waiting /> : <ForwardTable forwards={all} withGuest={true} />}
      </Panel>
    </>
  );
}

/** Null while the guest is not there, or has no such address. */
function LeadsTo(props: { forward: ForwardView }) {
  const { ipv4, ipv6, guestPort, firstPort, lastPort } = props.forward;
  if (ipv4 === null && ipv6 === null) return <span class="muted">nowhere yet</span>;
  const ports = lastPort > firstPort ? `${guestPort}–${guestPort + lastPort - firstPort}` : String(guestPort);
  return (
    <span class="stack">
      {ipv4 !== null && <code>{`${ipv4}:${ports}`}</code>}
      {ipv6 !== null && <code class="muted">{`[${ipv6}]:${ports}`}</code>}
    </span>
  );
}

export function ForwardTable(props: { forwards: readonly ForwardView[]; withGuest: boolean }) {
  const { forwards: rows, withGuest } = props;
  if (rows.length === 0)
    return <Empty title={withGuest ? "No port of this host leads to a guest." : "No port of the host leads to it."} />;
  const columns: readonly Column<ForwardView>[] = [
    { title: "Forward", cell: ({ forward }) => <code>{forward}</code> },
    ...(withGuest
      ? [{ title: "Guest", cell: ({ guest }: ForwardView) => <a href={formatRoute("guests", guest)}>{guest}</a> }]
      : []),
    { title: "Leads to", cell: (forward) => <LeadsTo forward={forward} /> },
    { title: "From", spare: 3, cell: ({ source }) => source },
    ...(session.value?.readOnly === true
      ? []
      : [{ title: "", align: "right" as const, cell: (forward: ForwardView) => <Remove forward={forward} /> }]),
  ];
  return <Table columns={columns} rows={rows} keyOf={({ guest, forward }) => `${guest} ${forward}`} caption="forwards" />;
}

function Remove(props: { forward: ForwardView }) {
  const { guest, forward, source } = props.forward;
  if (source === "configuration") return null;
  const remove = (): void =>
    ask({
      title: `End ${forward} to ${guest}?`,
      text: "New connections to this port of the host do not reach the guest any more. It can be added again.",
      action: "End it",
      run: async () => {
        await change("DELETE", `/v1/forwards/${encodeURIComponent(guest)}/${encodeURIComponent(forward)}`);
        await forwards.load();
        return `${forward} leads to ${guest} no more.`;
      },
    });
  return (
    <button type="button" class="quiet" onClick={remove}>
      end
    </button>
  );
}

export function AddForward(props: { guest?: string }) {
  if (session.value?.readOnly === true) return null;
  const add = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const element = event.currentTarget as HTMLFormElement;
    const form = new FormData(element);
    const guest = props.guest ?? typed(form, "guest");
    const forward = typed(form, "forward");
    if (guest === "" || forward === "") return;
    await carryOut(async () => {
      const added = await change<ForwardView>("POST", "/v1/forwards", {
        guest,
        forward,
        permanent: form.get("permanent") !== null,
      });
      await forwards.load();
      element.reset();
      const { ipv4, ipv6 } = added;
      return `${added.forward} leads to ${guest}${ipv4 === null && ipv6 === null ? ", as soon as it has an address" : ""}.`;
    });
  };
  const names = [...new Set((guests.value ?? []).map(({ name }) => name))];
  return (
    <form class="filters" onSubmit={(event) => void add(event)}>
      {props.guest === undefined && (
        <label>
          Guest
          <input name="guest" list="guest-names" placeholder="web1" autocomplete="off" spellcheck={false} />
          <datalist id="guest-names">
            {names.length <= MOST_NAMES && names.map((name) => <option key={name} value={name} />)}
          </datalist>
        </label>
      )}
      <label class="wide">
        Forward
        <input
          name="forward"
          placeholder="8080:80   53:53/udp   192.0.2.1:8000-8010:9000"
          autocomplete="off"
          spellcheck={false}
        />
      </label>
      <label class="check">
        <input type="checkbox" name="permanent" /> keep it over a restart of the host
      </label>
      <button type="submit">Add</button>
    </form>
  );
}
