import { type Context, printJson } from "../context.js";
import { printable } from "../terminal.js";
import { networkTable } from "./status.js";

/** `tapnet net list`. */
export async function netList(context: Context, options: { quiet?: boolean }): Promise<undefined> {
  const networks = await (await context.client()).networks();
  if (context.json) printJson(context, networks);
  else if (options.quiet === true) for (const network of networks) context.terminal.print(printable(network.name));
  else context.terminal.print(networkTable(context, networks));
}
