import { formatRelative } from "../../base/times.js";
import type { LeaseView } from "../../control/views.js";
import { type Context, printJson } from "../context.js";
import { formatTable } from "../table.js";

/** `tapnet lease list`: without a state, those that are held now. */
export async function leaseList(
  context: Context,
  options: { network?: string; guest?: string; state?: string },
): Promise<undefined> {
  const leases = await (await context.client()).leases({ state: "bound", ...options });
  if (context.json) printJson(context, leases);
  else if (leases.length === 0) context.terminal.note("No leases.");
  else context.terminal.print(leaseTable(context, leases));
}

const STATE_STYLE = { offered: "cyan", bound: "green", released: "dim", expired: "dim", declined: "red" } as const;

/** Leases, one a line. */
export function leaseTable(context: Context, leases: readonly LeaseView[]): string {
  return formatTable<LeaseView>(
    context.terminal,
    [
      { title: "ADDRESS", value: (lease) => lease.address },
      { title: "NETWORK", spare: 2, value: (lease) => lease.network },
      { title: "OWNER", value: (lease) => lease.identity },
      { title: "MAC", spare: 1, value: (lease) => lease.mac },
      { title: "NAME", spare: 3, value: (lease) => lease.hostname },
      { title: "STATE", value: (lease) => lease.state, style: (lease) => STATE_STYLE[lease.state] },
      { title: "EXPIRES", value: (lease) => formatExpiry(lease, context.nowMs) },
    ],
    leases,
  );
}

/** `in 52 min`, or `never` for a bound lease without end. */
export function formatExpiry(lease: LeaseView, nowMs: number): string | null {
  if (lease.expiresAt === null) return lease.state === "bound" ? "never" : null;
  return formatRelative(lease.expiresAt, nowMs);
}
