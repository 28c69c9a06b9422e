import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { packageRoot } from "../support/paths.js";

/** One text file of the tree. */
export interface Source {
  /** From the package's root, with slashes. */
  readonly path: string;
  readonly lines: readonly string[];
}

/** Something that is not as the house wants it, and what to do about it. */
export interface Finding {
  readonly path: string;
  /** Counts from 1; zero for the file as a whole. */
  readonly line: number;
  readonly message: string;
}

const TOP = new Set(["src", "test", "bench", "scripts", "native", "packaging", "docs"]);
const TEXT = /\.(?:tsx?|css|html|mjs|c|cc|h|sh|md|yaml|json|service|socket|conf)$|^[a-z-]+$/;
const LEFT_OUT = new Set(["node_modules", "dist", "build"]);

export function sourceOf(path: string, text: string): Source {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return { path, lines };
}

/** Every text file that people write. */
export function readHouse(): Source[] {
  const top = readdirSync(packageRoot, { withFileTypes: true });
  const files = top.filter((entry) => entry.isFile() && entry.name.endsWith(".md")).map(({ name }) => join(packageRoot, name));
  for (const { name } of top.filter((entry) => entry.isDirectory() && TOP.has(entry.name))) walk(join(packageRoot, name), files);
  return files.sort().map((file) => sourceOf(relative(packageRoot, file), readFileSync(file, "utf8")));
}

function walk(folder: string, files: string[]): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (LEFT_OUT.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) walk(path, files);
    else if (entry.isFile() && TEXT.test(entry.name)) files.push(path);
  }
}

/** `file:line: what to do`, as editors and terminals link it. */
export function show({ path, line, message }: Finding): string {
  return line === 0 ? `${path}: ${message}` : `${path}:${line}: ${message}`;
}
