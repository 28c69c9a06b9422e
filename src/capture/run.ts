/**
 * Theory of operation
 *
 * One loop reads the sockets of all ports as frames come, hands them to where they go, and ends when it was told to, when as many
 * frames as were asked for have come, or when the last port is gone. What nobody reads in time the kernel drops and counts; so a
 * slow disk costs frames, and the counts at the end say how many, but never slows a guest.
 */
import { CaptureBatch, type CaptureCounts, type CaptureSocket } from "../os/capture-socket.js";
import type { FilterInstruction } from "../os/frame-socket.js";

/** Where captured frames go. */
export interface CaptureSink {
  /** The first `count` frames of the batch, which came by the port of this index. */
  add(batch: CaptureBatch, count: number, port: number, nowMs: number, counts: () => readonly CaptureCounts[]): void;
  /** Called several times a second. */
  tick(nowMs: number, counts: () => readonly CaptureCounts[]): void;
  close(nowMs: number, counts: readonly CaptureCounts[]): void;
}

export interface CaptureRun {
  readonly sockets: readonly CaptureSocket[];
  readonly filter: readonly FilterInstruction[];
  readonly snapBytes: number;
  /** Ends after so many frames; undefined: never. */
  readonly frames?: number | undefined;
  readonly sink: CaptureSink;
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  /** Called when every frame from now on is seen. */
  readonly onSeeing?: () => void;
}

export interface CaptureOutcome {
  /** Frames that were handed to the sink. */
  readonly captured: number;
  /** By port: what the kernel let in and what of it was dropped. */
  readonly counts: readonly CaptureCounts[];
  readonly reason: "told" | "enough" | "gone";
}

const ROWS = 64;
/** The longest frame that a link of ours carries, segments that are still to be cut included. */
const MOST_FRAME_BYTES = 65_600;
/** Batches of one port before others have their turn. */
const BATCHES_IN_A_ROW = 16;
const TICK_MS = 200;

/** Captures until it ends; resolves with the counts, the sink closed and the sockets too. */
export async function runCapture(run: CaptureRun): Promise<CaptureOutcome> {
  return new Loop(run).run();
}

class Loop {
  readonly #run: CaptureRun;
  readonly #batch: CaptureBatch;
  /** Of ports that are gone: what was counted until then. */
  readonly #ended: (CaptureCounts | undefined)[];
  #captured = 0;
  #end: (reason: CaptureOutcome["reason"]) => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;

  constructor(run: CaptureRun) {
    this.#run = run;
    this.#batch = new CaptureBatch(ROWS, Math.min(run.snapBytes, MOST_FRAME_BYTES));
    this.#ended = run.sockets.map(() => undefined);
  }

  async run(): Promise<CaptureOutcome> {
    const { sockets, filter, sink, signal, nowMs } = this.#run;
    const tick = setInterval(() => this.#guarded(() => this.#tick()), TICK_MS);
    const told = (): void => this.#end("told");
    try {
      const ended = new Promise<CaptureOutcome["reason"]>((resolve, reject) => {
        this.#end = resolve;
        this.#fail = reject;
      });
      signal.addEventListener("abort", told);
      if (signal.aborted) told();
      for (const [port, socket] of sockets.entries()) {
        socket.setFilter(filter);
        socket.watch(() => this.#guarded(() => this.#read(port)));
      }
      this.#run.onSeeing?.();
      const reason = await ended;
      // What had come before it was told to end waits in the sockets.
      if (reason === "told") for (const port of sockets.keys()) this.#read(port);
      return { captured: this.#captured, counts: this.#readCounts(), reason };
    } finally {
      clearInterval(tick);
      signal.removeEventListener("abort", told);
      const counts = this.#readCounts();
      // First: an open socket keeps the process alive, and the sink may fail.
      for (const socket of sockets) socket.close();
      sink.close(nowMs(), counts);
    }
  }

  #read(port: number): void {
    const { sockets, frames, sink, nowMs } = this.#run;
    for (let turn = 0; turn < BATCHES_IN_A_ROW && this.#ended[port] === undefined; turn++) {
      const received = sockets[port].receive(this.#batch);
      if (received === 0) {
        // The end of a feed is something to be read, and stays that.
        if (sockets[port].fed && sockets[port].vanished()) this.#leave(port);
        return;
      }
      const left = frames === undefined ? received : Math.min(received, frames - this.#captured);
      this.#captured += left;
      if (left > 0) sink.add(this.#batch, left, port, nowMs(), () => this.#readCounts());
      if (frames !== undefined && this.#captured >= frames) {
        this.#end("enough");
        return;
      }
      if (received < ROWS) return;
    }
  }

  #tick(): void {
    const { sockets, sink, nowMs } = this.#run;
    for (const [port, socket] of sockets.entries()) {
      if (this.#ended[port] !== undefined || !socket.vanished()) continue;
      this.#read(port);
      this.#leave(port);
    }
    sink.tick(nowMs(), () => this.#readCounts());
  }

  #leave(port: number): void {
    if (this.#ended[port] !== undefined) return;
    const socket = this.#run.sockets[port];
    this.#ended[port] = socket.counts();
    socket.close();
    if (this.#ended.every((ended) => ended !== undefined)) this.#end("gone");
  }

  #readCounts(): readonly CaptureCounts[] {
    return this.#run.sockets.map((socket, port) => this.#ended[port] ?? socket.counts());
  }

  /** What goes wrong while frames are read ends the capture, and not the process. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }
}
