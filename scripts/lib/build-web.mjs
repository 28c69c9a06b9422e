// Builds the page of `tapnet web` into dist/src/web/static: what the browser gets, with the licenses of what is in it.
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { licenses } from "./licenses.mjs";

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
writeFileSync(join(target, "licenses.txt"), licenses(root, "This page", metafile.inputs));

// Parts are named by what is in them: those of an earlier build are of no use.
const now = new Set([
  ...Object.keys(metafile.outputs).map((path) => path.slice(path.lastIndexOf("/") + 1)),
  "index.html",
  "icon.svg",
  "licenses.txt",
]);
for (const name of before) if (!now.has(name)) rmSync(join(target, name), { recursive: true });
