import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** Small files that are there whole or not at all, whenever the power goes. Errors are Node's own. */

/** Undefined where there is no such file. */
export function readWholeFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw thrown;
  }
}

/** Written beside its place, brought to disk, then named. Only its owner may read it. */
export function writeWholeFile(path: string, text: string): void {
  withFile(`${path}.new`, "w", (descriptor) => {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  });
  renameSync(`${path}.new`, path);
  withFile(dirname(path), "r", fsyncSync);
}

function withFile(path: string, flags: string, use: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags, 0o600);
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
