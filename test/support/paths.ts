import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout: this file runs as dist/test/support/paths.js. */
export const packageRoot = fileURLToPath(new URL("../../..", import.meta.url));

/** A program of ours that node runs: `script("src/daemon/main")`. */
export function script(path: string): string[] {
  return [process.execPath, join(packageRoot, "dist", `${path}.js`)];
}

/** A C program of ours: `hook("qemu-ifup")`. */
export function hook(name: string): string {
  return join(packageRoot, "build", "Release", name);
}
