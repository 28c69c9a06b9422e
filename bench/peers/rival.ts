import type { Host } from "../../test/support/lab.js";
import type { RunningProcess } from "../../test/support/process.js";

/** Starts a rival's server. tapnetd runs with niceness −10 by default, so rivals do too: the kernel favours nobody. */
export function startRival(host: Host, command: readonly string[], env: Readonly<Record<string, string>> = {}): RunningProcess {
  return host.start(["nice", "-n", "-10", ...command], { env });
}
