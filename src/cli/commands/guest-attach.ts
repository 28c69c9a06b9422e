import { type Context, printJson } from "../context.js";
import { describeGuest } from "./guest-show.js";

/** `tapnet guest attach INTERFACE`. */
export async function guestAttach(
  context: Context,
  ifname: string,
  options: { guest?: string; network?: string },
): Promise<undefined> {
  const guest = await (await context.client()).attach({ ifname, guest: options.guest, network: options.network });
  if (context.json) printJson(context, guest);
  else context.terminal.print(describeGuest(context, guest));
}
