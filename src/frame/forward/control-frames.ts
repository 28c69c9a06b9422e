/** Frames for the services that come in by ports of the engine: copied into batches as the dispatcher knows them. */
import { FRAME_SLOT_BYTES, ReceiveBatch } from "../batch.js";

/** Takes frames for services (`Dispatcher.dispatch`): `slot` of each row is the port's. The batch may be reused at once. */
export type ControlHandler = (batch: ReceiveBatch) => void;

/** UDP ports at our addresses that services listen on, by family. */
export interface ControlPorts {
  readonly ipv4: readonly number[];
  readonly ipv6: readonly number[];
}

export class ControlFrames {
  readonly #batch = new ReceiveBatch();
  readonly #handler: ControlHandler | undefined;
  readonly #ports4 = new Uint8Array(0x1_0000);
  readonly #ports6 = new Uint8Array(0x1_0000);

  constructor(handler: ControlHandler | undefined, ports: ControlPorts) {
    this.#handler = handler;
    if (handler === undefined) return;
    for (const port of ports.ipv4) this.#ports4[port] = 1;
    for (const port of ports.ipv6) this.#ports6[port] = 1;
  }

  /** Whether anybody takes anything. */
  get served(): boolean {
    return this.#handler !== undefined;
  }

  wants4(udpPort: number): boolean {
    return this.#ports4[udpPort] !== 0;
  }

  wants6(udpPort: number): boolean {
    return this.#ports6[udpPort] !== 0;
  }

  /** Copies a frame; a full batch is handled at once. One that is too long for a control frame is marked as such. */
  add(port: number, bytes: Uint8Array, offset: number, length: number, flags: number): void {
    const batch = this.#batch;
    if (batch.count === batch.capacity) this.flush();
    const row = batch.count++;
    const kept = Math.min(length, FRAME_SLOT_BYTES);
    batch.slot[row] = port;
    batch.offset[row] = row * FRAME_SLOT_BYTES;
    batch.length[row] = kept;
    batch.flags[row] = kept < length ? flags | 2 : flags;
    batch.bytes.set(bytes.subarray(offset, offset + kept), row * FRAME_SLOT_BYTES);
  }

  flush(): void {
    const batch = this.#batch;
    if (batch.count === 0) return;
    this.#handler?.(batch);
    batch.count = 0;
  }
}
