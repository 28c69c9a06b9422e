// Puts the daemon's modules into one file beside its entry, dist/src/daemon/command.bundle.js: Node takes 0.7 s to find and link
// some six hundred files, and 0.4 for one. What is in it is what tsc has made; where a module looks for files beside
// itself, it does so from where it was.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { licenses } from "./licenses.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const folder = join(root, "dist/src/daemon");

const placed = {
  name: "each module is where it was",
  setup({ onLoad }) {
    onLoad({ filter: /[/]dist[/]src[/].*[.]js$/ }, ({ path }) => {
      const contents = readFileSync(path, "utf8");
      const place = JSON.stringify(`./${relative(folder, path)}`);
      return { contents: contents.replaceAll("import.meta.url", `new URL(${place}, import.meta.url).href`), loader: "js" };
    });
  },
};

const { metafile, outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: [join(folder, "command.js")],
  outfile: join(folder, "command.bundle.js"),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  // Those with code that is not JavaScript, or that look for files of their own.
  external: ["lmdb", "node-gyp-build", "pino"],
  // For packages that are CommonJS.
  banner: { js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);' },
  legalComments: "none",
  plugins: [placed],
  metafile: true,
  write: false,
  logLevel: "warning",
});

replace("command.bundle.js", outputFiles[0].text);
replace("command.bundle.licenses.txt", licenses(root, "command.bundle.js", metafile.inputs));

/** A daemon that starts just now finds the old file or the new one, whole; and one that is the same stays. */
function replace(name, text) {
  const path = join(folder, name);
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
