import { type Context, printJson } from "../context.js";
import { realHost } from "../doctor/host.js";
import { examine, type Finding } from "../doctor/index.js";
import { EXIT } from "../exit-codes.js";

const MARK = { ok: ["green", "✓"], note: ["cyan", "·"], warning: ["yellow", "!"], failure: ["red", "✗"] } as const;

/** `tapnet doctor`: exit code 1 where something would keep guests from their network. */
export async function doctor(context: Context): Promise<number> {
  const findings = await examine(realHost(), context.runDirectory);
  if (context.json) printJson(context, { findings });
  else context.terminal.print(findings.map((finding) => describeFinding(context, finding)).join("\n"));
  return findings.some((finding) => finding.result === "failure") ? EXIT.failed : EXIT.done;
}

function describeFinding(context: Context, finding: Finding): string {
  const [style, mark] = MARK[finding.result];
  const line = `${context.terminal.paint(style, mark)} ${finding.message}`;
  return finding.advice === null ? line : `${line}\n    ${context.terminal.paint("dim", "→")} ${finding.advice}`;
}
