import { TapnetError } from "../../base/errors.js";
import type { NetworkView } from "../../control/views.js";
import { type Context, printJson } from "../context.js";
import { formatFields } from "../table.js";

/** `tapnet net show NAME`. */
export async function netShow(context: Context, name: string): Promise<undefined> {
  const networks = await (await context.client()).networks();
  const network = networks.find((candidate) => candidate.name === name);
  if (network === undefined) throw new TapnetError("NOT_FOUND", `there is no network ${name}; see: tapnet net list`);
  if (context.json) printJson(context, network);
  else context.terminal.print(describeNetwork(context, network));
}

function describeNetwork(context: Context, network: NetworkView): string {
  return formatFields(context.terminal, [
    ["network", network.name],
    ["kind", network.kind],
    ["IPv4", network.ipv4],
    ["gateway", network.gatewayIpv4],
    ["IPv6", network.ipv6],
    ["gateway MAC", network.gatewayMac],
    ["uplink", network.uplink],
    ["domain", network.domain],
    ["MTU", String(network.mtu)],
    ["serves", network.serves.join(" ")],
    ["guests", `${network.guestsAttached} attached`],
    ["leases", `${network.leasesBound} of ${network.poolSize}`],
  ]);
}
