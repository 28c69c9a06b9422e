import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { FRAME_FLAG_CLOSED } from "./journal-frame.js";
import { readSegment } from "./journal-segment.js";
import { readSnapshot } from "./journal-snapshot.js";
import type { Tenure } from "./lease.js";
import { LeaseTable } from "./lease-table.js";
import { ChangeReader } from "./record-codec.js";
import { corrupt } from "./store-error.js";

const NAME = /^(journal|snapshot)-(\d{8})$/;

/** What a directory of journal and snapshot files says. */
export interface LoadedJournal {
  readonly table: LeaseTable;
  /** Tenures that ended since the snapshot: they may be missing in the history files. */
  readonly tenures: readonly Tenure[];
  readonly lastSequence: number;
  /** Number of the newest segment; 0 when there is none. */
  readonly lastSegment: number;
  /** Size of the snapshot that was read; 0 when there was none. */
  readonly snapshotBytes: number;
  /** Files that a newer snapshot has replaced. */
  readonly leftovers: readonly string[];
  /** A save was interrupted by a power cut; it had not been acknowledged. */
  readonly isTorn: boolean;
  /** The last process ended in good order. */
  readonly isClosed: boolean;
}

export function segmentPath(directory: string, number: number): string {
  return join(directory, `journal-${String(number).padStart(8, "0")}`);
}

/** The snapshot of everything before the segment with the same number. */
export function snapshotPath(directory: string, number: number): string {
  return join(directory, `snapshot-${String(number).padStart(8, "0")}`);
}

/**
 * Reads the newest snapshot and every segment from its number on; changes nothing, so it may be done beside a running daemon.
 * Throws LEASE_STORE_CORRUPT when something acknowledged is missing: a cut or damaged file, a gap between segments, journals
 * whose snapshot is gone.
 */
export async function loadJournal(directory: string): Promise<LoadedJournal> {
  const { segments, snapshots } = await list(directory);
  const base = snapshots[snapshots.length - 1] ?? 1;
  const table = new LeaseTable();
  let snapshotBytes = 0;
  if (snapshots.length > 0) {
    const snapshot = await readSnapshot(snapshotPath(directory, base));
    snapshotBytes = snapshot.bytes;
    for (const lease of snapshot.records) table.apply({ kind: "put", lease });
  }
  const needed = segments.filter((number) => number >= base);
  if (snapshots.length > 0 && needed.length === 0) throw corrupt(segmentPath(directory, base), "is missing");
  const replayed = await replay(directory, needed, base, table);
  const leftovers = [
    ...segments.filter((number) => number < base).map((number) => segmentPath(directory, number)),
    ...snapshots.filter((number) => number < base).map((number) => snapshotPath(directory, number)),
  ];
  return { table, snapshotBytes, leftovers, ...replayed };
}

async function list(directory: string): Promise<{ segments: number[]; snapshots: number[] }> {
  const numbers = { journal: [] as number[], snapshot: [] as number[] };
  for (const name of await readdir(directory)) {
    const match = NAME.exec(name);
    if (match !== null) numbers[match[1] as "journal" | "snapshot"].push(Number(match[2]));
  }
  const ascending = (a: number, b: number): number => a - b;
  return { segments: numbers.journal.sort(ascending), snapshots: numbers.snapshot.sort(ascending) };
}

type Replayed = Pick<LoadedJournal, "tenures" | "lastSequence" | "lastSegment" | "isTorn" | "isClosed">;

async function replay(directory: string, segments: readonly number[], base: number, table: LeaseTable): Promise<Replayed> {
  const tenures: Tenure[] = [];
  let lastSequence = 0;
  let isTorn = false;
  let isClosed = false;
  for (const [index, number] of segments.entries()) {
    const path = segmentPath(directory, number);
    if (number !== base + index) throw corrupt(segmentPath(directory, base + index), "is missing");
    const content = await readSegment(path, number);
    const first = content.frames[0];
    if (first !== undefined && index > 0 && first.sequence > lastSequence + 1) {
      throw corrupt(segmentPath(directory, number - 1), `ends at save ${lastSequence}, but ${first.sequence} comes next`);
    }
    if (first !== undefined) isTorn = false;
    for (const frame of content.frames) {
      apply(path, frame.payload, table, tenures);
      lastSequence = frame.sequence;
      isClosed = (frame.flags & FRAME_FLAG_CLOSED) !== 0;
    }
    isTorn ||= content.isTorn;
  }
  return { tenures, lastSequence, lastSegment: segments[segments.length - 1] ?? base - 1, isTorn, isClosed };
}

function apply(path: string, payload: Buffer, table: LeaseTable, tenures: Tenure[]): void {
  const reader = new ChangeReader(payload);
  for (let change = reader.next(); change !== undefined; change = reader.next()) {
    table.apply(change);
    if (change.kind === "ended") tenures.push(change.tenure);
  }
  if (reader.isBroken) throw corrupt(path, "holds a change that cannot be read");
}
