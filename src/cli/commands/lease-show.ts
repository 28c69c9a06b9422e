import { TapnetError } from "../../base/errors.js";
import { parseIpv4 } from "../../base/ipv4-address.js";
import { parseIpv6 } from "../../base/ipv6-address.js";
import { formatLocal } from "../../base/times.js";
import type { LeaseView } from "../../control/views.js";
import { type Context, printJson } from "../context.js";
import { formatFields } from "../table.js";
import { formatExpiry } from "./lease-list.js";

/** `tapnet lease show ADDRESS`. */
export async function leaseShow(context: Context, address: string): Promise<undefined> {
  if (parseIpv4(address) === undefined && parseIpv6(address.replace(/\/\d+$/, "")) === undefined) {
    throw new TapnetError("USAGE", `${address} is no address; see: tapnet lease list`);
  }
  const leases = await (await context.client()).leases({ address });
  if (leases.length === 0) throw new TapnetError("NOT_FOUND", `nobody has or had ${address}; see: tapnet lease list`);
  if (context.json) printJson(context, leases);
  else context.terminal.print(leases.map((lease) => describeLease(context, lease)).join("\n\n"));
}

function describeLease(context: Context, lease: LeaseView): string {
  return formatFields(context.terminal, [
    ["address", lease.address],
    ["network", lease.network],
    ["state", lease.state],
    ["owner", lease.identity],
    ["MAC", lease.mac],
    ["client-id", lease.clientId],
    ["host name", lease.hostname],
    ["bound", formatLocal(lease.boundAt)],
    ["renewed", formatLocal(lease.renewedAt)],
    ["expires", [formatLocal(lease.expiresAt), formatExpiry(lease, context.nowMs)].filter((part) => part !== null).join(", ")],
  ]);
}
