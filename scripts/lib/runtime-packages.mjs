// Prints the folders of the packages that a running tapnet needs, one a line, as they lie below the checkout.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = process.argv[2];
/** Only for building the addon, which is built already. */
const BUILD_ONLY = new Set(["node-addon-api", "node-gyp"]);

const found = new Set();

function visit(folder) {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    if (folder === "" && BUILD_ONLY.has(name)) continue;
    const place = placeOf(folder, name);
    // Optional ones for other platforms are not there.
    if (place === undefined || found.has(place)) continue;
    found.add(place);
    visit(place);
  }
}

/** As Node looks for a package: in the folder's own node_modules, then in each above it. */
function placeOf(folder, name) {
  for (let base = folder; ; base = base.replace(/(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, "")) {
    const place = join(base, "node_modules", name);
    if (existsSync(join(root, place, "package.json"))) return place;
    if (base === "") return undefined;
  }
}

visit("");
console.log([...found].sort().join("\n"));
