/** Ports whose links are arrays: an engine without a kernel, for tests and simulations. */
import { ForwardBatch } from "./batch.js";
import type { FrameTransmitter, OutgoingFrames } from "./output.js";

/** A frame that left the engine. */
export interface SentFrame {
  readonly port: number;
  readonly bytes: Uint8Array;
}

/** What the engine transmits to is kept; what is to be received goes through `deliver`. */
export class MemoryLinks implements FrameTransmitter {
  readonly #batch: ForwardBatch;
  readonly #sent: SentFrame[] = [];
  /** Ports that take nothing: their frames are lost. */
  readonly blocked = new Set<number>();

  constructor(batch = new ForwardBatch()) {
    this.#batch = batch;
  }

  transmit({ bytes, port, offset, length, count }: OutgoingFrames): number {
    let taken = 0;
    for (let row = 0; row < count; row++) {
      if (this.blocked.has(port[row])) continue;
      this.#sent.push({ port: port[row], bytes: bytes.slice(offset[row], offset[row] + length[row]) });
      taken++;
    }
    return taken;
  }

  /** Hands frames that came in by one port to an engine, as one batch. */
  deliver(engine: { process(batch: ForwardBatch): void }, port: number, frames: readonly Uint8Array[], flags = 0): void {
    const batch = this.#batch;
    batch.count = 0;
    for (const frame of frames) {
      if (batch.append(port, frame, flags)) continue;
      engine.process(batch);
      batch.count = 0;
      batch.append(port, frame, flags);
    }
    engine.process(batch);
  }

  /** All that left since the last call, in order. */
  take(): SentFrame[] {
    return this.#sent.splice(0);
  }
}
