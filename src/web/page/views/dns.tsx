/** DNS: how it is doing, a question to ask, and the cache to empty. */
import { useSignal } from "@preact/signals";
import { formatBytes } from "../../../base/sizes.js";
import type { DnsAnswerView, DnsFlushView } from "../../../control/views.js";
import { typed } from "../parts/forms.js";
import { Empty, Panel, Waiting } from "../parts/pieces.js";
import { Sparkline } from "../parts/sparkline.js";
import { type Column, Table } from "../parts/table.js";
import { counted, formatCount, formatFrequency, formatShare, words } from "../parts/texts.js";
import { change, get, session } from "../state/api.js";
import { ask, say } from "../state/asking.js";
import { networks } from "../state/lists.js";
import { usePolling } from "../state/polling.js";
import { cacheShare, pulse, status } from "../state/pulse.js";

const STATS_MS = 2000;
const TYPES = ["A", "AAAA", "PTR", "CNAME", "MX", "TXT", "SRV", "NS", "SOA", "CAA", "HTTPS"];

/** Shown even when they are zero; the others only when something has happened. */
const USUAL = new Set(["questions", "local", "cached", "forwarded"]);
const SIZES = new Set(["guests", "names", "openQuestions", "tcpConnections", "cachedAnswers", "cacheUsedBytes"]);

export function DnsPage() {
  const stats = useSignal<Readonly<Record<string, number>> | undefined>(undefined);
  usePolling(async (abort) => {
    stats.value = await get<Record<string, number>>("/v1/dns/stats", abort);
    if (networks.value.value === undefined) await networks.load();
  }, STATS_MS);
  // Rates come with the status.
  void status.value;
  const [questions, here] = pulse().latest ?? [];
  const { value: counts } = stats;
  return (
    <>
      <h1>DNS</h1>
      <div class="tiles">
        <div class="tile">
          <span class="tile-name">Questions</span>
          <span class="tile-value">
            {formatFrequency(questions)}
            <small>/s</small>
          </span>
          <span class="muted">{formatFrequency(here)}/s answered from here</span>
          <Sparkline
            times={pulse().times}
            seconds={120}
            lines={[
              { name: "received", values: pulse().values[0] },
              { name: "sent", values: pulse().values[1] },
            ]}
          />
        </div>
        <div class="tile">
          <span class="tile-name">From the cache</span>
          <span class="tile-value">{formatShare(counts === undefined ? undefined : cacheShare(counts))}</span>
          <span class="muted">of what upstreams would be asked</span>
        </div>
        <div class="tile">
          <span class="tile-name">In the cache</span>
          <span class="tile-value">{counts === undefined ? "–" : formatCount(counts["cachedAnswers"] ?? 0)}</span>
          <span class="muted">answers, {formatBytes(counts?.["cacheUsedBytes"] ?? 0)}</span>
        </div>
        <div class="tile">
          <span class="tile-name">Names</span>
          <span class="tile-value">{counts === undefined ? "–" : formatCount(counts["names"] ?? 0)}</span>
          <span class="muted">known here, of guests and others</span>
        </div>
      </div>
      <QuestionBox />
      <Panel title="Counters" aside={session.value?.readOnly === true ? undefined : <Flush />}>
        {counts === undefined ? <Waiting /> : <Counters counts={counts} />}
      </Panel>
    </>
  );
}

/** What has happened at least once. */
export function Counters(props: { counts: Readonly<Record<string, number>> }) {
  const shown = Object.entries(props.counts).filter(([name, count]) => !SIZES.has(name) && (count > 0 || USUAL.has(name)));
  return (
    <dl class="counters">
      {shown.map(([name, count]) => (
        <div key={name}>
          <dt>{words(name)}</dt>
          <dd>{formatCount(count)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Flush() {
  const flush = (): void =>
    ask({
      title: "Forget what upstreams said?",
      text: "The cache is emptied. Nothing is lost: each name is asked for anew when somebody wants it.",
      action: "Empty the cache",
      run: async () => {
        const { flushed } = await change<DnsFlushView>("DELETE", "/v1/dns/cache");
        return `${counted(flushed, "answer")} forgotten.`;
      },
    });
  return (
    <button type="button" class="quiet" onClick={flush}>
      Empty the cache
    </button>
  );
}

function QuestionBox() {
  const answer = useSignal<DnsAnswerView | undefined>(undefined);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const name = typed(form, "name");
    if (name === "") return;
    const query = new URLSearchParams({ name, type: typed(form, "type") });
    const network = typed(form, "network");
    if (network !== "") query.set("network", network);
    try {
      answer.value = await get<DnsAnswerView>(`/v1/dns/query?${query}`);
    } catch (thrown) {
      say("failed", thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  return (
    <Panel title="Ask">
      <form class="filters" onSubmit={(event) => void submit(event)}>
        <label class="wide">
          Name
          <input name="name" placeholder="web1, example.org, 10.77.0.10" autocomplete="off" spellcheck={false} />
        </label>
        <label>
          Type
          <select name="type">
            {TYPES.map((type) => (
              <option key={type}>{type}</option>
            ))}
          </select>
        </label>
        <label>
          As
          <select name="network">
            <option value="">the host</option>
            {(networks.value.value ?? []).map(({ name }) => (
              <option key={name} value={name}>
                a guest of {name}
              </option>
            ))}
          </select>
        </label>
        <button type="submit">Ask</button>
      </form>
      {answer.value !== undefined && <Answer view={answer.value} />}
    </Panel>
  );
}

type AnswerRow = DnsAnswerView["answers"][number];

const ANSWER_COLUMNS: readonly Column<AnswerRow>[] = [
  { title: "Name", cell: ({ name }) => <code>{name}</code> },
  { title: "Type", cell: ({ type }) => type },
  { title: "TTL", align: "right", spare: 3, cell: ({ ttlSeconds }) => `${formatCount(ttlSeconds)} s` },
  { title: "Value", cell: ({ value }) => <code>{value}</code> },
];

export function Answer(props: { view: DnsAnswerView }) {
  const { status: code, answers, from, elapsedMs } = props.view;
  const source = from === "refused" ? "" : ` from ${from}`;
  return (
    <div aria-live="polite">
      <p class="answer">
        <span class={`chip ${code === "NOERROR" ? "chip-good" : "chip-bad"}`}>{code}</span> {counted(answers.length, "record")}
        {source} in {elapsedMs.toFixed(1)} ms
      </p>
      {answers.length === 0 ? (
        <Empty title="No records." />
      ) : (
        <Table columns={ANSWER_COLUMNS} rows={answers} keyOf={({ type, value }) => `${type} ${value}`} caption="the answer" />
      )}
    </div>
  );
}
