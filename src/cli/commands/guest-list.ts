import { formatBytes } from "../../base/sizes.js";
import { formatRelative } from "../../base/times.js";
import { qemuWords } from "../../control/package.js";
import type { GuestView } from "../../control/views.js";
import { type Context, printJson } from "../context.js";
import { formatTable } from "../table.js";
import { printable } from "../terminal.js";

/** `tapnet guest list`. */
export async function guestList(context: Context, options: { network?: string; quiet?: boolean }): Promise<undefined> {
  const guests = await (await context.client()).guests({ network: options.network });
  if (context.json) {
    printJson(context, guests);
  } else if (options.quiet === true) {
    for (const guest of guests) context.terminal.print(printable(guest.name));
  } else if (guests.length === 0) {
    context.terminal.note(`No guests. QEMU attaches one called web1 by: ${qemuWords("web1")}`);
  } else {
    context.terminal.print(guestTable(context, guests));
  }
}

function guestTable(context: Context, guests: readonly GuestView[]): string {
  return formatTable<GuestView>(
    context.terminal,
    [
      { title: "GUEST", value: (guest) => guest.name },
      { title: "NETWORK", spare: 5, value: (guest) => guest.network },
      { title: "STATE", value: (guest) => guest.state, style: (guest) => (guest.state === "attached" ? "green" : "dim") },
      { title: "ADDRESSES", value: (guest) => [...guest.ipv4, ...guest.ipv6].join(" ") },
      { title: "MAC", spare: 4, value: (guest) => guest.mac },
      { title: "INTERFACE", spare: 3, value: (guest) => guest.ifname },
      { title: "SENT", spare: 2, value: ({ sent }) => (sent === null ? null : formatBytes(sent.bytes)), align: "right" },
      {
        title: "RECEIVED",
        spare: 2,
        value: ({ received }) => (received === null ? null : formatBytes(received.bytes)),
        align: "right",
      },
      { title: "ATTACHED", spare: 1, value: (guest) => formatRelative(guest.attachedAt, context.nowMs) },
    ],
    guests,
  );
}
