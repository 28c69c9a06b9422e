import type { DnsNameView } from "../../control/views.js";
import { type Context, printJson } from "../context.js";
import { formatTable } from "../table.js";

/** `tapnet dns list`. */
export async function dnsList(context: Context, options: { network?: string }): Promise<undefined> {
  const names = await (await context.client()).dnsNames(options.network);
  if (context.json) printJson(context, names);
  else if (names.length === 0) context.terminal.note("No names.");
  else context.terminal.print(nameTable(context, names));
}

function nameTable(context: Context, names: readonly DnsNameView[]): string {
  return formatTable<DnsNameView>(
    context.terminal,
    [
      { title: "NAME", value: (name) => name.name },
      { title: "TYPE", value: (name) => name.type },
      { title: "VALUE", value: (name) => name.value },
      { title: "TTL", spare: 1, value: (name) => String(name.ttlSeconds), align: "right" },
      { title: "NETWORK", spare: 3, value: (name) => name.network },
      { title: "FROM", spare: 2, value: (name) => name.source },
    ],
    names,
  );
}
