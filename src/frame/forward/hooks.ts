/**
 * What may be done to frames on their way: a chain of hooks, each of which sees every frame that is forwarded, ready to
 * leave, and lets it pass, drops it, or makes it late. An engine without hooks pays one comparison a frame.
 */
import type { Clock } from "../../base/clock.js";
import { errorMessage } from "../../base/errors.js";
import { HeldFrames } from "./held-frames.js";
import type { FrameTransmitter, Output } from "./output.js";
import type { ForwardPort, ForwardPorts } from "./ports.js";
import { COUNT } from "./reasons.js";

export const FRAME_VERDICT = { pass: 0, drop: 1 } as const;
export type FrameVerdict = (typeof FRAME_VERDICT)[keyof typeof FRAME_VERDICT];

/** The frame that a hook is asked about: a cursor, the same for every frame. Bytes may be changed in place, lengths not. */
export class ForwardedFrame {
  bytes!: Uint8Array;
  view!: DataView;
  /** The Ethernet header is at `offset`, as the next hop will get it; `length` bytes in all. */
  offset = 0;
  length = 0;
  from!: ForwardPort;
  to!: ForwardPort;
}

/** What a hook may know and say besides; the same for every frame. */
export class HookContext {
  /** Monotonic milliseconds, the same for all frames of a batch. */
  nowMs = 0;
  /** Milliseconds that the frame shall wait; each hook adds its own. */
  delayMs = 0;
}

/**
 * Called for every frame that is forwarded, in the order in which hooks were added; one that returns nothing lets it pass.
 * Neither argument may be kept: both are the next frame's afterwards. Where it throws, its frame is dropped and counted as
 * `hook-failed`, and the first such error of each hook is told to `onHookError`.
 */
export type ForwardHook = (frame: ForwardedFrame, context: HookContext) => FrameVerdict | undefined;

/** Told of the first error of each hook; a warning of the process when left out. */
export type HookErrorHandler = (error: unknown, hook: ForwardHook) => void;

/** The engine, as far as hooks are concerned. */
interface Passing {
  readonly output: Output;
  readonly ports: ForwardPorts;
  readonly nowMs: number;
}

export class HookChain {
  /** Never changed, but replaced: a hook may take hooks out, itself included. */
  #hooks: readonly ForwardHook[] = [];
  readonly #onError: HookErrorHandler;
  readonly #told = new WeakSet<ForwardHook>();
  readonly #frame = new ForwardedFrame();
  readonly #context = new HookContext();
  readonly #held: HeldFrames;

  constructor(clock: Clock, transmitter: FrameTransmitter, heldMost: number, onError: HookErrorHandler = warn) {
    this.#held = new HeldFrames(clock, transmitter, heldMost);
    this.#onError = onError;
  }

  get length(): number {
    return this.#hooks.length;
  }

  /** Frames that wait. */
  get held(): number {
    return this.#held.count;
  }

  /** Adds a hook behind the others; call what is returned to take it out. */
  use(hook: ForwardHook): () => void {
    this.#hooks = [...this.#hooks, hook];
    let isThere = true;
    return () => {
      if (isThere) this.#hooks = this.#hooks.toSpliced(this.#hooks.indexOf(hook), 1);
      isThere = false;
    };
  }

  /** What became of a frame that does not leave now; -1 where it does. */
  pass({ output, ports, nowMs }: Passing, from: number, to: number, offset: number, length: number): number {
    const fromPort = ports.at(from);
    const toPort = ports.at(to);
    if (fromPort === undefined || toPort === undefined) return COUNT["port-gone"];
    const frame = this.#frame;
    const context = this.#context;
    frame.bytes = output.bytes;
    frame.view = output.view;
    frame.offset = offset;
    frame.length = length;
    frame.from = fromPort;
    frame.to = toPort;
    context.nowMs = nowMs;
    context.delayMs = 0;
    for (const hook of this.#hooks) {
      try {
        if (hook(frame, context) === FRAME_VERDICT.drop) return COUNT.hook;
      } catch (error) {
        this.#fail(error, hook);
        return COUNT["hook-failed"];
      }
    }
    if (!(context.delayMs > 0)) return -1;
    const held = this.#held.hold(to, frame.bytes.subarray(offset, offset + length), context.delayMs);
    return held ? COUNT.held : COUNT["held-full"];
  }

  #fail(error: unknown, hook: ForwardHook): void {
    if (this.#told.has(hook)) return;
    this.#told.add(hook);
    this.#onError(error, hook);
  }

  /** Forgets what waits for a port. */
  forget(port: number): void {
    this.#held.forget(port);
  }

  close(): void {
    this.#held.close();
  }
}

function warn(error: unknown): void {
  process.emitWarning(`a hook failed, and the frames for which it does are dropped: ${errorMessage(error)}`, "TapnetWarning");
}
