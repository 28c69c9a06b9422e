// Builds the page of `tapnet web` into dist/src/web/static: what the browser gets, with the licenses of what is in it.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const page = join(root, "src/web/page");
const target = join(root, "dist/src/web/static");

mkdirSync(target, { recursive: true });
const before = new Set(readdirSync(target));
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { page: join(page, "main.tsx"), "page-style": join(page, "style/page.css") },
  outdir: target,
  entryNames: "[name]",
  chunkNames: "part-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022", "chrome111", "firefox114", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

for (const name of ["index.html", "icon.svg"]) copyFileSync(join(page, name), join(target, name));
writeFileSync(join(target, "licenses.txt"), licenses(Object.keys(metafile.inputs)));

// Parts are named by what is in them: those of an earlier build are of no use.
const now = new Set([
  ...Object.keys(metafile.outputs).map((path) => path.slice(path.lastIndexOf("/") + 1)),
  "index.html",
  "icon.svg",
  "licenses.txt",
]);
for (const name of before) if (!now.has(name)) rmSync(join(target, name), { recursive: true });

/** The license of each package that is in the page. */
function licenses(inputs) {
  const folders = new Set(inputs.flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []));
  const texts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} has no license file, and must not be shipped without`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(root, folder, file), "utf8").trim()}\n`;
  });
  return `tapnet is Apache-2.0. This page has in it:\n\n${texts.join(`\n${"-".repeat(72)}\n\n`)}`;
}
