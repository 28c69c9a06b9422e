import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { syncDirectory } from "./journal-segment.js";
import type { LeaseRecord } from "./lease.js";
import { ChangeReader, ChangeWriter } from "./record-codec.js";
import { corrupt, LeaseStoreError } from "./store-error.js";

/**
 * A snapshot: every lease at one time, so that the journal before it can go.
 *
 * ```
 * 0 magic · 16 version · 20 zero · 24 payload … · last 12 bytes: number of leases, CRC-32 of everything before it, end mark
 * ```
 */
const MAGIC = Buffer.from("tapnet snapshot\n");
const VERSION = 1;
const HEADER_BYTES = 24;
const TRAILER_BYTES = 12;
const END_MARK = 0x656e_6421;
/** Leases written and flushed at once: about a millisecond of work, and saves that go on meanwhile wait for no more. */
const CHUNK_LEASES = 1000;

/** Writes the snapshot under its own name only when it is whole and durable. Returns its size in bytes. */
export async function writeSnapshot(path: string, records: Iterable<LeaseRecord>): Promise<number> {
  const unfinished = `${path}.new`;
  const handle = await open(unfinished, "w", 0o640);
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32BE(VERSION, 16);
  let count = 0;
  let bytes = 0;
  let checksum = 0;
  const put = async (part: Buffer): Promise<void> => {
    checksum = crc32(part, checksum);
    bytes += part.length;
    await handle.appendFile(part);
  };
  try {
    await put(header);
    const writer = new ChangeWriter();
    for (const lease of records) {
      writer.write({ kind: "put", lease });
      count++;
      if (count % CHUNK_LEASES !== 0) continue;
      await put(writer.written);
      await handle.datasync();
      writer.reset();
    }
    await put(writer.written);
    const trailer = Buffer.alloc(TRAILER_BYTES);
    trailer.writeUInt32BE(count, 0);
    trailer.writeUInt32BE(crc32(trailer.subarray(0, 4), checksum), 4);
    trailer.writeUInt32BE(END_MARK, 8);
    await handle.appendFile(trailer);
    await handle.sync();
  } catch (thrown) {
    await rm(unfinished, { force: true });
    throw thrown;
  } finally {
    await handle.close();
  }
  await rename(unfinished, path);
  await syncDirectory(dirname(path));
  return bytes + TRAILER_BYTES;
}

/** Reads a snapshot whole, or throws: half of it would be leases given twice. */
export async function readSnapshot(path: string): Promise<{ records: LeaseRecord[]; bytes: number }> {
  const bytes = await readFile(path);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw corrupt(path, "does not begin as a snapshot of leases");
  const version = bytes.length < HEADER_BYTES ? VERSION : bytes.readUInt32BE(16);
  if (version > VERSION)
    throw new LeaseStoreError(
      "LEASE_STORE_NEWER",
      path,
      `has version ${version}, this tapnet reads ${VERSION}: install the newer one`,
    );
  const end = bytes.length - TRAILER_BYTES;
  if (end < HEADER_BYTES || bytes.readUInt32BE(end + 8) !== END_MARK) throw corrupt(path, "is cut off");
  if (bytes.readUInt32BE(end + 4) !== crc32(bytes.subarray(0, end + 4))) throw corrupt(path, "is damaged: its checksum is wrong");
  const records: LeaseRecord[] = [];
  const reader = new ChangeReader(bytes.subarray(0, end), HEADER_BYTES);
  for (let change = reader.next(); change !== undefined; change = reader.next())
    if (change.kind === "put") records.push(change.lease);
  if (reader.isBroken || records.length !== bytes.readUInt32BE(end)) throw corrupt(path, "does not hold the leases that it says");
  return { records, bytes: bytes.length };
}
