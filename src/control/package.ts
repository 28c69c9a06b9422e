import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where this package is: `src/control` is three levels below it once compiled. */
const ROOT = new URL("../../../", import.meta.url);

/** The version of this package, from its package.json. */
export function packageVersion(): string {
  const text = readFileSync(new URL("package.json", ROOT), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** The path of a program that QEMU runs, as `scripts/install`, a build or a package has put it; its name where none has. */
export function hookPath(name: "qemu-ifup" | "qemu-ifdown" | "qemu-helper"): string {
  const places = ["", "build/Release/", `prebuilds/linux-${process.arch}/`].map((folder) => new URL(folder + name, ROOT));
  const found = places.find((place) => existsSync(place));
  return found === undefined ? name : fileURLToPath(found);
}
