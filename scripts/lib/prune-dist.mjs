// Removes from dist/ what was compiled from a source that is gone: a test that was deleted must not go on running.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const sourcesOf = (path) => [".ts", ".tsx"].map((ending) => path.replace(/\.(?:js|js\.map|d\.ts)$/, ending));
// Not compiled one by one: `build-web.mjs` and `build-daemon.mjs` look after them.
const isBundled = (path) => path.startsWith(join("src", "web", "static")) || path.endsWith(".bundle.js");

if (existsSync("dist")) {
  for (const path of readdirSync("dist", { recursive: true })) {
    if (!/\.(?:js|js\.map|d\.ts)$/.test(path) || isBundled(path)) continue;
    if (!sourcesOf(path).some((source) => existsSync(source))) rmSync(join("dist", path));
  }
}
