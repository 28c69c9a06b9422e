import { TapnetError } from "../../base/errors.js";
import type { DnsLogView } from "../../control/views.js";
import { type Context, printJson } from "../context.js";
import { formatTable } from "../table.js";

/** `tapnet dns log`: whose questions are logged; `tapnet dns log GUEST on|off`, `tapnet dns log -n NETWORK on|off` switch it. */
export async function dnsLog(context: Context, words: readonly string[], options: { network?: string }): Promise<undefined> {
  const client = await context.client();
  const { network } = options;
  if (words.length === 0 && network === undefined) {
    printLogs(context, await client.dnsLogs());
    return;
  }
  const [guest, state] = network === undefined ? words : [undefined, ...words];
  if ((state !== "on" && state !== "off") || words.length > 2) {
    throw new TapnetError(
      "USAGE",
      "say whose questions: tapnet dns log GUEST on|off, or tapnet dns log --network NETWORK on|off",
    );
  }
  const view = await client.setDnsLog({ guest, network, on: state === "on" });
  if (context.json) printJson(context, view);
  else context.terminal.print(`the questions of ${whose(view)} are ${view.on ? "" : "not "}logged`);
}

function whose({ guest, network }: DnsLogView): string {
  return guest === null ? `all guests of ${network}` : `${guest} in ${network}`;
}

function printLogs(context: Context, logs: readonly DnsLogView[]): void {
  if (context.json) {
    printJson(context, logs);
  } else if (logs.length === 0) {
    context.terminal.note("Nobody's questions are logged.");
  } else {
    const columns = [
      { title: "NETWORK", value: (log: DnsLogView) => log.network },
      { title: "GUEST", value: (log: DnsLogView) => log.guest ?? "all" },
    ];
    context.terminal.print(formatTable<DnsLogView>(context.terminal, columns, logs));
  }
}
