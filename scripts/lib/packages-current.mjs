// Exits 0 when node_modules holds just what package-lock.json asks for, by npm's own record of what it has installed.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = process.argv[2];
const packages = (path) => {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8")).packages;
  } catch {
    process.exit(1);
  }
};

const wanted = packages("package-lock.json");
const installed = packages("node_modules/.package-lock.json");
for (const [path, { version, optional, link }] of Object.entries(wanted)) {
  if (path === "" || link) continue;
  // An optional package that is not there is one for another platform.
  if (installed[path] === undefined ? !optional : installed[path].version !== version) process.exit(1);
}
for (const path of Object.keys(installed)) if (wanted[path] === undefined) process.exit(1);
