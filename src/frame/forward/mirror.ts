/** A hook that writes every forwarded frame to a pcapng stream; Wireshark reads it. */
import type { Clock } from "../../base/clock.js";
import * as pcapng from "../../wire/pcapng.js";
import { type ForwardHook, FRAME_VERDICT } from "./hooks.js";
import type { FrameSelector } from "./impairments.js";

export interface MirrorOptions {
  /** Takes each block in order: append it to a file, write it to a pipe. The bytes are the callee's. */
  readonly write: (block: Uint8Array) => void;
  readonly clock: Clock;
  readonly only?: FrameSelector;
  /** Bytes kept of each frame; all when left out. */
  readonly snapBytes?: number;
}

const US_PER_MS = 1000;

/**
 * Every frame once, on the interface of the port that it leaves by, as it leaves; the file's interfaces are the ports, each
 * begun when its first frame comes. The hook sees frames only as far as the hooks before it let them pass.
 */
export function mirror({ write, clock, only, snapBytes = 0 }: MirrorOptions): ForwardHook {
  const interfaces = new Map<string, number>();
  let begun = false;

  function interfaceOf(name: string): number {
    const known = interfaces.get(name);
    if (known !== undefined) return known;
    if (!begun) write(bytesOf({ kind: "section", application: "tapnet", options: [] }));
    begun = true;
    const index = interfaces.size;
    interfaces.set(name, index);
    write(bytesOf({ kind: "interface", linkType: pcapng.LINK_TYPE.ethernet, snapBytes, name, decimals: undefined, options: [] }));
    return index;
  }

  return (frame) => {
    if (only !== undefined && !only(frame)) return FRAME_VERDICT.pass;
    const kept = snapBytes === 0 ? frame.length : Math.min(snapBytes, frame.length);
    write(
      bytesOf({
        kind: "packet",
        interface: interfaceOf(frame.to.name),
        timestamp: BigInt(Math.round(clock.nowMs() * US_PER_MS)),
        originalBytes: frame.length,
        direction: "out",
        bytes: frame.bytes.slice(frame.offset, frame.offset + kept),
        options: [],
      }),
    );
    return FRAME_VERDICT.pass;
  };
}

function bytesOf(block: pcapng.Block): Uint8Array {
  const bytes = new Uint8Array(pcapng.emittedBytes(block));
  pcapng.emit(block, new DataView(bytes.buffer), 0);
  return bytes;
}
