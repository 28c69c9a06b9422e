/**
 * Ready hooks that make a link worse: an impairment lab. Each stands for itself; put together they act in the order in which
 * they were added (`engine.use(loss({ share: 0.01 })); engine.use(delay({ delayMs: 40, jitterMs: 5 }))`). What cannot be asked for
 * is a TapnetError `INVALID_ARGUMENT`. Times are kept to the millisecond: a frame leaves in the first one in which it is due.
 */
import { TapnetError } from "../../base/errors.js";
import { type Random, systemRandom } from "../../base/random.js";
import { type ForwardedFrame, type ForwardHook, FRAME_VERDICT } from "./hooks.js";

/** Which frames a hook is about; all when left out. */
export type FrameSelector = (frame: ForwardedFrame) => boolean;

interface Selective {
  readonly only?: FrameSelector;
  /** Where chance comes from; a seeded one makes a run repeatable. */
  readonly random?: Random;
}

const TWO_32 = 0x1_0000_0000;
const BITS_PER_BYTE = 8;

/** Every frame comes `delayMs` later, give or take up to `jitterMs`. Frames may overtake each other where there is jitter. */
export function delay(options: Selective & { readonly delayMs: number; readonly jitterMs?: number }): ForwardHook {
  const { only, delayMs, jitterMs = 0, random = systemRandom() } = options;
  check("delayMs", delayMs, 0);
  check("jitterMs", jitterMs, 0);
  return (frame, context) => {
    if (only !== undefined && !only(frame)) return FRAME_VERDICT.pass;
    const jitter = jitterMs === 0 ? 0 : (random.uint32() / TWO_32) * 2 * jitterMs - jitterMs;
    context.delayMs += Math.max(0, delayMs + jitter);
    return FRAME_VERDICT.pass;
  };
}

/** Of all frames the given share, between 0 and 1, is lost, each by its own chance. */
export function loss(options: Selective & { readonly share: number }): ForwardHook {
  const { only, share, random = systemRandom() } = options;
  check("share", share, 0, 1);
  return (frame) => {
    if (only !== undefined && !only(frame)) return FRAME_VERDICT.pass;
    return random.uint32() < share * TWO_32 ? FRAME_VERDICT.drop : FRAME_VERDICT.pass;
  };
}

/** The given share of frames is held back for `delayMs`, so that those behind overtake them. */
export function reorder(options: Selective & { readonly share: number; readonly delayMs: number }): ForwardHook {
  const { only, share, delayMs, random = systemRandom() } = options;
  check("share", share, 0, 1);
  check("delayMs", delayMs, 0);
  return (frame, context) => {
    if ((only === undefined || only(frame)) && random.uint32() < share * TWO_32) context.delayMs += delayMs;
    return FRAME_VERDICT.pass;
  };
}

/**
 * Frames to each port leave one after another at so many bits a second; what would wait longer than `queueMs` is lost, as
 * behind a router with a queue of that length.
 */
export function rate(options: Selective & { readonly bitsPerSecond: number; readonly queueMs?: number }): ForwardHook {
  const { only, bitsPerSecond, queueMs = 100 } = options;
  check("bitsPerSecond", bitsPerSecond, 1);
  check("queueMs", queueMs, 0);
  const freeAtMs = new Map<number, number>();
  return (frame, context) => {
    if (only !== undefined && !only(frame)) return FRAME_VERDICT.pass;
    const nowMs = context.nowMs + context.delayMs;
    const startMs = Math.max(nowMs, freeAtMs.get(frame.to.slot) ?? nowMs);
    if (startMs - nowMs > queueMs) return FRAME_VERDICT.drop;
    const endMs = startMs + (frame.length * BITS_PER_BYTE * 1000) / bitsPerSecond;
    freeAtMs.set(frame.to.slot, endMs);
    context.delayMs += endMs - nowMs;
    return FRAME_VERDICT.pass;
  };
}

function check(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `between ${least} and ${most}`;
  throw new TapnetError("INVALID_ARGUMENT", `${name} is ${range}, not ${value}`);
}
