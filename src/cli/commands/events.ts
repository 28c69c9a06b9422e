import { TapnetError } from "../../base/errors.js";
import { formatLocal } from "../../base/times.js";
import { EVENT_KINDS } from "../../control/views.js";
import type { Context } from "../context.js";
import { printable } from "../terminal.js";

/** `tapnet events [KIND…]`: until Ctrl-C or until the daemon ends. With --json one event a line. */
export async function events(context: Context, kinds: readonly string[]): Promise<undefined> {
  for (const kind of kinds) {
    if (!EVENT_KINDS.some((known) => known === kind || known.startsWith(`${kind}.`))) {
      throw new TapnetError(
        "USAGE",
        `there are no events ${kind}; there are: ${EVENT_KINDS.join(", ")}, and lease for all of lease.*`,
      );
    }
  }
  const client = await context.client();
  for await (const event of client.events(kinds)) {
    if (context.json) {
      context.terminal.print(JSON.stringify(event));
      continue;
    }
    const time = context.terminal.paint("dim", formatLocal(event.at) ?? "");
    context.terminal.print(`${time}  ${context.terminal.paint("cyan", printable(event.kind))}  ${printable(event.message)}`);
  }
}
