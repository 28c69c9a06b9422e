import { TapnetError } from "../../base/errors.js";
import { packageVersion } from "../../control/package.js";
import type { VersionView } from "../../control/views.js";
import { type Context, printJson } from "../context.js";

/** `tapnet version`. A daemon that is not there is no failure here. */
export async function version(context: Context): Promise<undefined> {
  const own = packageVersion();
  const daemon = await askDaemon(context);
  if (context.json) {
    printJson(context, { version: own, daemon: daemon instanceof TapnetError ? null : daemon });
    return;
  }
  context.terminal.print(`tapnet   ${own}`);
  if (daemon instanceof TapnetError) {
    context.terminal.print(
      `tapnetd  ${context.terminal.paint("dim", daemon.code === "ABSENT" ? "not running" : daemon.message)}`,
    );
    return;
  }
  context.terminal.print(`tapnetd  ${daemon.version}, process ${daemon.pid}, Node ${daemon.node}`);
  if (daemon.version !== own)
    context.terminal.note("The versions differ; restart the daemon after an upgrade: systemctl restart tapnetd");
}

async function askDaemon(context: Context): Promise<VersionView | TapnetError> {
  try {
    return await (await context.client()).version();
  } catch (thrown) {
    if (thrown instanceof TapnetError) return thrown;
    throw thrown;
  }
}
