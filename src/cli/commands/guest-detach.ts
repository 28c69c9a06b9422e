import { type Context, printJson } from "../context.js";

/** `tapnet guest detach NAME`. */
export async function guestDetach(context: Context, name: string): Promise<undefined> {
  const guest = await (await context.client()).detach(name);
  if (context.json) printJson(context, guest);
  else context.terminal.print(`${guest.name} is detached from ${guest.network}`);
}
