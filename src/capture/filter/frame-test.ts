import {
  ANCILLARY_VLAN_TAG,
  ANCILLARY_VLAN_TAGGED,
  and,
  jumpIfEqual,
  jumpIfGreater,
  jumpIfNotLess,
  jumpIfSet,
  loadByte,
  loadHalf,
  loadHalfIndexed,
  loadIndexIpv4Header,
  loadLength,
  loadWord,
  type Statement,
} from "../../frame/bpf.js";

/** What a filter asks of a frame: single tests, joined. Classic BPF can say each of them in a few instructions. */
export type Test =
  | { readonly kind: "and" | "or"; readonly tests: readonly Test[] }
  | { readonly kind: "not"; readonly test: Test }
  | { readonly kind: "compare"; readonly load: readonly Statement[]; readonly is: Comparison; readonly value: number };

/** `set`: any of these bits. */
export type Comparison = "equal" | "set" | "greater" | "notLess";

export const JUMP = { equal: jumpIfEqual, set: jumpIfSet, greater: jumpIfGreater, notLess: jumpIfNotLess } as const;

export const all = (...tests: Test[]): Test => ({ kind: "and", tests });
export const any = (...tests: Test[]): Test => ({ kind: "or", tests });
export const not = (test: Test): Test => ({ kind: "not", test });

const compare = (load: readonly Statement[], value: number, is: Comparison = "equal"): Test => ({
  kind: "compare",
  load,
  is,
  value,
});

export const byteAt = (at: number, value: number): Test => compare([loadByte(at)], value);
export const halfAt = (at: number, value: number): Test => compare([loadHalf(at)], value);
export const wordAt = (at: number, value: number): Test => compare([loadWord(at)], value);
export const byteNotLess = (at: number, least: number): Test => compare([loadByte(at)], least, "notLess");
/** The bits of a mask in the word at `at` are these. */
export const maskedWordAt = (at: number, mask: number, value: number): Test =>
  mask === 0xffff_ffff ? wordAt(at, value) : compare([loadWord(at), and(mask)], value);
export const anyBitOfByteAt = (at: number, mask: number): Test => compare([loadByte(at)], mask, "set");
export const anyBitOfHalfAt = (at: number, mask: number): Test => compare([loadHalf(at)], mask, "set");
export const isLongerThan = (bytes: number): Test => compare([loadLength()], bytes, "greater");

export const isTagged: Test = compare([loadWord(ANCILLARY_VLAN_TAGGED)], 1);
export const hasTag = (mask: number, value: number): Test => compare([loadWord(ANCILLARY_VLAN_TAG), and(mask)], value);

/** The 16-bit number at `at` is one of `first` to `last`. */
export const halfInRange = (at: number, first: number, last: number): Test => inRange([loadHalf(at)], first, last);
/** The same, counted from the end of the IPv4 header that begins at `header`. */
export const halfBehindIpv4InRange = (header: number, at: number, first: number, last: number): Test =>
  inRange([loadIndexIpv4Header(header), loadHalfIndexed(header + at)], first, last);

function inRange(load: readonly Statement[], first: number, last: number): Test {
  if (first === last) return compare(load, first);
  return all(compare(load, first, "notLess"), not(compare(load, last, "greater")));
}
