import { readFileSync } from "node:fs";

/** Ticks a second of the times in /proc: USER_HZ, 100 on every Linux that we run on. */
const TICKS_PER_SECOND = 100;

/** CPU time of a process and all its threads so far, in microseconds: user and system together (proc(5), `stat`). */
export function cpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1e6;
}

/** Memory that a process has in RAM, in MB of 1,000,000 bytes. */
export function residentMb(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kib === undefined) throw new Error(`process ${pid} has no memory of its own`);
  return (Number(kib) * 1024) / 1e6;
}
