import { ANCILLARY_VLAN_TAG, ANCILLARY_VLAN_TAGGED, type BpfProgram, OPCODE } from "../../src/frame/bpf.js";

const INSTRUCTIONS_MOST = 4096;
/** Of those that only others' compilers make. */
const JUMP_ALWAYS = 0x05;

/**
 * Runs a classic BPF program as the kernel does for a packet socket, and returns how many bytes it keeps.
 *
 * Like the kernel it takes an outer 802.1Q tag out of the frame first and offers it as ancillary data.
 */
export function runBpf(program: BpfProgram, frame: Uint8Array): number {
  const { bytes, tag, isTagged } = untagged(frame);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let accumulator = 0;
  let index = 0;
  for (let at = 0, steps = 0; steps < INSTRUCTIONS_MOST; steps++, at++) {
    const { code, jt, jf, k } = program[at];
    switch (code) {
      case OPCODE.return:
        return k;
      case OPCODE.and:
        accumulator = (accumulator & k) >>> 0;
        break;
      case OPCODE.jumpEqual:
        at += accumulator === k ? jt : jf;
        break;
      case OPCODE.jumpGreater:
        at += accumulator > k ? jt : jf;
        break;
      case OPCODE.jumpGreaterOrEqual:
        at += accumulator >= k ? jt : jf;
        break;
      case JUMP_ALWAYS:
        at += k;
        break;
      case OPCODE.loadLength:
        accumulator = bytes.length;
        break;
      case OPCODE.jumpSet:
        at += (accumulator & k) !== 0 ? jt : jf;
        break;
      case OPCODE.loadIndexIpv4Header:
        if (k >= bytes.length) return 0;
        index = (view.getUint8(k) & 0xf) * 4;
        break;
      default: {
        const loaded = k === ANCILLARY_VLAN_TAGGED ? isTagged : k === ANCILLARY_VLAN_TAG ? tag : load(view, code, k, index);
        if (loaded === undefined) return 0;
        accumulator = loaded;
      }
    }
  }
  throw new Error("the program does not end");
}

function load(view: DataView, code: number, k: number, index: number): number | undefined {
  const has = (at: number, bytes: number): boolean => at + bytes <= view.byteLength;
  switch (code) {
    case OPCODE.loadWord:
      return has(k, 4) ? view.getUint32(k) : undefined;
    case OPCODE.loadHalf:
      return has(k, 2) ? view.getUint16(k) : undefined;
    case OPCODE.loadByte:
      return has(k, 1) ? view.getUint8(k) : undefined;
    case OPCODE.loadHalfIndexed:
      return has(index + k, 2) ? view.getUint16(index + k) : undefined;
    default:
      throw new Error(`no such instruction: ${code}`);
  }
}

function untagged(frame: Uint8Array): { bytes: Uint8Array; tag: number; isTagged: 0 | 1 } {
  const tagged = frame.length >= 18 && frame[12] === 0x81 && frame[13] === 0;
  if (!tagged) return { bytes: frame, tag: 0, isTagged: 0 };
  return {
    bytes: Uint8Array.from([...frame.subarray(0, 12), ...frame.subarray(16)]),
    tag: (frame[14] << 8) | frame[15],
    isTagged: 1,
  };
}
