/** The frame around every option: type, length in units of eight octets that counts itself (RFC 4861 §4.6). */

export const HEADER_BYTES = 2;
export const UNIT_BYTES = 8;

/** A length of zero would make a walk endless: such a message is dropped whole (RFC 4861 §6.1.1). */
export function check(view: DataView, offset: number, end: number): "ndp-option-zero" | "ndp-option-overrun" | undefined {
  if (end - offset < UNIT_BYTES) return "ndp-option-overrun";
  const units = view.getUint8(offset + 1);
  if (units === 0) return "ndp-option-zero";
  return units * UNIT_BYTES > end - offset ? "ndp-option-overrun" : undefined;
}

export function type(view: DataView, offset: number): number {
  return view.getUint8(offset);
}

/** Bytes of the whole option. */
export function bytes(view: DataView, offset: number): number {
  return view.getUint8(offset + 1) * UNIT_BYTES;
}

/** Where the option behind this one starts. */
export function next(view: DataView, offset: number): number {
  return offset + view.getUint8(offset + 1) * UNIT_BYTES;
}

/** Offset of the first option of that type between `offset` and `end`, -1 when there is none. The area was checked. */
export function find(view: DataView, offset: number, end: number, wanted: number): number {
  for (let at = offset; at < end; at = next(view, at)) {
    if (type(view, at) === wanted) return at;
  }
  return -1;
}

/** Writes type and length; `totalBytes` is a multiple of eight. */
export function emitHeader(optionType: number, totalBytes: number, view: DataView, offset: number): number {
  view.setUint8(offset, optionType);
  view.setUint8(offset + 1, totalBytes / UNIT_BYTES);
  return HEADER_BYTES;
}

/** The next multiple of eight. */
export function padded(byteCount: number): number {
  return Math.ceil(byteCount / UNIT_BYTES) * UNIT_BYTES;
}
