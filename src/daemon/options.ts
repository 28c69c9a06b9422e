import { parseArgs } from "node:util";
import { TapnetError } from "../base/errors.js";
import type { LogLevel } from "../config/index.js";

/** What the command line says; it goes before the configuration, which goes before the defaults. */
export interface DaemonOptions {
  readonly config: string | undefined;
  readonly run: string | undefined;
  readonly state: string | undefined;
  readonly log: LogLevel | undefined;
  readonly rootless: boolean;
  readonly cleanup: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

export const USAGE = `Usage: tapnetd [options]

Gives the guests on this host their network. Without a configuration it serves one NAT network, 10.77.0.0/24.

Options:
  --rootless      serve in a namespace of your own: needs no root, and finds its files in your home (XDG)
  --config FILE   configuration (default /etc/tapnet/tapnet.yaml where it exists)
  --run DIR       where the sockets are made (default /run/tapnet)
  --state DIR     where leases are kept (default /var/lib/tapnet)
  --log LEVEL     debug, info, warn or error (default info)
  --cleanup       remove every trace from the kernel, then end; the daemon must not run
  --version       print the version
  --help          print this

Signals: SIGTERM and SIGINT end it and leave guests connected; SIGHUP reads the configuration again.`;

/** Reads the command line; throws TapnetError USAGE with what to do. */
export function parseDaemonOptions(args: readonly string[]): DaemonOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        config: { type: "string" },
        run: { type: "string" },
        state: { type: "string" },
        log: { type: "string" },
        rootless: { type: "boolean", default: false },
        cleanup: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        version: { type: "boolean", default: false },
      },
    });
    return {
      config: values.config,
      run: values.run,
      state: values.state,
      log: parseLevel(values.log),
      rootless: values.rootless,
      cleanup: values.cleanup,
      help: values.help,
      version: values.version,
    };
  } catch (thrown) {
    if (thrown instanceof TapnetError) throw thrown;
    throw new TapnetError("USAGE", `${describe(thrown as NodeJS.ErrnoException)}\nTry: tapnetd --help`, { cause: thrown });
  }
}

/** What parseArgs says, in the form of everything else that is said here. */
function describe({ code, message }: NodeJS.ErrnoException): string {
  const [first] = message.split("\n");
  if (code === "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL")
    return first.replace(/^Unexpected argument (.*?)\..*/, "unexpected argument $1");
  return first.charAt(0).toLowerCase() + first.slice(1);
}

function parseLevel(text: string | undefined): LogLevel | undefined {
  if (text === undefined || text === "debug" || text === "info" || text === "warn" || text === "error") return text;
  throw new TapnetError("USAGE", `--log ${text}: write debug, info, warn or error`);
}
