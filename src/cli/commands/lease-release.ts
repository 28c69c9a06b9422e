import { type Context, printJson } from "../context.js";

/** `tapnet lease release ADDRESS`. */
export async function leaseRelease(context: Context, address: string, options: { network?: string }): Promise<undefined> {
  const lease = await (await context.client()).releaseLease(address, options.network);
  if (context.json) printJson(context, lease);
  else context.terminal.print(`${lease.address} of ${lease.identity} in ${lease.network} is ${lease.state}`);
}
