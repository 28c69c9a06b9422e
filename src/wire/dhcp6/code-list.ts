/** Rows of 16-bit numbers: Option Request (RFC 8415 §21.7), Echo Request (RFC 4994) and Client System Architecture Type (RFC 5970 §3.3). */

export function check(length: number): "dhcp6-option-malformed" | undefined {
  return (length & 1) === 1 ? "dhcp6-option-malformed" : undefined;
}

/** Whether `wanted` is in the row. */
export function includes(view: DataView, offset: number, length: number, wanted: number): boolean {
  for (let at = offset; at < offset + length; at += 2) {
    if (view.getUint16(at) === wanted) return true;
  }
  return false;
}

export function parse(view: DataView, offset: number, length: number): number[] {
  const codes: number[] = [];
  for (let at = offset; at < offset + length; at += 2) codes.push(view.getUint16(at));
  return codes;
}

export function emittedBytes(codes: readonly number[]): number {
  return codes.length * 2;
}

export function emit(codes: readonly number[], view: DataView, offset: number): number {
  for (const [index, code] of codes.entries()) view.setUint16(offset + index * 2, code);
  return codes.length * 2;
}
