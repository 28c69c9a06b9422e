import { TapnetError } from "../base/errors.js";

/** Reads what a caller sent, field by field; whatever is not as it should be becomes a BAD_REQUEST that says so. */

export function badRequest(message: string): TapnetError {
  return new TapnetError("BAD_REQUEST", message);
}

/** Bounds every text, so that no field is a place to put a megabyte. */
const MOST_TEXT = 1024;

export type Fields = Readonly<Record<string, unknown>>;

/** A JSON object with no other fields than `known`. */
export function readObject(value: unknown, known: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw badRequest("the body is not a JSON object");
  const unknownField = Object.keys(value).find((name) => !known.includes(name));
  if (unknownField !== undefined) throw badRequest(`unknown field ${unknownField}; known: ${known.join(", ")}`);
  return value as Fields;
}

export function readText(fields: Fields, name: string): string {
  const value = readOptionalText(fields, name);
  if (value === undefined) throw badRequest(`field ${name} is missing`);
  return value;
}

/** Undefined where it is absent or null. */
export function readOptionalText(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw badRequest(`field ${name} is not a text`);
  if (value === "") throw badRequest(`the ${name} is empty: give one`);
  if (value.length > MOST_TEXT) throw badRequest(`field ${name} is longer than ${MOST_TEXT} characters`);
  return value;
}

/** A whole number; undefined where it is absent or null. */
export function readOptionalNumber(fields: Fields, name: string, least: number, most: number): number | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most)
    throw badRequest(`field ${name} is no whole number from ${least} to ${most}`);
  return value;
}

export function readBoolean(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== "boolean") throw badRequest(`field ${name} is not true or false`);
  return value;
}

/** Undefined where it is absent or null. */
export function readOptionalFlag(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "boolean") throw badRequest(`field ${name} is not true or false`);
  return value;
}

/** The query's parameters, each once, none that is not in `known`. */
export function readQuery(query: URLSearchParams, known: readonly string[]): Fields {
  const fields: Record<string, string> = {};
  for (const [name, value] of query) {
    if (!known.includes(name)) throw badRequest(`unknown parameter ${name}; known: ${known.join(", ") || "none"}`);
    if (Object.hasOwn(fields, name)) throw badRequest(`parameter ${name} is given twice`);
    fields[name] = value;
  }
  return fields;
}
