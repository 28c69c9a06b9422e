import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Host } from "../../test/support/lab.js";

const CALLS = "fsync,fdatasync,msync,sync_file_range,write,pwrite64,writev,pwritev";
const ATTACHED = /attached/;
const O_DSYNC = 0o10000;

/**
 * How often a process flushes to disk while `work` is done, seen by strace: the calls that are flushes, and writes to files
 * that are open with O_DSYNC, each of which is one as well (open(2)).
 */
export async function countFlushes(host: Host, pid: number, work: () => Promise<void>): Promise<number> {
  const trace = host.start(["strace", "-f", "-e", `trace=${CALLS}`, "-e", "signal=none", "-s", "0", "-p", String(pid)]);
  await trace.waitFor(ATTACHED);
  await work();
  const synchronous = synchronousDescriptors(pid);
  await trace.stop("SIGINT");
  let flushes = 0;
  for (const [, call, descriptor] of trace.stderr.matchAll(
    /\b(fsync|fdatasync|msync|sync_file_range|p?writev?(?:64)?)\((\d+)?/g,
  )) {
    if (!call.includes("write") || synchronous.has(Number(descriptor))) flushes++;
  }
  return flushes;
}

function synchronousDescriptors(pid: number): ReadonlySet<number> {
  const descriptors = readdirSync(`/proc/${pid}/fd`).filter((descriptor) =>
    readlinkSync(`/proc/${pid}/fd/${descriptor}`).startsWith("/"),
  );
  return new Set(descriptors.filter((descriptor) => isSynchronous(pid, descriptor)).map(Number));
}

function isSynchronous(pid: number, descriptor: string): boolean {
  const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, "utf8"))?.[1] ?? "0";
  return (Number.parseInt(flags, 8) & O_DSYNC) !== 0;
}
