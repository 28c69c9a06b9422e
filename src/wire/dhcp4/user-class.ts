/**
 * User class (RFC 3004): a row of texts with a length octet each. Many clients, iPXE among them, send one text without a length;
 * that is told apart by whether the lengths come out.
 */

/** The classes as octets; what does not come out as a row is one class. Undefined when empty. */
export function parse(value: Uint8Array): Uint8Array[] | undefined {
  if (value.length === 0) return undefined;
  const items: Uint8Array[] = [];
  for (let at = 0; at < value.length; at += 1 + value[at]) {
    if (value[at] === 0 || at + 1 + value[at] > value.length) return [value.slice()];
    items.push(value.slice(at + 1, at + 1 + value[at]));
  }
  return items;
}

/** As RFC 3004 §4 says. */
export function emit(items: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(items.flatMap((item) => [item.length, ...item]));
}
