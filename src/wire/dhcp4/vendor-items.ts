/** Vendor-identifying class and information (RFC 3925): an enterprise number, a length, and data that only the vendor knows. */

const HEADER_BYTES = 5;

export interface VendorItem {
  readonly enterprise: number;
  readonly data: Uint8Array;
}

/** Undefined when empty, or when an item claims more than there is. */
export function parse(value: Uint8Array): VendorItem[] | undefined {
  const items: VendorItem[] = [];
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  for (let at = 0; at < value.length; ) {
    if (at + HEADER_BYTES > value.length || at + HEADER_BYTES + value[at + 4] > value.length) return undefined;
    const end = at + HEADER_BYTES + value[at + 4];
    items.push({ enterprise: view.getUint32(at), data: value.slice(at + HEADER_BYTES, end) });
    at = end;
  }
  return items.length === 0 ? undefined : items;
}

export function emit(items: readonly VendorItem[]): Uint8Array {
  const value = new Uint8Array(items.reduce((sum, item) => sum + HEADER_BYTES + item.data.length, 0));
  const view = new DataView(value.buffer);
  let at = 0;
  for (const { enterprise, data } of items) {
    view.setUint32(at, enterprise);
    value[at + 4] = data.length;
    value.set(data, at + HEADER_BYTES);
    at += HEADER_BYTES + data.length;
  }
  return value;
}
