/**
 * User class (RFC 3004): a row of texts with a length octet each. Many clients, iPXE among them, send one text without a length;
 * that is told apart by whether the lengths come out.
 */

export interface UserClass {
  readonly items: readonly Uint8Array[];
  /** One text without a length in front. */
  readonly isPlain: boolean;
}

/** Undefined when empty. */
export function parse(value: Uint8Array): UserClass | undefined {
  if (value.length === 0) return undefined;
  const items: Uint8Array[] = [];
  for (let at = 0; at < value.length; at += 1 + value[at]) {
    if (value[at] === 0 || at + 1 + value[at] > value.length) return { items: [value.slice()], isPlain: true };
    items.push(value.slice(at + 1, at + 1 + value[at]));
  }
  return { items, isPlain: false };
}

export function emit({ items, isPlain }: UserClass): Uint8Array {
  return Uint8Array.from(items.flatMap((item) => (isPlain ? [...item] : [item.length, ...item])));
}
