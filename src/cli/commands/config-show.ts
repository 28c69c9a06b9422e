import { stringify } from "yaml";
import { describeConfiguration, loadConfiguration } from "../../config/index.js";
import { type Context, printJson } from "../context.js";
import { whichConfiguration } from "../which-configuration.js";

/** `tapnet config show [FILE]`: what a file means, or what the daemon runs with. */
export async function configShow(context: Context, file: string | undefined): Promise<undefined> {
  const tree =
    file === undefined
      ? await (await context.client()).configuration()
      : describeConfiguration(loadConfiguration(file, whichConfiguration(file, undefined)));
  if (context.json) printJson(context, tree);
  else context.terminal.print(stringify(tree, { lineWidth: 120 }).trimEnd());
}
