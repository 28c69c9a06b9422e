import { type Context, printJson } from "../context.js";
import { describeForward } from "./forward-list.js";

/** `tapnet forward remove GUEST FORWARD`. */
export async function forwardRemove(context: Context, guest: string, forward: string): Promise<undefined> {
  const removed = await (await context.client()).removeForward(guest, forward);
  if (context.json) printJson(context, removed);
  else context.terminal.print(`not forwarding ${describeForward(removed)}, any more`);
}
