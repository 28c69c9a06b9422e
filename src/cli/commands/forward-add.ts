import { type Context, printJson } from "../context.js";
import { describeForward } from "./forward-list.js";

/** `tapnet forward add GUEST FORWARD`. */
export async function forwardAdd(
  context: Context,
  guest: string,
  forward: string,
  options: { permanent?: boolean },
): Promise<undefined> {
  const added = await (await context.client()).addForward({ guest, forward, permanent: options.permanent });
  if (context.json) printJson(context, added);
  else context.terminal.print(`forwarding ${describeForward(added)}`);
}
