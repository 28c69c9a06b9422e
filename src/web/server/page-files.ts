/** The page as `npm run build:web` has built it: a handful of small files, kept in memory, packed once. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { errorMessage, TapnetError } from "../../base/errors.js";

export interface PageFile {
  readonly type: string;
  readonly etag: string;
  readonly bytes: Buffer;
  readonly gzip: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

/** By path; `/` is the page itself. Throws NOT_BUILT. */
export function readPageFiles(folder: string): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  try {
    for (const name of readdirSync(folder)) {
      const type = TYPES[extname(name)];
      if (type === undefined) continue;
      const bytes = readFileSync(join(folder, name));
      const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
      files.set(name === "index.html" ? "/" : `/${name}`, { type, etag, bytes, gzip: gzipSync(bytes, { level: 9 }) });
    }
  } catch (thrown) {
    throw new TapnetError("NOT_BUILT", `the page is not there: ${errorMessage(thrown)}; build it: npm run build:web`);
  }
  if (!files.has("/")) throw new TapnetError("NOT_BUILT", `the page is not in ${folder}; build it: npm run build:web`);
  return files;
}
