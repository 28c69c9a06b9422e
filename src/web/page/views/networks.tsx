/** Networks: what each is, and how full. */
import type { NetworkView } from "../../../control/views.js";
import { Bar, Facts, Panel, Waiting } from "../parts/pieces.js";
import { counted, formatCount } from "../parts/texts.js";
import { networks } from "../state/lists.js";
import { usePolling } from "../state/polling.js";
import { formatRoute } from "../state/route.js";

const AGAIN_MS = 3000;

const KINDS: Readonly<Record<string, string>> = {
  nat: "behind the host's address",
  routed: "with addresses of their own in the world",
  isolated: "with each other and the host only",
  private: "with each other only",
  bridge: "on one link",
};

export function NetworksPage() {
  usePolling(() => networks.load(), AGAIN_MS);
  const all = networks.value.value;
  return (
    <>
      <h1>Networks</h1>
      {all === undefined ? (
        <Waiting />
      ) : (
        <div class="cards">
          {all.map((network) => (
            <NetworkCard key={network.name} network={network} />
          ))}
        </div>
      )}
    </>
  );
}

export function NetworkCard(props: { network: NetworkView }) {
  const { network } = props;
  const { name, kind, leasesBound, poolSize, guestsAttached } = network;
  const free = Math.max(0, poolSize - leasesBound);
  return (
    <Panel title={name} aside={<span class="chip">{kind}</span>}>
      <p class="muted card-note">{KINDS[kind] ?? kind}</p>
      <Bar used={leasesBound} total={poolSize} label={`addresses of ${name}`} />
      <p class="card-count">
        <b>{formatCount(leasesBound)}</b> of {formatCount(poolSize)} addresses leased, {formatCount(free)} free
      </p>
      <Facts
        rows={[
          ["IPv4", code(network.ipv4)],
          ["gateway", code(network.gatewayIpv4)],
          ["IPv6", code(network.ipv6)],
          ["gateway MAC", code(network.gatewayMac)],
          ["uplink", code(network.uplink)],
          ["serves", network.serves.join(" ")],
          ["domain", code(network.domain)],
          ["MTU", String(network.mtu)],
          ["data plane", network.dataplane],
          [
            "guests",
            <a href={formatRoute("guests", undefined, { network: name })}>{counted(guestsAttached, "guest")} attached</a>,
          ],
        ]}
      />
    </Panel>
  );
}

function code(text: string | null) {
  return text === null ? null : <code>{text}</code>;
}
