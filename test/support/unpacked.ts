/** Debian programs that tests run without installing them (`scripts/unpacked`). */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Requirement } from "./needs.js";
import { packageRoot } from "./paths.js";

/** Where the packages were unpacked; undefined until they are. */
export function unpackedFolder(): string | undefined {
  const cache = join(packageRoot, ".cache");
  const name = existsSync(cache) ? readdirSync(cache).find((entry) => entry.startsWith("unpacked-")) : undefined;
  return name === undefined ? undefined : join(cache, name);
}

/** A file of the unpacked packages: `unpacked("usr/sbin/unbound")`. */
export function unpacked(path: string): string {
  return join(unpackedFolder() ?? "", path);
}

/** What a program from there needs to find its libraries. */
export function unpackedEnvironment(): Record<string, string> {
  return { LD_LIBRARY_PATH: unpacked("usr/lib/x86_64-linux-gnu") };
}

/** A program of the unpacked packages that starts on this machine; `words` make it end at once. */
export function unpackedProgram(path: string, ...words: readonly string[]): Requirement {
  return () => {
    if (unpackedFolder() === undefined || !existsSync(unpacked(path))) return `needs ${path}: run scripts/unpacked`;
    const probe = spawnSync(unpacked(path), words, { encoding: "utf8", env: { ...process.env, ...unpackedEnvironment() } });
    return probe.status === 0 ? undefined : `needs ${path}, which does not start here: ${probe.stderr.trim()}`;
  };
}
