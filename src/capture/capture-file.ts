/**
 * Theory of operation
 *
 * A capture as pcapng files. Blocks are gathered in a buffer and written when it is full, when a while has passed, and at
 * the end; so a reader at the other end of a pipe sees frames soon, and a gigabit costs few system calls. Where files
 * rotate, each is whole in itself: it begins with the section and all interfaces and ends with how many frames each
 * interface saw and lost.
 *
 * Writing is synchronous: nothing else happens in a process that captures, and while the disk is slow the kernel keeps
 * frames, and drops and counts those that it has no room for.
 */
import { closeSync, existsSync, ftruncateSync, openSync, unlinkSync, writeSync } from "node:fs";
import { dirname, join, parse as parsePath } from "node:path";
import { fileReason, TapnetError } from "../base/errors.js";
import { CAPTURE_OUTGOING, type CaptureBatch, type CaptureCounts } from "../os/capture-socket.js";
import * as pcapng from "../wire/pcapng.js";

export interface CaptureFileOptions {
  /** `-` is the standard output. */
  readonly path: string;
  /** Begins another file when one has this size, or this age. */
  readonly rotateBytes?: number | undefined;
  readonly rotateMs?: number | undefined;
  /** Files that are kept, the youngest; all of them where it is not said. */
  readonly keep?: number | undefined;
  readonly interfaces: readonly string[];
  readonly snapBytes: number;
  readonly application: string;
}

const BUFFER_BYTES = 1024 * 1024;
const STANDARD_OUTPUT = 1;
/** Digits of a file's number: enough that names sort as they were written. */
const NUMBER_DIGITS = 6;
const FULL_PIPE_PAUSE_MS = 2;
const FRAMES = { linkType: pcapng.LINK_TYPE.ethernet, decimals: pcapng.NANOSECONDS } as const;
const NANOSECONDS_A_MS = 1_000_000n;

export class CaptureFile {
  readonly #options: CaptureFileOptions;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  readonly #paths: string[] = [];
  #filled = 0;
  #descriptor = -1;
  #writtenBytes = 0;
  #openedAtMs = 0;
  #number = 0;
  #files = 0;
  /** What stands before the first frame. */
  #headBytes = 0;

  /** Opens the first file at once. TapnetError where it cannot be written. */
  constructor(options: CaptureFileOptions, nowMs: number) {
    this.#options = options;
    this.#open(nowMs);
  }

  /** Files that were begun. */
  get files(): number {
    return this.#files;
  }

  /** The file that is being written. */
  get path(): string {
    return this.#paths.at(-1) ?? this.#options.path;
  }

