import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
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
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
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
 * Takes a directory for this process: a file that names it by process id and start time, so that a number that was given to
 * another process since does not count. Throws LEASE_STORE_BUSY when its owner lives. Call the result to let go.
 */
export function lockDirectory(path: string): () => void {
  const file = join(path, LOCK_FILE);
  const mine = `${process.pid} ${startTime(process.pid)}\n`;
  for (;;) {
    try {
      writeFileSync(file, mine, { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (thrown) {
      if (!(thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST")) throw thrown;
    }
    const [pid, started] = readOwner(file).split(" ");
    if (Number(pid) > 0 && startTime(Number(pid)) === started) {
      throw new LeaseStoreError("LEASE_STORE_BUSY", path, `process ${pid} has these leases open; stop it first`);
    }
    rmSync(file, { force: true });
  }
}

function readOwner(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}

/** Field 22 of /proc/<pid>/stat, behind the command's name, which may hold anything; empty when there is no such process. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return "";
  }
}
