import { type Context, printJson } from "../context.js";
import { formatFields } from "../table.js";

/** `tapnet dns stats`. */
export async function dnsStats(context: Context): Promise<undefined> {
  const stats = await (await context.client()).dnsStats();
  if (context.json) printJson(context, stats);
  else
    context.terminal.print(
      formatFields(
        context.terminal,
        Object.entries(stats).map(([name, value]) => [words(name), String(value)] as const),
      ),
    );
}

/** `rate-limited` and `openQuestions` as people write: `rate limited`, `open questions`. */
function words(name: string): string {
  return name.replaceAll("-", " ").replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
