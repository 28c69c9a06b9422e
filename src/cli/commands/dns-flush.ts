import { type Context, printJson } from "../context.js";

/** `tapnet dns flush [NAME]`. */
export async function dnsFlush(context: Context, name: string | undefined): Promise<undefined> {
  const view = await (await context.client()).dnsFlush(name);
  if (context.json) printJson(context, view);
  else context.terminal.print(`${view.flushed} answers forgotten`);
}
