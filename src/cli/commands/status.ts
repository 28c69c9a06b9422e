import { formatElapsed } from "../../base/times.js";
import type { NetworkView, StatusView } from "../../control/views.js";
import { type Context, printJson } from "../context.js";
import { formatFields, formatTable } from "../table.js";
import { printable } from "../terminal.js";

/** `tapnet status`. */
export async function status(context: Context): Promise<undefined> {
  const client = await context.client();
  const view = await client.status();
  if (context.json) {
    printJson(context, view);
    return;
  }
  context.terminal.print(describeDaemon(context, view));
  for (const warning of view.warnings) context.terminal.print(`\n${context.terminal.paint("yellow", "!")} ${printable(warning)}`);
  const networks = await client.networks();
  if (networks.length > 0) context.terminal.print(`\n${networkTable(context, networks)}`);
}

function describeDaemon(context: Context, view: StatusView): string {
  const uptime = formatElapsed(context.nowMs - Date.parse(view.startedAt));
  const mode = view.rootless ? ", rootless" : "";
  return formatFields(context.terminal, [
    ["tapnetd", `${view.version}, process ${view.pid}, up ${uptime}${mode}`],
    ["configuration", view.configuration],
    ["guests", `${view.guests.attached} attached, ${view.guests.configured} configured`],
    ["leases", `${view.leases.bound} bound${view.leases.declined > 0 ? `, ${view.leases.declined} declined` : ""}`],
  ]);
}

/** Networks with how full they are; also `tapnet net list`. */
export function networkTable(context: Context, networks: readonly NetworkView[]): string {
  return formatTable<NetworkView>(
    context.terminal,
    [
      { title: "NETWORK", value: (network) => network.name },
      { title: "KIND", value: (network) => network.kind },
      { title: "IPV4", value: (network) => network.ipv4 },
      { title: "IPV6", spare: 2, value: (network) => network.ipv6 },
      { title: "DOMAIN", spare: 1, value: (network) => network.domain },
      { title: "GUESTS", value: (network) => String(network.guestsAttached), align: "right" },
      {
        title: "LEASES",
        value: (network) => `${network.leasesBound}/${network.poolSize}`,
        align: "right",
        style: (network) => (network.poolSize > 0 && network.leasesBound >= network.poolSize ? "red" : undefined),
      },
    ],
    networks,
  );
}
