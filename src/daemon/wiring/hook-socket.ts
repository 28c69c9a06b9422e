import type { HookCall, HookListener } from "../../control/index.js";
import { UnixListener } from "../../os/unix-socket.js";

/** Everybody may connect to the hooks' socket; what they may do is decided by who they are. */
const SOCKET_MODE = 0o666;

/** The hooks' socket as `control` wants it. */
export class HookSocket implements HookListener {
  readonly #path: string;
  #listener: UnixListener | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  start(onCall: (call: HookCall) => void): void {
    this.#listener = new UnixListener({ path: this.#path, mode: SOCKET_MODE }, onCall);
  }

  close(): void {
    this.#listener?.close();
  }
}
