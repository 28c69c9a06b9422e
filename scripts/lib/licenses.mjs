// The licenses of other people's code in what esbuild has put together.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The license of each package among `inputs` (esbuild's metafile), as one text. */
export function licenses(root, what, inputs) {
  const folders = new Set(Object.keys(inputs).flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []));
  const texts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} has no license file, and must not be shipped without`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(root, folder, file), "utf8").trim()}\n`;
  });
  return `tapnet is Apache-2.0. ${what} has in it:\n\n${texts.join(`\n${"-".repeat(72)}\n\n`)}`;
}
