/** Identity associations: IA_NA (RFC 8415 §21.4), IA_PD (§21.21) and the retired IA_TA (§21.5). Options follow the fixed part. */

/** IA_NA and IA_PD: IAID, T1, T2. */
export const HEADER_BYTES = 12;
/** IA_TA: IAID alone. */
export const TEMPORARY_HEADER_BYTES = 4;

export const FIELD = { iaid: 0, t1: 4, t2: 8, options: 12 } as const;

/** An IA_NA or IA_PD without its options. Times of 0 leave the choice to the client; 0xffffffff never comes. */
export interface Ia {
  readonly iaid: number;
  readonly t1Seconds: number;
  readonly t2Seconds: number;
}

export function check(length: number): "dhcp6-option-malformed" | undefined {
  return length < HEADER_BYTES ? "dhcp6-option-malformed" : undefined;
}

export function checkTemporary(length: number): "dhcp6-option-malformed" | undefined {
  return length < TEMPORARY_HEADER_BYTES ? "dhcp6-option-malformed" : undefined;
}

export function iaid(view: DataView, offset: number): number {
  return view.getUint32(offset + FIELD.iaid);
}

export function t1Seconds(view: DataView, offset: number): number {
  return view.getUint32(offset + FIELD.t1);
}

export function t2Seconds(view: DataView, offset: number): number {
  return view.getUint32(offset + FIELD.t2);
}

export function setTimes(view: DataView, offset: number, t1: number, t2: number): void {
  view.setUint32(offset + FIELD.t1, t1);
  view.setUint32(offset + FIELD.t2, t2);
}

export function emit(repr: Ia, view: DataView, offset: number): number {
  view.setUint32(offset + FIELD.iaid, repr.iaid);
  setTimes(view, offset, repr.t1Seconds, repr.t2Seconds);
  return HEADER_BYTES;
}
