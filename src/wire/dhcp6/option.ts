/** The frame around every option: code, length, data (RFC 8415 §21.1). */

export const HEADER_BYTES = 4;

export const FIELD = { code: 0, length: 2, data: 4 } as const;

/** Whether an option's header and data fit before `end`. */
export function check(view: DataView, offset: number, end: number): "dhcp6-option-overrun" | undefined {
  if (end - offset < HEADER_BYTES || end - offset - HEADER_BYTES < view.getUint16(offset + FIELD.length)) {
    return "dhcp6-option-overrun";
  }
  return undefined;
}

export function code(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.code);
}

/** Bytes of the data alone. */
export function dataBytes(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.length);
}

/** Where the option behind this one starts. */
export function next(view: DataView, offset: number): number {
  return offset + HEADER_BYTES + view.getUint16(offset + FIELD.length);
}

/** Writes code and length; the data goes behind it. */
export function emitHeader(optionCode: number, dataLengthBytes: number, view: DataView, offset: number): number {
  view.setUint16(offset + FIELD.code, optionCode);
  view.setUint16(offset + FIELD.length, dataLengthBytes);
  return HEADER_BYTES;
}

/** Offset of the first option of that code between `offset` and `end`, -1 when there is none. The area was checked. */
export function find(view: DataView, offset: number, end: number, wanted: number): number {
  for (let at = offset; at < end; at = next(view, at)) {
    if (code(view, at) === wanted) return at;
  }
  return -1;
}
