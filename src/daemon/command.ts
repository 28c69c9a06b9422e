import { statSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { errorMessage, TapnetError } from "../base/errors.js";
import {
  type Configuration,
  ConfigurationError,
  DEFAULT_STATE_DIRECTORY,
  installedConfiguration,
  loadConfiguration,
} from "../config/index.js";
import { packageVersion } from "../control/package.js";
import { DEFAULT_RUN_DIRECTORY } from "../control/paths.js";
import { Rtnetlink } from "../os/rtnetlink.js";
import { runSoon } from "../os/scheduling.js";
import { Daemon } from "./daemon.js";
import { complain, type DaemonLogger, makeLogger } from "./log.js";
import { type DaemonOptions, parseDaemonOptions, USAGE } from "./options.js";
import { type Folders, makeOwn, rootlessFolders } from "./rootless/folders.js";
import { type FromInside, INSIDE, launch } from "./rootless/launch.js";

const EXIT = { failed: 1, usage: 2 } as const;
const LOOPBACK_IFINDEX = 1;
/** Some 600 guests. */
const LARGE_CONFIGURATION_BYTES = 64 * 1024;

/** The configuration with what the command line says over it; `folders` are the defaults of a user's own daemon. */
function configure(options: DaemonOptions, folders: Folders | undefined): Configuration {
  const installed = folders === undefined ? installedConfiguration() : folders.config;
  const path = options.config ?? installed;
  letHeapGrow(path);
  const configuration = loadConfiguration(path, { rootless: options.rootless });
  const otherwise = (written: string, machine: string, own: string | undefined) =>
    written === machine ? (own ?? written) : written;
  return {
    ...configuration,
    runDirectory:
      options.run ?? process.env["TAPNET_RUN"] ?? otherwise(configuration.runDirectory, DEFAULT_RUN_DIRECTORY, folders?.run),
    stateDirectory: options.state ?? otherwise(configuration.stateDirectory, DEFAULT_STATE_DIRECTORY, folders?.state),
    logLevel: options.log ?? configuration.logLevel,
  };
}

/**
 * Where there is much to take in, the part of the heap for new objects may grow after all (see `main.ts`): a start with 3,000
 * guests with lists of their own collects 95 times in 0.8 s instead of 1,220 times in 1.9, and the process is no larger (225 and
 * 247 MB).
 */
function letHeapGrow(path: string | undefined): void {
  if (sizeOf(path) > LARGE_CONFIGURATION_BYTES) setFlagsFromString("--semi-space-growth-factor=2");
}

/** 0 where it cannot be told: whoever reads the file says why. */
function sizeOf(path: string | undefined): number {
  try {
    return path === undefined ? 0 : statSync(path).size;
  } catch {
    return 0;
  }
}

/** `tapnetd ARGUMENTS`: serves, cleans up or explains itself. What fails ends the process. */
export function main(args: readonly string[]): Promise<void> {
  return run(args).catch(fail);
}

async function run(args: readonly string[]): Promise<void> {
  const options = parseDaemonOptions(args);
  if (options.help) return void process.stdout.write(`${USAGE}\n`);
  if (options.version) return void process.stdout.write(`tapnetd ${packageVersion()}\n`);
  const uid = process.getuid?.() ?? 0;
  const folders = options.rootless ? rootlessFolders(process.env, uid) : undefined;
  const configuration = configure(options, folders);
  const log = makeLogger(configuration.logLevel);
  const isInside = process.env[INSIDE] !== undefined;
  if (folders !== undefined && !isInside) {
    makeOwn(configuration.runDirectory, uid);
    process.exit(await launch(configuration.runDirectory, [process.argv[1], ...args], options.cleanup, log));
  }
  if (isInside) openLoopback();
  if (options.cleanup) return Daemon.cleanup(configuration, log);
  const refusal = runSoon();
  if (refusal !== undefined) log.debug({}, refusal);
  const signals = new Signals(log);
  const daemon = await Daemon.start(configuration, log, isInside);
  tellOutside({ kind: "serving" });
  signals.obey({
    reload: () => reload(daemon, log, options, folders),
    stop: async () => {
      const guests = daemon.ports.list().length;
      await daemon.stop();
      tellOutside({ kind: "stopped", guests });
      process.exit(0);
    },
  });
}

interface Obedient {
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * What signals ask for. One that comes while the daemon starts is obeyed when it has: halfway it would leave what a crash leaves.
 * The first that ends it is the last that is listened to; who cannot wait sends SIGTERM twice.
 */
class Signals {
  readonly #log: DaemonLogger;
  #daemon: Obedient | undefined;
  #reloads = false;
  #stops: NodeJS.Signals | undefined;
  #isStopping = false;

  constructor(log: DaemonLogger) {
    this.#log = log;
    process.on("SIGHUP", () => {
      this.#reloads = true;
      this.#act();
    });
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      process.once(name, (signal) => {
        this.#stops = signal;
        this.#act();
      });
    }
  }

  obey(daemon: Obedient): void {
    this.#daemon = daemon;
    this.#act();
  }

  #act(): void {
    if (this.#daemon === undefined || this.#isStopping) return;
    if (this.#stops !== undefined) {
      this.#isStopping = true;
      this.#log.info({ signal: this.#stops }, "stopping; guests stay connected");
      void this.#daemon.stop();
    } else if (this.#reloads) {
      this.#reloads = false;
      void this.#daemon.reload();
    }
  }
}

/** In a new namespace even the loopback is down. */
function openLoopback(): void {
  const kernel = new Rtnetlink();
  const batch = kernel.batch();
  batch.setLink(LOOPBACK_IFINDEX, { up: true });
  batch.send();
  kernel.close();
}

/** Where we are inside a namespace, somebody outside wants to know. */
function tellOutside(message: FromInside): void {
  if (process.connected) process.send?.(message);
}

/** A configuration that cannot be used changes nothing. */
async function reload(daemon: Daemon, log: DaemonLogger, options: DaemonOptions, folders: Folders | undefined): Promise<void> {
  try {
    const configuration = configure(options, folders);
    log.level = configuration.logLevel;
    await daemon.reload(configuration);
  } catch (thrown) {
    daemon.state.refused(errorMessage(thrown));
  }
}

/** Everything that can be foreseen is said in a sentence; only our own mistakes show where they happened. */
function fail(thrown: unknown): never {
  if (thrown instanceof ConfigurationError) complain(thrown.report(process.stderr.isTTY));
  else if (thrown instanceof TapnetError) complain(`tapnetd: ${thrown.message}`);
  else complain(`tapnetd: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
  const usage = thrown instanceof TapnetError && (thrown.code === "USAGE" || thrown.code === "CONFIG");
  process.exit(usage ? EXIT.usage : EXIT.failed);
}
