import { type Context, printJson } from "../context.js";
import { emitDnsmasqLeases } from "../lease-files/dnsmasq.js";
import { emitJsonLeases } from "../lease-files/json.js";
import { emitKeaLeases } from "../lease-files/kea.js";

/** `tapnet lease export`: leases that are held now, on stdout. */
export async function leaseExport(
  context: Context,
  options: { format: "json" | "dnsmasq" | "kea"; network?: string },
): Promise<undefined> {
  const leases = await (await context.client()).leases({ state: "bound", network: options.network });
  if (options.format === "json") {
    printJson(context, emitJsonLeases(leases));
    return;
  }
  const text = options.format === "kea" ? emitKeaLeases(leases, context.nowMs) : emitDnsmasqLeases(leases);
  if (text !== "") context.terminal.print(text.trimEnd());
}
