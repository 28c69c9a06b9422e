/** A plain tree in the form of the file. Keys without a value are left out. */
export type Tree = Record<string, unknown>;

export function pruned(tree: Tree): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([, value]) => value !== undefined && !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

export function maybe<Value, Text>(value: Value | undefined, format: (value: Value) => Text): Text | undefined {
  return value === undefined ? undefined : format(value);
}

/** Octets as people write them. */
export function withColons(hex: string): string {
  return hex.replaceAll(/(..)(?!$)/g, "$1:");
}
