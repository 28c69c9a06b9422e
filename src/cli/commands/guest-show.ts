import { TapnetError } from "../../base/errors.js";
import { formatBytes } from "../../base/sizes.js";
import { formatLocal, formatRelative } from "../../base/times.js";
import type { GuestView, TrafficView } from "../../control/views.js";
import { type Context, printJson } from "../context.js";
import { realHost } from "../doctor/host.js";
import { describeLink } from "../link-speed.js";
import { formatFields } from "../table.js";
import { holdersOf } from "../tap-holders.js";
import { leaseTable } from "./lease-list.js";

/** `tapnet guest show NAME`. */
export async function guestShow(context: Context, name: string): Promise<undefined> {
  const client = await context.client();
  const [guests, leases, links] = await Promise.all([
    client.guests(),
    client.leases({ guest: name }),
    client.links({ guest: name }),
  ]);
  const holders = holdersOf(realHost());
  const nics = guests.filter((candidate) => candidate.name === name);
  const [guest] = nics;
  if (guest === undefined) throw new TapnetError("NOT_FOUND", `there is no guest ${name}; see: tapnet guest list`);
  if (context.json) {
    printJson(context, {
      ...guest,
      nics,
      leases,
      links: links.map((link) => ({ ...link, vmm: holders.get(link.ifname) ?? null })),
    });
    return;
  }
  for (const [index, nic] of nics.entries()) {
    const link = links.find(({ ifname }) => ifname === nic.ifname);
    const speed = link === undefined ? [] : describeLink(link, holders.get(link.ifname));
    context.terminal.print(`${index === 0 ? "" : "\n"}${describeGuest(context, nic, speed)}`);
  }
  if (leases.length > 0) context.terminal.print(`\n${leaseTable(context, leases)}`);
}

function describeTraffic(traffic: TrafficView | null): string | null {
  return traffic === null ? null : `${formatBytes(traffic.bytes)} in ${traffic.packets} packets`;
}

/** One guest as names and values; also what attach and detach answer. */
export function describeGuest(context: Context, guest: GuestView, more: readonly (readonly [string, string])[] = []): string {
  const since =
    guest.attachedAt === null
      ? ""
      : ` since ${formatLocal(guest.attachedAt)}, ${formatRelative(guest.attachedAt, context.nowMs)}`;
  return formatFields(context.terminal, [
    ["guest", guest.name],
    ["network", guest.network],
    ["state", `${guest.state}${since}`],
    ["interface", guest.ifname],
    ["MAC", guest.mac],
    ["IPv4", guest.ipv4.join(" ")],
    ["IPv6", guest.ipv6.join(" ")],
    ["public", guest.public.join(" ")],
    ["names", guest.names.join(" ")],
    ["sent", describeTraffic(guest.sent)],
    ["received", describeTraffic(guest.received)],
    ...more,
  ]);
}
