import { mkdirSync, readFileSync, readlinkSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LeaseStoreError } from "./store-error.js";

const LOCK_FILE = "owner";
/** Below this a store is not opened: what it writes first would not fit. */
const LEAST_FREE_BYTES = 1024 * 1024;

/** Makes a directory with its parents. (Node's own way never ends where the kernel says ENOENT for a parent that is there.) */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o750 });
  } catch (thrown) {
    const code = codeOf(thrown);
    const parent = dirname(path);
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || parent === path) throw thrown;
    makeDirectory(parent);
    mkdirSync(path, { mode: 0o750 });
  }
}

/** Throws LEASE_STORE_FULL when nothing would fit. lmdb would end the process where its mapped file cannot grow. */
export function checkFreeSpace(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize >= LEAST_FREE_BYTES) return;
  throw new LeaseStoreError("LEASE_STORE_FULL", path, "no space left for leases: free a few MiB, no lease is given before");
}

/**
 * Takes a directory for this process: a file that names it by process id, start time and boot, so that a number that was given to
 * another process since does not count. Throws LEASE_STORE_BUSY while its owner lives; one that was killed and is only being
 * buried does not. Call the result to let go.
 */
export function lockDirectory(path: string): () => void {
  const file = join(path, LOCK_FILE);
  const mine = lifeOf(process.pid);
  for (;;) {
    try {
      writeFileSync(file, `${process.pid} ${mine}\n`, { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (thrown) {
      if (codeOf(thrown) !== "EEXIST") throw thrown;
    }
    const [pid, life] = readText(file).trim().split(" ");
    if (Number(pid) > 0 && isRunning(Number(pid)) && lifeOf(Number(pid)) === life) {
      throw new LeaseStoreError("LEASE_STORE_BUSY", path, `process ${pid} has these leases open; stop it first`);
    }
    rmSync(file, { force: true });
  }
}

/** A process has no program any more from the first moment of its end, however long that takes. */
function isRunning(pid: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return true;
  } catch (thrown) {
    return codeOf(thrown) !== "ENOENT";
  }
}

/** Boot and start time, field 22 of /proc/<pid>/stat behind the command's name, which may hold anything. */
function lifeOf(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`);
  const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return `${readText("/proc/sys/kernel/random/boot_id").trim()}/${started}`;
}

/** Empty for a file that is not there any more. */
function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
}
