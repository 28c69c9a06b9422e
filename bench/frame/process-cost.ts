import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Ticks a second of the times in /proc: USER_HZ, 100 on every Linux that we run on. */
const TICKS_PER_SECOND = 100;

/**
 * CPU time of a process and those that it has started, all threads, so far, in microseconds: user and system (proc(5),
 * `stat`).
 */
export function cpuMicroseconds(pid: number): number {
  let ticks = 0;
  for (const member of family(pid)) {
    const stat = readFileSync(`/proc/${member}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return (ticks / TICKS_PER_SECOND) * 1e6;
}

/**
 * Memory that a process and those that it has started have in RAM, in MB of 1,000,000 bytes; what they share counts once
 * for each.
 */
export function residentMb(pid: number): number {
  let kib = 0;
  for (const member of family(pid)) {
    kib += Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${member}/status`, "utf8"))?.[1] ?? 0);
  }
  return (kib * 1024) / 1e6;
}

/** A process and all that descend from it: some servers leave the work to children. */
function family(pid: number): number[] {
  const tasks = `/proc/${pid}/task`;
  const children = readdirSync(tasks)
    .map((task) => `${tasks}/${task}/children`)
    .filter((file) => existsSync(file))
    .flatMap((file) => readFileSync(file, "utf8").trim().split(" "))
    .filter((child) => child !== "");
  return [pid, ...children.flatMap((child) => family(Number(child)))];
}
