import { TapnetError } from "../../base/errors.js";
import { formatLocal } from "../../base/times.js";
import type { TenureView } from "../../control/views.js";
import { type Context, printJson } from "../context.js";
import { formatTable } from "../table.js";

/** `tapnet lease history [ADDRESS]`. */
export async function leaseHistory(
  context: Context,
  address: string | undefined,
  options: { guest?: string; at?: string },
): Promise<undefined> {
  if (address === undefined && options.guest === undefined && options.at === undefined) {
    throw new TapnetError("USAGE", "name an address, --guest or --at: the whole history is long");
  }
  const tenures = await (await context.client()).leaseHistory({ address, guest: options.guest, at: readTime(options.at) });
  if (context.json) printJson(context, tenures);
  else if (tenures.length === 0) context.terminal.note("Nobody had it, as far as history goes back.");
  else context.terminal.print(tenureTable(context, tenures));
}

/** A time without a zone is a local one, as people mean it. */
function readTime(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text.replace(" ", "T"));
  if (Number.isNaN(time)) throw new TapnetError("USAGE", `--at ${text} is not a time; write one like 2025-01-31T12:00`);
  return new Date(time).toISOString();
}

function tenureTable(context: Context, tenures: readonly TenureView[]): string {
  return formatTable<TenureView>(
    context.terminal,
    [
      { title: "ADDRESS", value: (tenure) => tenure.address },
      { title: "NETWORK", spare: 3, value: (tenure) => tenure.network },
      { title: "OWNER", value: (tenure) => tenure.identity },
      { title: "MAC", spare: 1, value: (tenure) => tenure.mac },
      { title: "NAME", spare: 2, value: (tenure) => tenure.hostname },
      { title: "FROM", value: (tenure) => formatLocal(tenure.boundAt) },
      { title: "UNTIL", value: (tenure) => formatLocal(tenure.endedAt) ?? "now" },
      { title: "ENDED BY", value: (tenure) => tenure.reason },
    ],
    tenures,
  );
}
