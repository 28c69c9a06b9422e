import type { GuestView } from "../../control/views.js";
import { type Context, printJson } from "../context.js";
import { formatBytes } from "../sizes.js";
import { formatTable } from "../table.js";
import { printable } from "../terminal.js";
import { formatRelative } from "../times.js";

/** `tapnet guest list`. */
export async function guestList(context: Context, options: { network?: string; quiet?: boolean }): Promise<undefined> {
  const guests = await (await context.client()).guests({ network: options.network });
  if (context.json) {
    printJson(context, guests);
  } else if (options.quiet === true) {
    for (const guest of guests) context.terminal.print(printable(guest.name));
  } else if (guests.length === 0) {
    context.terminal.note("No guests. To attach one: -netdev tap,id=n0,ifname=tn-NAME,script=…/qemu-ifup, see qemu-ifup(8).");
  } else {
    context.terminal.print(guestTable(context, guests));
  }
}

function guestTable(context: Context, guests: readonly GuestView[]): string {
  return formatTable<GuestView>(
    context.terminal,
    [
      { title: "GUEST", value: (guest) => guest.name },
      { title: "NETWORK", value: (guest) => guest.network },
      { title: "STATE", value: (guest) => guest.state, style: (guest) => (guest.state === "attached" ? "green" : "dim") },
      { title: "ADDRESSES", value: (guest) => [...guest.ipv4, ...guest.ipv6].join(" ") },
      { title: "MAC", value: (guest) => guest.mac },
      { title: "INTERFACE", value: (guest) => guest.ifname },
      { title: "SENT", value: ({ sent }) => (sent === null ? null : formatBytes(sent.bytes)), align: "right" },
      { title: "RECEIVED", value: ({ received }) => (received === null ? null : formatBytes(received.bytes)), align: "right" },
      { title: "ATTACHED", value: (guest) => formatRelative(guest.attachedAt, context.nowMs) },
    ],
    guests,
  );
}
