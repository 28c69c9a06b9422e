import { type FileHandle, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Tenure } from "./lease.js";
import { tenureFromJson, tenureToJson } from "./lease-json.js";
import { HISTORY_LIMIT, type HistoryQuery, matchesHistoryQuery } from "./store.js";

const FILE_LIMIT_BYTES = 16 * 1024 * 1024;
const FILE_SPAN_MS = 24 * 3600 * 1000;
/** All files together; the oldest go first. About two million tenures. */
const MOST_FILES = 32;
const NAME = /^history-(\d{15})\.jsonl$/;

/**
 * Closed tenures as lines of JSON, in files of a day or 16 MiB named by when they begin.
 *
 * Lines are appended without a flush of their own: until `sync` they are also in the journal, which is replayed into here after a
 * crash. A line that a power cut left half-written is skipped. Files that ended before `keepMs` ago are deleted.
 */
export class HistoryFiles {
  readonly #directory: string;
  readonly #keepMs: number;
  #handle: FileHandle | undefined;
  #beganMs = 0;
  #bytes = 0;

  constructor(directory: string, keepMs: number) {
    this.#directory = directory;
    this.#keepMs = keepMs;
  }

  async append(tenures: readonly Tenure[], nowMs: number): Promise<void> {
    if (tenures.length === 0) return;
    const text = tenures.map((tenure) => `${JSON.stringify(tenureToJson(tenure))}\n`).join("");
    const handle = await this.#writable(nowMs);
    await handle.appendFile(text);
    this.#bytes += Buffer.byteLength(text);
  }

  /** Makes every line durable. */
  async sync(): Promise<void> {
    await this.#handle?.datasync();
  }

  /** Appends those tenures that no file has yet: after a crash. */
  async recover(tenures: readonly Tenure[], nowMs: number): Promise<void> {
    if (tenures.length === 0) return;
    const fromMs = tenures.reduce((least, tenure) => Math.min(least, tenure.endedAtMs), Number.POSITIVE_INFINITY);
    const known = new Set((await this.query({ fromMs, limit: Number.POSITIVE_INFINITY })).map(nameOf));
    await this.append(
      tenures.filter((tenure) => !known.has(nameOf(tenure))),
      nowMs,
    );
    await this.sync();
  }

  async query(query: HistoryQuery): Promise<Tenure[]> {
    const limit = query.limit ?? HISTORY_LIMIT;
    const found: Tenure[] = [];
    const files = await this.#files();
    for (let index = files.length - 1; index >= 0 && found.length < limit; index--) {
      const endMs = files[index + 1]?.beganMs ?? Number.POSITIVE_INFINITY;
      if (query.fromMs !== undefined && endMs + FILE_SPAN_MS < query.fromMs) break;
      const lines = (await readFile(join(this.#directory, files[index].name), "utf8")).split("\n");
      for (let at = lines.length - 1; at >= 0 && found.length < limit; at--) {
        const tenure = parseLine(lines[at]);
        if (tenure !== undefined && matchesHistoryQuery(tenure, query)) found.push(tenure);
      }
    }
    return found;
  }

  /** Deletes what is older than it is kept, and what is too much. */
  async prune(nowMs: number): Promise<void> {
    const files = await this.#files();
    for (const [index, file] of files.entries()) {
      const next = files[index + 1];
      if (next === undefined) break;
      const isOld = next.beganMs < nowMs - this.#keepMs || files.length - index > MOST_FILES;
      if (isOld) await rm(join(this.#directory, file.name), { force: true });
    }
  }

  async close(): Promise<void> {
    await this.#handle?.datasync();
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #writable(nowMs: number): Promise<FileHandle> {
    const isUsable = this.#bytes < FILE_LIMIT_BYTES && nowMs - this.#beganMs < FILE_SPAN_MS;
    if (this.#handle !== undefined && isUsable) return this.#handle;
    await this.close();
    this.#beganMs = nowMs;
    this.#bytes = 0;
    this.#handle = await open(join(this.#directory, `history-${String(Math.floor(nowMs)).padStart(15, "0")}.jsonl`), "a", 0o640);
    await this.prune(nowMs);
    return this.#handle;
  }

  async #files(): Promise<{ name: string; beganMs: number }[]> {
    const names = await readdir(this.#directory).catch(() => []);
    const files = names.flatMap((name) => {
      const match = NAME.exec(name);
      return match === null ? [] : [{ name, beganMs: Number(match[1]) }];
    });
    return files.sort((a, b) => a.beganMs - b.beganMs);
  }
}

function parseLine(line: string): Tenure | undefined {
  if (line === "") return undefined;
  try {
    const tenure = tenureFromJson(JSON.parse(line));
    return typeof tenure === "string" ? undefined : tenure;
  } catch {
    return undefined;
  }
}

function nameOf(tenure: Tenure): string {
  return JSON.stringify(tenureToJson(tenure));
}
