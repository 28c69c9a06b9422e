import { TapnetError } from "../../base/errors.js";
import { CaptureFile, NO_READER } from "../../capture/capture-file.js";
import { compileFilter } from "../../capture/filter/compile.js";
import { describeFrame } from "../../capture/frame-text.js";
import { openCapture } from "../../capture/open.js";
import { type CaptureOutcome, type CaptureSink, runCapture } from "../../capture/run.js";
import { parseDuration } from "../../config/duration.js";
import { packageVersion } from "../../control/package.js";
import type { LinkView } from "../../control/views.js";
import type { Context } from "../context.js";
import { printable } from "../terminal.js";

export interface CaptureOptions {
  readonly network?: string;
  readonly write?: string;
  readonly count?: string;
  readonly snap?: string;
  readonly rotateSize?: string;
  readonly rotateTime?: string;
  readonly keep?: string;
}

/** As tcpdump has it: more than any frame. */
const WHOLE_BYTES = 262_144;
const LEAST_SNAP_BYTES = 14;
const SIZE_UNIT: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  K: 1024,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};
const OUTGOING = 1;
/** A guest's socket is tapnetd's, which shows what passes there. */
const FEED_ENDED = ": tapnetd has ended, or the guest's socket was taken away; when it is there again, begin anew";

/** `tapnet capture GUEST [FILTER…]`: until Ctrl-C, with counts at the end. */
export async function capture(
  context: Context,
  guest: string,
  filter: readonly string[],
  options: CaptureOptions,
): Promise<undefined> {
  const snapBytes = numberOf("snap", options.snap, LEAST_SNAP_BYTES, WHOLE_BYTES) ?? WHOLE_BYTES;
  const frames = numberOf("count", options.count, 1, Number.MAX_SAFE_INTEGER);
  const program = compileFilter(filter.join(" "), snapBytes);
  const rotation = rotationOf(options);
  const links = await linksOf(context, guest, options.network);
  const names = links.map(({ ifname }) => ifname);
  const sockets = [];
  for (const name of names) sockets.push(await openCapture(context.runDirectory, name));
  const fed = sockets.some((socket) => socket.fed);
  const file =
    options.write === undefined
      ? undefined
      : new CaptureFile(
          { path: options.write, ...rotation, interfaces: names, snapBytes, application: `tapnet ${packageVersion()}` },
          Date.now(),
        );
  const sink = file === undefined ? textSink(context, names) : fileSink(file);
  const stop = new AbortController();
  const told = (): void => stop.abort();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, told);
  try {
    const outcome = await runCapture({
      sockets,
      filter: program,
      snapBytes,
      frames,
      sink,
      signal: stop.signal,
      nowMs: Date.now,
      onSeeing() {
        if (file !== undefined) context.terminal.note(`capturing ${printable(names.join(", "))}; Ctrl-C ends it`);
      },
    });
    context.terminal.note(describeOutcome(outcome, names, fed, file));
    return undefined;
  } catch (thrown) {
    // As with other programs in a pipe: that its reader has had enough is no failure.
    if (thrown instanceof TapnetError && thrown.code === NO_READER) return undefined;
    throw thrown;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, told);
  }
}

async function linksOf(context: Context, guest: string, network: string | undefined): Promise<readonly LinkView[]> {
  const links = await (await context.client()).links({ guest });
  const wanted = links.filter((link) => network === undefined || link.network === network);
  if (wanted.length > 0) return wanted;
  const where = network === undefined ? "" : ` to network ${network}`;
  throw new TapnetError("NOT_FOUND", `guest ${guest} is not attached${where}; see: tapnet guest list`);
}

function rotationOf({ write, rotateSize, rotateTime, keep }: CaptureOptions): {
  rotateBytes: number | undefined;
  rotateMs: number | undefined;
  keep: number | undefined;
} {
  const rotates = rotateSize !== undefined || rotateTime !== undefined;
  if ((rotates || keep !== undefined) && (write === undefined || write === "-")) {
    throw new TapnetError("USAGE", "only files rotate: give one with --write FILE");
  }
  if (keep !== undefined && !rotates) throw new TapnetError("USAGE", "--keep goes with --rotate-size or --rotate-time");
  const seconds = rotateTime === undefined ? undefined : parseDuration(rotateTime);
  if (rotateTime !== undefined && (seconds === undefined || seconds === 0)) {
    throw new TapnetError("USAGE", `--rotate-time ${rotateTime}: write a time like 30s, 15m, 1h`);
  }
  return {
    rotateBytes: rotateSize === undefined ? undefined : sizeOf(rotateSize),
    rotateMs: seconds === undefined ? undefined : seconds * 1000,
    keep: numberOf("keep", keep, 1, 1_000_000),
  };
}

function sizeOf(text: string): number {
  const [, digits, unit] = /^(\d{1,12})([kKMG]i?|)B?$/.exec(text) ?? [];
  const bytes = Number(digits) * (SIZE_UNIT[unit] ?? Number.NaN);
  if (!(bytes > 0)) throw new TapnetError("USAGE", `--rotate-size ${text}: write a size like 500k, 10M, 1G`);
  return bytes;
}

function numberOf(option: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new TapnetError("USAGE", `--${option} ${text}: write a whole number ${range}`);
}

function fileSink(file: CaptureFile): CaptureSink {
  return {
    add: (batch, count, port, nowMs, counts) => file.add(batch, count, port, nowMs, counts),
    tick(nowMs, counts) {
      if (file.isOld(nowMs)) file.rotate(nowMs, counts());
      else file.flush();
    },
    close: (nowMs, counts) => file.close(nowMs, counts),
  };
}

/** One line a frame; with --json one object a line. */
function textSink(context: Context, names: readonly string[]): CaptureSink {
  return {
    add(batch, count, port) {
      for (let row = 0; row < count; row++) {
        const text = printable(describeFrame(batch.view, batch.offset[row], batch.length[row]));
        const direction = (batch.flags[row] & OUTGOING) === 0 ? "in" : "out";
        const at = new Date(batch.seconds[row] * 1000 + batch.nanoseconds[row] / 1e6);
        const bytes = batch.original[row];
        if (context.json) {
          context.terminal.print(JSON.stringify({ at: at.toISOString(), ifname: names[port], direction, bytes, text }));
          continue;
        }
        const time = `${at.toTimeString().slice(0, 8)}.${String(Math.floor(batch.nanoseconds[row] / 1000)).padStart(6, "0")}`;
        const where = `${printable(names[port])} ${direction.padEnd(3)}`;
        context.terminal.print(`${context.terminal.paint("dim", time)} ${context.terminal.paint("cyan", where)} ${text}`);
      }
    },
    tick: () => undefined,
    close: () => undefined,
  };
}

function describeOutcome(
  { captured, counts, reason }: CaptureOutcome,
  names: readonly string[],
  fed: boolean,
  file: CaptureFile | undefined,
): string {
  const dropped = counts.reduce((sum, count) => sum + count.dropped, 0);
  const lines = [`${captured} frames captured, ${dropped} dropped by the kernel`];
  if (names.length > 1) {
    lines.push(...counts.map((count, port) => `  ${printable(names[port])}: ${count.received} seen, ${count.dropped} dropped`));
  }
  if (reason === "gone") lines.push(`ended: ${printable(names.join(", "))} is gone${fed ? FEED_ENDED : ""}`);
  if (file !== undefined && file.path !== "-")
    lines.push(`written to ${file.path}${file.files > 1 ? `, the last of ${file.files}` : ""}`);
  return lines.join("\n");
}
