/**
 * A small assembler for classic BPF (Linux: Documentation/networking/filter.rst): just what filters for frames need.
 *
 * A program is a list of statements that reads from top to bottom; jumps go forward, to labels. `undefined` for a jump's target
 * means the next statement. A load beyond the end of a frame ends the program with "drop", so lengths need no test.
 */

/** One `struct sock_filter`. */
export interface BpfInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

export type BpfProgram = readonly BpfInstruction[];

/** A jump to a label, or on to the next statement. */
type Target = string | undefined;

export type Statement =
  | { readonly kind: "label"; readonly name: string }
  | { readonly kind: "plain"; readonly code: number; readonly k: number }
  | { readonly kind: "jump"; readonly code: number; readonly k: number; readonly onTrue: Target; readonly onFalse: Target };

/** Opcodes of linux/bpf_common.h, composed. */
export const OPCODE = {
  loadWord: 0x20,
  loadHalf: 0x28,
  loadByte: 0x30,
  loadHalfIndexed: 0x48,
  loadIndexIpv4Header: 0xb1,
  and: 0x54,
  loadLength: 0x80,
  jumpEqual: 0x15,
  jumpGreater: 0x25,
  jumpGreaterOrEqual: 0x35,
  jumpSet: 0x45,
  return: 0x06,
} as const;

/** `SKF_AD_OFF + SKF_AD_VLAN_TAG`: the kernel has taken the tag out of the frame, and keeps it there. */
export const ANCILLARY_VLAN_TAG = 0xffff_f000 + 44;
/** `SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT`: 1 where there is one, which may be all zeroes. */
export const ANCILLARY_VLAN_TAGGED = 0xffff_f000 + 48;

/** What a program returns to keep a whole frame: a length that none exceeds. */
export const KEEP_BYTES = 0x4_0000;

/** A conditional jump has eight bits for its distance. */
const JUMP_MOST = 255;

export const label = (name: string): Statement => ({ kind: "label", name });
export const loadWord = (at: number): Statement => ({ kind: "plain", code: OPCODE.loadWord, k: at });
export const loadHalf = (at: number): Statement => ({ kind: "plain", code: OPCODE.loadHalf, k: at });
export const loadByte = (at: number): Statement => ({ kind: "plain", code: OPCODE.loadByte, k: at });
/** Sets the index register to the length of the IPv4 header at `at`. */
export const loadIndexIpv4Header = (at: number): Statement => ({ kind: "plain", code: OPCODE.loadIndexIpv4Header, k: at });
/** Loads from the index register plus `at`. */
export const loadHalfIndexed = (at: number): Statement => ({ kind: "plain", code: OPCODE.loadHalfIndexed, k: at });
export const and = (mask: number): Statement => ({ kind: "plain", code: OPCODE.and, k: mask });
export const jumpIfEqual = (value: number, onTrue: Target, onFalse?: string): Statement =>
  jump(OPCODE.jumpEqual, value, onTrue, onFalse);
/** The whole frame's length. */
export const loadLength = (): Statement => ({ kind: "plain", code: OPCODE.loadLength, k: 0 });
export const jumpIfGreater = (value: number, onTrue: Target, onFalse?: string): Statement =>
  jump(OPCODE.jumpGreater, value, onTrue, onFalse);
export const jumpIfNotLess = (value: number, onTrue: Target, onFalse?: string): Statement =>
  jump(OPCODE.jumpGreaterOrEqual, value, onTrue, onFalse);
/** Jumps if any bit of the mask is set. */
export const jumpIfSet = (mask: number, onTrue: Target, onFalse?: string): Statement =>
  jump(OPCODE.jumpSet, mask, onTrue, onFalse);
export const keep = (bytes = KEEP_BYTES): Statement => ({ kind: "plain", code: OPCODE.return, k: bytes });
export const drop = (): Statement => ({ kind: "plain", code: OPCODE.return, k: 0 });

function jump(code: number, k: number, onTrue: Target, onFalse: Target): Statement {
  return { kind: "jump", code, k, onTrue, onFalse };
}

/** Resolves the labels. RangeError for one that is unknown, twice there, behind its jump or too far: a mistake in the program. */
export function assemble(statements: readonly Statement[]): BpfProgram {
  const labels = new Map<string, number>();
  const instructions: Exclude<Statement, { kind: "label" }>[] = [];
  for (const statement of statements) {
    if (statement.kind !== "label") instructions.push(statement);
    else if (labels.has(statement.name)) throw new RangeError(`BPF: two labels ${statement.name}`);
    else labels.set(statement.name, instructions.length);
  }
  return instructions.map((instruction, index) => {
    const { code, k } = instruction;
    if (instruction.kind === "plain") return { code, jt: 0, jf: 0, k };
    return { code, jt: distance(labels, index, instruction.onTrue), jf: distance(labels, index, instruction.onFalse), k };
  });
}

function distance(labels: ReadonlyMap<string, number>, from: number, target: Target): number {
  if (target === undefined) return 0;
  const to = labels.get(target);
  if (to === undefined) throw new RangeError(`BPF: no label ${target}`);
  const steps = to - from - 1;
  if (steps < 0 || steps > JUMP_MOST) throw new RangeError(`BPF: label ${target} is ${steps} instructions away`);
  return steps;
}
