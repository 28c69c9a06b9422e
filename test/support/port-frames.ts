import { frameColumns } from "../../src/base/frame-columns.js";
import type { PortFrames } from "../../src/os/port-socket.js";

/** Frames to be sent, each with its port. */
export function portFrames(...frames: readonly (readonly [port: number, bytes: Uint8Array])[]): PortFrames {
  const columns = frameColumns(frames.length);
  const bytes = new Uint8Array(frames.reduce((total, [, frame]) => total + frame.length, 0));
  let at = 0;
  for (const [row, [port, frame]] of frames.entries()) {
    bytes.set(frame, at);
    columns.port[row] = port;
    columns.offset[row] = at;
    columns.length[row] = frame.length;
    at += frame.length;
  }
  return { bytes, ...columns, count: frames.length };
}
