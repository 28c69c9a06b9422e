import { lstatSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileReason, TapnetError } from "../../base/errors.js";
import { ownConfigurationPath } from "../../config/index.js";
import { ownRunDirectories } from "../../control/paths.js";

/** The folders of a user's own daemon (XDG Base Directory Specification). */
export interface Folders {
  readonly run: string;
  readonly state: string;
  /** The configuration, where there is one. */
  readonly config: string | undefined;
}

/** Where they are unless something else is said. */
export function rootlessFolders(environment: NodeJS.ProcessEnv, uid: number): Folders {
  const home = (variable: string, otherwise: string): string => {
    const path = environment[variable];
    return path?.startsWith("/") === true ? path : join(environment["HOME"] ?? "/", otherwise);
  };
  const config = ownConfigurationPath(environment);
  return {
    run: runDirectory(environment, uid),
    state: join(home("XDG_STATE_HOME", ".local/state"), "tapnet"),
    config: statSync(config, { throwIfNoEntry: false }) === undefined ? undefined : config,
  };
}

/** The first place whose folder above is there: a login makes /run/user/UID, `su` does not. */
function runDirectory(environment: NodeJS.ProcessEnv, uid: number): string {
  const places = ownRunDirectories(environment, uid);
  return places.find((path) => statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory()) ?? places[0];
}

/** Makes the run directory, for this user alone. Throws TapnetError DIRECTORY where that cannot be, or somebody else was faster. */
export function makeOwn(path: string, uid: number): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw new TapnetError(
      "DIRECTORY",
      `the directory ${path} cannot be made: ${fileReason(thrown)}; set XDG_RUNTIME_DIR, or say another with --run`,
      { cause: thrown },
    );
  }
  const made = lstatSync(path);
  if (made.isDirectory() && made.uid === uid) return;
  throw new TapnetError("DIRECTORY", `${path} belongs to somebody else; set XDG_RUNTIME_DIR, or say another with --run`);
}
