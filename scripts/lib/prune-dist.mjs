// Removes from dist/ what was compiled from a source that is gone: a test that was deleted must not go on running.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const sourceOf = (path) => path.replace(/\.(?:js|js\.map|d\.ts)$/, ".ts");

if (existsSync("dist")) {
  for (const path of readdirSync("dist", { recursive: true })) {
    if (/\.(?:js|js\.map|d\.ts)$/.test(path) && !existsSync(sourceOf(path))) rmSync(join("dist", path));
  }
}
