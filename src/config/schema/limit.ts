import type { z } from "zod";
import { quote, Refusal, section, text, wholeNumber } from "./scalars.js";

/** `limit:` of a network or a guest. */

const RATE_UNIT: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };
const SIZE_UNIT: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, KiB: 1024, MiB: 1024 * 1024 };
const MOST_BITS = 400e9;
const LEAST_BITS = 8_000;
const MOST_BURST_BYTES = 1024 * 1024 * 1024;
/** A burst must hold a frame. */
const LEAST_BURST_BYTES = 2048;

function readRate(written: string): number | Refusal {
  const parts = /^(\d+(?:\.\d+)?) ?([kmg]?bit)(?:\/s)?$/i.exec(written);
  if (parts === null) return new Refusal(`${quote(written)} is not a rate; write one like 100mbit, 2.5gbit or 500kbit`);
  const bits = Math.round(Number(parts[1]) * RATE_UNIT[parts[2].toLowerCase()]);
  if (bits >= LEAST_BITS && bits <= MOST_BITS) return bits;
  return new Refusal(`${quote(written)} is out of bounds; write a rate from 8kbit to 400gbit`);
}

function readSize(written: string): number | Refusal {
  const parts = /^(\d+) ?(B|kB|MB|KiB|MiB)$/.exec(written);
  if (parts === null) return new Refusal(`${quote(written)} is not a size; write one like 256kB or 1MiB`);
  const bytes = Number(parts[1]) * SIZE_UNIT[parts[2]];
  if (bytes >= LEAST_BURST_BYTES && bytes <= MOST_BURST_BYTES) return bytes;
  return new Refusal(`${quote(written)} is out of bounds; write a size from 2KiB to 1024MiB`);
}

/** The shortest that `readRate` reads back. */
export function formatRate(bitsPerSecond: number): string {
  for (const [unit, bits] of Object.entries(RATE_UNIT).toReversed()) {
    if (bitsPerSecond % bits === 0) return `${bitsPerSecond / bits}${unit}`;
  }
  return `${bitsPerSecond}bit`;
}

export function formatSize(bytes: number): string {
  for (const unit of ["MiB", "MB", "KiB", "kB"]) if (bytes % SIZE_UNIT[unit] === 0) return `${bytes / SIZE_UNIT[unit]}${unit}`;
  return `${bytes}B`;
}

export const limit = section({
  up: text("how fast the guest sends", "100mbit", readRate).optional(),
  down: text("how fast the guest gets", "100mbit", readRate).optional(),
  burst: text("how much may go at once after a pause", "256kB", readSize).optional(),
  packets: wholeNumber("packets in a second, each way", 1, 100_000_000).optional(),
  connections: wholeNumber("connections at a time", 1, 1_000_000).optional(),
});

export type LimitInput = z.output<typeof limit>;
