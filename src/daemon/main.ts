#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { errorMessage, TapnetError } from "../base/errors.js";
import { type Configuration, ConfigurationError, installedConfiguration, loadConfiguration } from "../config/index.js";
import { packageVersion } from "../control/version.js";
import { Daemon } from "./daemon.js";
import { makeLogger } from "./log.js";
import { type DaemonOptions, parseDaemonOptions, USAGE } from "./options.js";

const EXIT = { failed: 1, usage: 2 } as const;

/** The configuration with what the command line says over it. */
function configure(options: DaemonOptions): Configuration {
  const configuration = loadConfiguration(options.config ?? installedConfiguration());
  return {
    ...configuration,
    runDirectory: options.run ?? process.env["TAPNET_RUN"] ?? configuration.runDirectory,
    stateDirectory: options.state ?? configuration.stateDirectory,
    logLevel: options.log ?? configuration.logLevel,
  };
}

/**
 * V8 lets the part of the heap for new objects grow to 48 MB and never gives it back. What lives long here (leases, names)
 * outgrows it at once, and what does not is small: so it stays as it begins.
 */
function keepNewSpaceSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseDaemonOptions(args);
  if (options.help) return void process.stdout.write(`${USAGE}\n`);
  if (options.version) return void process.stdout.write(`tapnetd ${packageVersion()}\n`);
  const configuration = configure(options);
  const log = makeLogger(configuration.logLevel);
  if (options.cleanup) return Daemon.cleanup(configuration, log);
  const daemon = await Daemon.start(configuration, log);
  process.on("SIGHUP", () => void reload(daemon, options));
  const stop = (signal: string): void => {
    log.info({ signal }, "stopping; guests stay connected");
    void daemon.stop().then(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

/** A configuration that cannot be used changes nothing. */
async function reload(daemon: Daemon, options: DaemonOptions): Promise<void> {
  try {
    await daemon.reload(configure(options));
  } catch (thrown) {
    daemon.log.error({ error: errorMessage(thrown) }, "the configuration was not loaded; the one before stays in effect");
  }
}

/** Everything that can be foreseen is said in a sentence; only our own mistakes show where they happened. */
function fail(thrown: unknown): never {
  if (thrown instanceof ConfigurationError) process.stderr.write(`${thrown.report(process.stderr.isTTY)}\n`);
  else if (thrown instanceof TapnetError) process.stderr.write(`tapnetd: ${thrown.message}\n`);
  else process.stderr.write(`tapnetd: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
  const usage = thrown instanceof TapnetError && (thrown.code === "USAGE" || thrown.code === "CONFIG");
  process.exit(usage ? EXIT.usage : EXIT.failed);
}

keepNewSpaceSmall();
main(process.argv.slice(2)).catch(fail);
