import { parseIpv4 } from "../../base/ipv4-address.js";
import { parseIpv6 } from "../../base/ipv6-address.js";
import { type Context, printJson } from "../context.js";
import { EXIT } from "../exit-codes.js";
import { formatTable } from "../table.js";
import { printable } from "../terminal.js";

/** Upstream servers have this long before a person is told what is waited for. */
const PATIENCE_MS = 1000;

/** `tapnet dns query NAME [TYPE]`: exit code 1 where there is no answer, so that scripts can ask. */
export async function dnsQuery(
  context: Context,
  name: string,
  type: string | undefined,
  options: { network?: string },
): Promise<number> {
  const client = await context.client();
  const waiting = setTimeout(() => {
    if (!context.json) context.terminal.note("no upstream server has answered yet; they are given 4.5 s …");
  }, PATIENCE_MS);
  const view = await client
    .dnsQuery(name, type?.toUpperCase() ?? usualType(name), options.network)
    .finally(() => clearTimeout(waiting));
  if (context.json) {
    printJson(context, view);
  } else {
    if (view.answers.length > 0) {
      context.terminal.print(
        formatTable(
          context.terminal,
          [
            { title: "NAME", value: (answer) => answer.name },
            { title: "TYPE", value: (answer) => answer.type },
            { title: "TTL", value: (answer) => String(answer.ttlSeconds), align: "right" },
            { title: "VALUE", value: (answer) => answer.value },
          ],
          view.answers,
        ),
      );
    }
    const from = view.from === "refused" ? "" : ` from ${printable(view.from)}`;
    context.terminal.note(`${view.status}${from} in ${view.elapsedMs.toFixed(1)} ms`);
    if (view.reason !== undefined) context.terminal.note(printable(view.reason));
  }
  return view.answers.length > 0 ? EXIT.done : EXIT.failed;
}

/** What is wanted of an address is its name. */
function usualType(name: string): string {
  return parseIpv4(name) === undefined && parseIpv6(name) === undefined ? "A" : "PTR";
}