  /** Adds the first `count` frames of the batch, which came by this interface. `counts` is asked when a file ends. */
  add(batch: CaptureBatch, count: number, index: number, nowMs: number, counts: () => readonly CaptureCounts[]): void {
    for (let row = 0; row < count; row++) {
      if (this.#isFull(batch.length[row], nowMs)) this.rotate(nowMs, counts());
      const needed = batch.length[row] + pcapng.PACKET_OVERHEAD_BYTES;
      if (this.#filled + needed > BUFFER_BYTES) this.flush();
      this.#filled += pcapng.emitFrame(
        {
          interface: index,
          seconds: batch.seconds[row],
          nanoseconds: batch.nanoseconds[row],
          direction: (batch.flags[row] & CAPTURE_OUTGOING) === 0 ? "in" : "out",
          originalBytes: batch.original[row],
        },
        batch.bytes,
        batch.offset[row],
        batch.length[row],
        this.#view,
        this.#filled,
      );
    }
  }

  /** Whether the file is older than one may be. */
  isOld(nowMs: number): boolean {
    const { rotateMs } = this.#options;
    return rotateMs !== undefined && nowMs - this.#openedAtMs >= rotateMs;
  }

  /** Ends the file and begins another. */
  rotate(nowMs: number, counts: readonly CaptureCounts[]): void {
    this.close(nowMs, counts);
    this.#open(nowMs);
  }

  /** Writes what has been gathered. */
  flush(): void {
    if (this.#filled === 0) return;
    this.#write(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  /** Ends the file with the counts of its interfaces. May be called again. */
  close(nowMs: number, counts: readonly CaptureCounts[]): void {
    if (this.#descriptor < 0) return;
    for (const [index, { received, dropped }] of counts.entries()) {
      const timestamp = BigInt(Math.round(nowMs)) * NANOSECONDS_A_MS;
      this.#emit({ kind: "statistics", interface: index, timestamp, received, dropped, options: [] });
    }
    this.flush();
    if (this.#descriptor !== STANDARD_OUTPUT) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #isFull(frameBytes: number, nowMs: number): boolean {
    const { rotateBytes } = this.#options;
    const size = this.#writtenBytes + this.#filled + frameBytes + pcapng.PACKET_OVERHEAD_BYTES;
    return (rotateBytes !== undefined && size > rotateBytes && this.#holdsFrames()) || this.isOld(nowMs);
  }

  /** A file that a single frame fills holds that one all the same. */
  #holdsFrames(): boolean {
    return this.#writtenBytes + this.#filled > this.#headBytes;
  }

  #open(nowMs: number): void {
    const path = this.#nextPath();
    try {
      this.#descriptor = path === "-" ? STANDARD_OUTPUT : openSync(path, "w", 0o600);
    } catch (cause) {
      throw new TapnetError("FILE", `cannot write ${path}: ${fileReason(cause)}`, { cause });
    }
    this.#files++;
    this.#paths.push(path);
    this.#writtenBytes = 0;
    this.#openedAtMs = nowMs;
    const { interfaces, snapBytes, application, keep } = this.#options;
    this.#emit({ kind: "section", application, options: [] });
    for (const name of interfaces) {
      const { linkType, decimals } = FRAMES;
      this.#emit({ kind: "interface", linkType, snapBytes, name, decimals, options: [] });
    }
    this.#headBytes = this.#filled;
    const surplus = keep === undefined ? 0 : Math.max(0, this.#paths.length - keep);
    for (const old of this.#paths.splice(0, surplus)) removeIfThere(old);
  }

  /** The path itself, or with a number where there will be several; a file that was there before is not written over. */
  #nextPath(): string {
    const { path, rotateBytes, rotateMs } = this.#options;
    if (path === "-" || (rotateBytes === undefined && rotateMs === undefined)) return path;
    const { name, ext } = parsePath(path);
    for (;;) {
      const numbered = join(dirname(path), `${name}-${String(++this.#number).padStart(NUMBER_DIGITS, "0")}${ext}`);
      if (!existsSync(numbered)) return numbered;
    }
  }

  #emit(block: pcapng.Block): void {
    if (this.#filled + pcapng.emittedBytes(block) > BUFFER_BYTES) this.flush();
    this.#filled += pcapng.emit(block, this.#view, this.#filled);
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(this.#descriptor, bytes, at);
      } catch (cause) {
        // Whoever reads our output may have made the pipe non-blocking.
        if ((cause as NodeJS.ErrnoException).code === "EAGAIN") pause(FULL_PIPE_PAUSE_MS);
        else throw this.#broken(cause);
      }
    }
    this.#writtenBytes += bytes.length;
  }

  /**
   * Nothing is written after a failure: what follows a gap would be read as something else. What was written before is cut to its
   * last whole block.
   */
  #broken(cause: unknown): TapnetError {
    const failure = (cause as NodeJS.ErrnoException).code;
    const kept = this.#descriptor !== STANDARD_OUTPUT && cutTo(this.#descriptor, this.#writtenBytes);
    if (this.#descriptor !== STANDARD_OUTPUT) closeSync(this.#descriptor);
    this.#descriptor = -1;
    this.#filled = 0;
    const hint = failure === "ENOSPC" ? "; --rotate-size with --keep bounds what a capture needs" : "";
    const rest = kept ? `; its first ${this.#writtenBytes} bytes are whole${hint}` : "";
    return new TapnetError(failure === "EPIPE" ? NO_READER : "FILE", `cannot write ${this.path}: ${fileReason(cause)}${rest}`, {
      cause,
    });
  }
}

/** Nobody reads the standard output any more. */
export const NO_READER = "NO_READER";

/** False for what has no length, like a pipe. */
function cutTo(descriptor: number, bytes: number): boolean {
  try {
    ftruncateSync(descriptor, bytes);
    return true;
  } catch {
    return false;
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ENOENT") throw thrown;
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
