import { type Context, printJson } from "../context.js";

/** `tapnet guest mac NAME`. */
export async function guestMac(context: Context, name: string, options: { network?: string }): Promise<undefined> {
  const made = await (await context.client()).mac({ guest: name, network: options.network });
  if (context.json) printJson(context, made);
  else context.terminal.print(made.mac);
}
