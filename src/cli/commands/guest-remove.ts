import { type Context, printJson } from "../context.js";
import { printable } from "../terminal.js";

/** `tapnet guest remove NAME`. */
export async function guestRemove(context: Context, name: string): Promise<undefined> {
  const guest = await (await context.client()).removeTap(name);
  if (context.json) printJson(context, guest);
  else context.terminal.print(`${printable(name)}: what guest add had made is removed; its lease stays`);
}
