import { networkInterfaces } from "node:os";
import { ConfigError } from "../../base/errors.js";
import { ConfigurationError, explainOwnPublics, INSTALLED_PATH, loadConfiguration } from "../../config/index.js";
import { type Context, printJson } from "../context.js";
import { EXIT } from "../exit-codes.js";
import { whichConfiguration } from "../which-configuration.js";

/** `tapnet config check [FILE]`: without a daemon, as whoever calls it. */
export async function configCheck(context: Context, file: string | undefined, options: { rootless?: boolean }): Promise<number> {
  const { path, rootless } = whichConfiguration(file, options.rootless);
  try {
    const configuration = loadConfiguration(path, { rootless });
    if (context.json) {
      printJson(context, { path: path ?? null, valid: true, problems: [] });
    } else {
      const counted = `${count(configuration.networks.length, "network")}, ${count(new Set(configuration.guests.map(({ name }) => name)).size, "guest")}`;
      const what = path ?? `There is no ${INSTALLED_PATH}; the embedded default`;
      context.terminal.print(`${what} ${context.terminal.paint("green", "is good")}: ${counted}`);
      const own = Object.values(networkInterfaces()).map((addresses = []) => addresses.map(({ address }) => address));
      for (const warning of explainOwnPublics(configuration.guests, own)) context.terminal.note(`but: ${warning}`);
    }
    return EXIT.done;
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    report(context, path, thrown);
    return EXIT.failed;
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function report(context: Context, path: string | undefined, error: ConfigError): void {
  if (context.json) {
    const problems =
      error instanceof ConfigurationError ? error.problems : [{ line: null, column: null, message: error.message }];
    const plain = problems.map(({ line, column, message }) => ({ line, column, message }));
    printJson(context, { path: path ?? null, valid: false, problems: plain });
    return;
  }
  context.terminal.note(error instanceof ConfigurationError ? error.report(context.terminal.colours) : error.message);
}
