import { readFileSync } from "node:fs";

/** The version of this package, from its package.json: `src/control` is three levels below it once compiled. */
export function packageVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
