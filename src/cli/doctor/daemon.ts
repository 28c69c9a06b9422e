import { errorMessage, TapnetError } from "../../base/errors.js";
import { ControlClient } from "../../control/client.js";
import { packageVersion } from "../../control/package.js";
import { hookSocket } from "../../control/paths.js";
import type { Finding, Host } from "./host.js";

const ANSWER_MS = 3_000;

/** The daemon itself: there, of our version, with what it wants people to know. */
export async function examineDaemon(host: Host, runDirectory: string): Promise<Finding[]> {
  const client = new ControlClient(runDirectory, { timeoutMs: ANSWER_MS });
  const check = "daemon";
  try {
    const { version, pid, warnings } = await client.status();
    const findings: Finding[] = [{ check, result: "ok", message: `tapnetd ${version} answers, process ${pid}`, advice: null }];
    const own = packageVersion();
    if (version !== own) {
      findings.push({
        check: "version",
        result: "warning",
        message: `tapnet is ${own}, the daemon ${version}`,
        advice: "systemctl restart tapnetd",
      });
    }
    if (!host.exists(hookSocket(runDirectory))) {
      const message = `${hookSocket(runDirectory)} is missing, so QEMU's hooks reach nobody`;
      findings.push({
        check: "hooks",
        result: "failure",
        message,
        advice: "systemctl restart tapnetd, and see journalctl -u tapnetd",
      });
    }
    return [...findings, ...warnings.map((message): Finding => ({ check: "warning", result: "warning", message, advice: null }))];
  } catch (thrown) {
    const absent = thrown instanceof TapnetError && thrown.code === "ABSENT";
    return [{ check, result: absent ? "note" : "warning", message: errorMessage(thrown), advice: null }];
  }
}
