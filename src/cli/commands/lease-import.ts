import { readFileSync } from "node:fs";
import { fileReason, TapnetError } from "../../base/errors.js";
import { type Context, printJson } from "../context.js";
import { EXIT } from "../exit-codes.js";
import { type LeaseFormat, parseLeases } from "../lease-files/formats.js";
import { printable } from "../terminal.js";

const STDIN = 0;

/** `tapnet lease import FILE`: nothing is taken over where a line is not understood. */
export async function leaseImport(
  context: Context,
  file: string,
  options: { format: LeaseFormat | "auto"; dryRun?: boolean },
): Promise<number | undefined> {
  const { format, leases, problems } = parseLeases(readInput(file), options.format);
  const name = file === "-" ? "standard input" : file;
  if (problems.length > 0) {
    for (const { line, message } of problems.slice(0, 20)) context.terminal.note(`${name}:${line}: ${printable(message)}`);
    throw new TapnetError(
      "LEASE_FILE",
      `${problems.length === 1 ? "a line" : `${problems.length} lines`} of ${name} ${problems.length === 1 ? "is" : "are"} ` +
        `not understood as ${format}; nothing was taken over`,
    );
  }
  if (options.dryRun === true) {
    if (context.json) printJson(context, leases);
    else context.terminal.print(`${count(leases.length)} read from ${name} (${format}); nothing was taken over`);
    return undefined;
  }
  const result = await (await context.client()).importLeases(leases);
  if (context.json) {
    printJson(context, result);
  } else {
    for (const { address, reason } of result.refused) context.terminal.note(`${printable(address)}: ${printable(reason)}`);
    if (leases.length === 0) context.terminal.note(`${name} has no leases, read as ${format}`);
    context.terminal.print(`${result.imported} of ${count(leases.length)} taken over from ${name} (${format})`);
  }
  return result.refused.length > 0 ? EXIT.failed : EXIT.done;
}

function readInput(file: string): string {
  try {
    return readFileSync(file === "-" ? STDIN : file, "utf8");
  } catch (thrown) {
    throw new TapnetError("UNREADABLE", `${file} cannot be read: ${fileReason(thrown)}`, { cause: thrown });
  }
}

function count(leases: number): string {
  return leases === 1 ? "1 lease" : `${leases} leases`;
}
