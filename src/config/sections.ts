import type { z } from "zod";
import type { ConfigDocument } from "./document.js";
import type { KeyPath } from "./problems.js";

/** Reads one section by its schema; notes what is wrong with it and gives undefined then. */
export function readSection<Value>(
  schema: z.ZodType<Value, unknown>,
  value: unknown,
  path: KeyPath,
  document: ConfigDocument,
): Value | undefined {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) noteIssue(issue, path, document);
  return undefined;
}

function noteIssue(issue: z.core.$ZodIssue, base: KeyPath, document: ConfigDocument): void {
  const path = [...base, ...issue.path.map((step) => (typeof step === "symbol" ? String(step) : step))];
  if (issue.code === "unrecognized_keys") {
    const messages = issue.message.split("\n");
    for (const [index, key] of issue.keys.entries()) document.problem([...path, key], messages[index], "key");
    return;
  }
  if (issue.code === "invalid_union") {
    // The only unions are "false or a section": what is wrong with the section is what helps.
    for (const inner of issue.errors.at(-1) ?? []) noteIssue(inner, path, document);
    return;
  }
  document.problem(path, issue.message);
}
