/** Looks at a host for what would keep guests from their network. Reads only; each finding says what to do. */
import { examineDaemon } from "./daemon.js";
import { examineFirewall } from "./firewall.js";
import type { Finding, Host } from "./host.js";
import { examineKernel } from "./kernel.js";
import { examineLinks } from "./links.js";
import { examineNeighbours } from "./neighbours.js";

export type { Finding, Host } from "./host.js";

/** All findings, in the order in which one would put things right. */
export async function examine(host: Host, runDirectory: string): Promise<Finding[]> {
  const parts = await Promise.all([
    examineKernel(host),
    examineFirewall(host),
    examineNeighbours(host),
    examineDaemon(host, runDirectory),
    examineLinks(host, runDirectory),
  ]);
  return parts.flat();
}
