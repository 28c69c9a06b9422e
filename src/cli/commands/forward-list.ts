import type { ForwardView } from "../../control/views.js";
import { type Context, printJson } from "../context.js";
import { formatTable } from "../table.js";

/** `tapnet forward list`. */
export async function forwardList(context: Context, options: { guest?: string }): Promise<undefined> {
  const forwards = await (await context.client()).forwards(options.guest);
  if (context.json) printJson(context, forwards);
  else if (forwards.length === 0) context.terminal.note("No forwards. To add one: tapnet forward add GUEST 8080:80");
  else context.terminal.print(forwardTable(context, forwards));
}

function forwardTable(context: Context, forwards: readonly ForwardView[]): string {
  return formatTable<ForwardView>(
    context.terminal,
    [
      { title: "GUEST", value: ({ guest }) => guest },
      { title: "FORWARD", value: ({ forward }) => forward },
      {
        title: "LEADS TO",
        value: leadsTo,
        style: (forward) => (leadsTo(forward) === null ? "dim" : undefined),
      },
      { title: "FROM", value: ({ source }) => source },
    ],
    forwards,
  );
}

/** Null while the guest is not there, or has no such address. */
function leadsTo({ ipv4, ipv6 }: ForwardView): string | null {
  const addresses = [ipv4, ipv6].filter((address) => address !== null);
  return addresses.length === 0 ? null : addresses.join(" ");
}

/** One forward in a sentence; what add and remove answer. */
export function describeForward(forward: ForwardView): string {
  const to = leadsTo(forward);
  const where = to === null ? "which has no address yet" : `which is ${to.replace(" ", " and ")}`;
  return `${forward.forward} to guest ${forward.guest}, ${where}`;
}
