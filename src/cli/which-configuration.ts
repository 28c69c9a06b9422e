import { realpathSync, statSync } from "node:fs";
import { type ConfigurationUse, installedConfiguration, ownConfigurationPath } from "../config/index.js";

/**
 * The configuration that is meant, and whose daemon it is for. Unless it is said (`--rootless`), the file in a user's own folder is
 * for a daemon without root, and it is the one that a user means who names none and has one.
 */
export function whichConfiguration(
  file: string | undefined,
  rootless: boolean | undefined,
  environment: NodeJS.ProcessEnv = process.env,
  uid: number = process.getuid?.() ?? 0,
): ConfigurationUse & { readonly path: string | undefined } {
  const own = ownConfigurationPath(environment);
  const ownIsThere = statSync(own, { throwIfNoEntry: false }) !== undefined;
  if (file !== undefined) return { path: file, rootless: rootless ?? (ownIsThere && isSame(file, own)) };
  if (ownIsThere && (rootless ?? uid !== 0)) return { path: own, rootless: true };
  // A daemon without root never reads the machine's.
  return rootless === true ? { path: undefined, rootless } : { path: installedConfiguration(), rootless: false };
}

function isSame(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    // What is not there is told when it is read.
    return false;
  }
}
