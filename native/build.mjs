// Runs a native build tool with the headers of the Node that runs this: `node native/build.mjs node-gyp rebuild`.
// Headers that lie beside the running node are preferred, because downloading them may be impossible.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";

const [tool, ...toolArguments] = process.argv.slice(2);

/** The prefix of the running node, if its own headers are installed there; undefined if not. */
function headersBesideNode() {
  const prefix = resolve(dirname(process.execPath), "..");
  const version = join(prefix, "include/node/node_version.h");
  if (!existsSync(version)) return undefined;
  const text = readFileSync(version, "utf8");
  const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
  return `v${part("MAJOR")}.${part("MINOR")}.${part("PATCH")}` === process.version ? prefix : undefined;
}

const prefix = headersBesideNode();
const environment = { ...process.env };
environment.PATH = [resolve("node_modules/.bin"), environment.PATH].join(delimiter);
if (prefix !== undefined) environment.npm_config_nodedir = prefix;

const { status, error } = spawnSync(tool, toolArguments, { stdio: "inherit", env: environment });
if (error !== undefined) process.stderr.write(`${tool}: ${error.message}. Run npm ci first.\n`);
process.exitCode = status ?? 1;
