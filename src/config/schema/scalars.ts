import { z } from "zod";
import { suggestion } from "../spelling.js";

/**
 * The building blocks of the schema: each says in its own words what was wrong and what to write instead, and describes itself
 * to editors.
 */

/** Why a value cannot be used, and what to write instead. */
export class Refusal {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** What people see of a value in a message. */
export function quote(value: unknown): string {
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  if (shown === "") return '""';
  return shown.length > 60 ? `${shown.slice(0, 57)}…` : shown;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a section";
  return `the ${typeof value === "boolean" ? "truth value" : typeof value} ${quote(value)}`;
}

/** Why a value of another type cannot stand here. */
function mistyped(value: unknown, expected: string, example: string): Refusal {
  if (value === undefined) return new Refusal(`is missing; write ${expected}, like ${example}`);
  if (value === null) return new Refusal(`has no value; write ${expected}, like ${example}, or remove the line`);
  return new Refusal(`is ${kindOf(value)}, where ${expected} belongs; write it like ${example}`);
}

function refine<Value>(parse: (value: unknown) => Value | Refusal, meta: Record<string, unknown>): z.ZodType<Value, unknown> {
  return z
    .unknown()
    .transform((value, context): Value => {
      const result = parse(value);
      if (!(result instanceof Refusal)) return result;
      context.addIssue({ code: "custom", message: result.message, input: value });
      return z.NEVER;
    })
    .meta(meta);
}

/** A text with a meaning. `parse` sees the trimmed text. */
export function text<Value>(
  expected: string,
  example: string,
  parse: (text: string) => Value | Refusal,
): z.ZodType<Value, unknown> {
  const check = (value: unknown): Value | Refusal =>
    typeof value === "string" ? parse(value.trim()) : mistyped(value, expected, example);
  return refine(check, { type: "string", description: expected, examples: [example] });
}

/** As `text`, where a bare number is meant as well (`lease: 3600`, `42: …`). */
export function textOrNumber<Value>(
  expected: string,
  example: string,
  parse: (text: string) => Value | Refusal,
): z.ZodType<Value, unknown> {
  const check = (value: unknown): Value | Refusal =>
    typeof value === "string" || typeof value === "number" ? parse(String(value).trim()) : mistyped(value, expected, example);
  return refine(check, { type: ["string", "number"], description: expected, examples: [example] });
}

/** A whole number from `least` to `most`. */
export function wholeNumber(expected: string, least: number, most: number): z.ZodType<number, unknown> {
  const check = (value: unknown): number | Refusal => {
    if (typeof value !== "number") return mistyped(value, expected, String(least));
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    return new Refusal(`${quote(value)} is out of bounds; write ${expected}, from ${least} to ${most}`);
  };
  return refine(check, { type: "integer", minimum: least, maximum: most, description: expected });
}

/** `true` or `false`. YAML 1.2 reads `yes` and `on` as texts, so they are refused by name. */
export function flag(expected: string): z.ZodType<boolean, unknown> {
  const check = (value: unknown): boolean | Refusal => {
    if (typeof value === "boolean") return value;
    if (value === "yes" || value === "on") return new Refusal(`${value} is not a truth value in YAML; write true`);
    if (value === "no" || value === "off") return new Refusal(`${value} is not a truth value in YAML; write false`);
    return mistyped(value, "true or false", "true");
  };
  return refine(check, { type: "boolean", description: expected });
}

/** One of a few words. */
export function choice<const Word extends string>(expected: string, words: readonly Word[]): z.ZodType<Word, unknown> {
  const check = (value: unknown): Word | Refusal => {
    if (typeof value !== "string") return mistyped(value, `one of ${words.join(", ")}`, words[0]);
    const word = words.find((known) => known === value);
    return word ?? new Refusal(`${quote(value)} is not one of ${words.join(", ")}${nearest(value, words)}`);
  };
  return refine(check, { type: "string", enum: words, description: expected });
}

function nearest(value: string, words: readonly string[]): string {
  const hint = suggestion(value, words);
  return hint.startsWith("did you mean") ? `; ${hint}` : "";
}

/** A list; `example` is one item. */
export function list<Item extends z.ZodType>(item: Item, example: string): z.ZodArray<Item> {
  return z.array(item, { error: (issue) => mistyped(issue.input, "a list", `[${example}]`).message });
}

/** A list, or its only item alone. */
export function oneOrMore<Value>(item: z.ZodType<Value, unknown>, example: string): z.ZodType<Value[], unknown> {
  const wrapped = z.preprocess((value) => (Array.isArray(value) || value === null ? value : [value]), list(item, example));
  return wrapped.meta({ type: ["string", "array"], items: { type: "string" } });
}

/** Keys with values; nothing at all means all defaults. A key that is not in `shape` is refused, with the nearest known one. */
export function section<Shape extends z.ZodRawShape>(
  shape: Shape,
): z.ZodType<z.output<z.ZodObject<Shape, z.core.$strict>>, unknown> {
  const known = Object.keys(shape);
  const schema = z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== "unrecognized_keys") return mistyped(issue.input, "a section", `"${known[0]}: …"`).message;
      return issue.keys.map((key) => `unknown key; ${suggestion(key, known)}`).join("\n");
    },
  });
  return z.preprocess((value) => value ?? {}, schema);
}

/** Keys of the user's own choice, all with the same kind of value. */
export function mapping<Value>(value: z.ZodType<Value, unknown>, example: string): z.ZodType<Record<string, Value>, unknown> {
  const schema = z.record(z.string(), value, { error: (issue) => mistyped(issue.input, "a section", example).message });
  return z.preprocess((input) => input ?? {}, schema);
}
