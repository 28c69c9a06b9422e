import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../test/support/paths.js";
import { must } from "../../test/support/process.js";

const SOURCES = join(packageRoot, "native", "bench");
const OUTPUT = join(packageRoot, "build", "bench");
const NATIVE_OUTPUT = join(packageRoot, "build", "Release");
const FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"];

/**
 * The path of a program of `native/bench/`: the one that the native build has made, where it is as new as its source and
 * headers; else it is compiled now, as a package with a prebuilt addon builds nothing.
 */
export async function loadProgram(name: string): Promise<string> {
  const source = join(SOURCES, `${name}.c`);
  const headers = readdirSync(SOURCES)
    .filter((file) => file.endsWith(".h"))
    .map((file) => join(SOURCES, file));
  const newest = Math.max(...[source, ...headers].map((file) => statSync(file).mtimeMs));
  const output = join(OUTPUT, name);
  const current = [join(NATIVE_OUTPUT, `bench-${name}`), output].find(
    (path) => existsSync(path) && statSync(path).mtimeMs >= newest,
  );
  if (current !== undefined) return current;
  mkdirSync(OUTPUT, { recursive: true });
  await must(["cc", ...FLAGS, "-o", output, source, "-lm", "-pthread"]);
  return output;
}
