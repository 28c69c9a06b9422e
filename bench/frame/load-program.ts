import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../test/support/paths.js";
import { must } from "../../test/support/process.js";

const SOURCES = join(packageRoot, "native", "bench");
const OUTPUT = join(packageRoot, "build", "bench");
const FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"];

/**
 * The path of a program of `native/bench/`, compiled now where its source or a header is newer. They are no part of the package's
 * build: only who measures needs them.
 */
export async function loadProgram(name: string): Promise<string> {
  const source = join(SOURCES, `${name}.c`);
  const output = join(OUTPUT, name);
  const headers = readdirSync(SOURCES)
    .filter((file) => file.endsWith(".h"))
    .map((file) => join(SOURCES, file));
  const newest = Math.max(...[source, ...headers].map((file) => statSync(file).mtimeMs));
  if (!existsSync(output) || statSync(output).mtimeMs < newest) {
    mkdirSync(OUTPUT, { recursive: true });
    await must(["cc", ...FLAGS, "-o", output, source, "-lm"]);
  }
  return output;
}
