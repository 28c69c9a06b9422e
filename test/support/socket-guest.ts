/** A guest on a dgram socket of tapnetd's, without QEMU: the test says what it sends, and sees what it gets. */
import { join } from "node:path";
import type { Mac } from "../../src/base/mac.js";
import { parseMac } from "../../src/base/mac.js";
import { ForwardBatch } from "../../src/frame/forward/batch.js";
import { PortSocket } from "../../src/os/port-socket.js";
import type { Daemon } from "./daemon.js";
import { portFrames } from "./port-frames.js";

export class SocketGuest {
  readonly name: string;
  readonly received: Uint8Array[] = [];
  readonly #socket: PortSocket;
  readonly #batch = new ForwardBatch();

  /** `directory` is where tapnetd has its sockets. */
  private constructor(name: string, directory: string) {
    this.name = name;
    this.#socket = new PortSocket({ onReadable: () => this.#receive(), onEvent: () => undefined });
    this.#socket.addDgram(0, join(directory, `${name}.qemu`), join(directory, `${name}.sock`));
  }

  /** Adds the guest to the daemon and takes QEMU's place. */
  static async add(daemon: Daemon, name: string): Promise<SocketGuest> {
    await daemon.tapnet("guest", "add", name, "--socket");
    return new SocketGuest(name, join(daemon.runFolder, "guests"));
  }

  close(): Promise<void> {
    return this.#socket.close();
  }

  send(...frames: readonly Uint8Array[]): void {
    this.#socket.send(portFrames(...frames.map((frame) => [0, frame] as const)));
  }

  #receive(): void {
    const batch = this.#batch;
    this.#socket.receive(batch);
    for (let row = 0; row < batch.count; row++) {
      this.received.push(batch.bytes.slice(batch.offset[row], batch.offset[row] + batch.length[row]));
    }
  }
}

/** Our own MAC address on a guest's port. */
export async function gatewayMacOf(daemon: Daemon, name: string): Promise<Mac> {
  const shown = await daemon.host.ip(`-o link show tn-${name}`);
  const mac = parseMac(/link\/ether (\S+)/.exec(shown)?.[1] ?? "");
  if (mac === undefined) throw new Error(`tn-${name} has no MAC address: ${shown}`);
  return mac;
}
