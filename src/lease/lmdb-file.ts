import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { corrupt } from "./store-error.js";

/** Offsets in a meta page of lmdb 3 (its `MDB_page` header has 24 bytes), little-endian. */
const META = { magic: 24, pageBytes: 48, lastPage: 144, transaction: 152, bytes: 160 } as const;
const MAGIC = 0xbeef_c0de;

/**
 * Refuses a database file that is shorter than its newest meta page says. lmdb maps the file and would end the whole process with
 * SIGBUS at the first page behind the end, so this must be known before it is opened. A file that is not there is fine.
 */
export function checkLmdbFile(path: string): void {
  const file = openIfThere(path);
  if (file === undefined) return;
  try {
    const sizeBytes = fstatSync(file).size;
    if (sizeBytes === 0) throw corrupt(path, "is empty");
    const first = readMeta(file, 0);
    const second = first === undefined ? undefined : readMeta(file, first.pageBytes);
    if (first === undefined || second === undefined) throw corrupt(path, "does not begin as an lmdb database");
    const newest = second.transaction > first.transaction ? second : first;
    const neededBytes = (newest.lastPage + 1) * first.pageBytes;
    if (sizeBytes < neededBytes) throw corrupt(path, `has ${sizeBytes} bytes instead of ${neededBytes}: it was cut off`);
  } finally {
    closeSync(file);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw thrown;
  }
}

function readMeta(file: number, offset: number): { pageBytes: number; lastPage: number; transaction: number } | undefined {
  const bytes = Buffer.alloc(META.bytes);
  if (readSync(file, bytes, 0, META.bytes, offset) < META.bytes || bytes.readUInt32LE(META.magic) !== MAGIC) return undefined;
  return {
    pageBytes: bytes.readUInt32LE(META.pageBytes),
    lastPage: Number(bytes.readBigUInt64LE(META.lastPage)),
    transaction: Number(bytes.readBigUInt64LE(META.transaction)),
  };
}
