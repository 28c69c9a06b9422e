import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What lives on the heap, in MB of 1,000,000 bytes: everything else is collected first. */
export function heapUsedMb(): number {
  collect();
  return process.memoryUsage().heapUsed / 1e6;
}
