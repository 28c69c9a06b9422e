import { INFINITE_SECONDS } from "./configuration.js";

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `90s`, `15m`, `1h30m`, `7d`, `2w`, `infinite` or bare seconds, in seconds; undefined for others, also 2^32 - 1 and over. */
export function parseDuration(text: string): number | undefined {
  if (text === "infinite") return INFINITE_SECONDS;
  if (/^\d{1,10}$/.test(text)) return finite(Number(text));
  if (!/^(?:\d{1,10}[smhdw])+$/.test(text)) return undefined;
  let seconds = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhdw])/g)) seconds += Number(count) * UNIT_SECONDS[unit];
  return finite(seconds);
}

function finite(seconds: number): number | undefined {
  return seconds < INFINITE_SECONDS ? seconds : undefined;
}

/** The shortest text that `parseDuration` reads back: 5400 is `1h30m`. */
export function formatDuration(seconds: number): string {
  if (seconds === INFINITE_SECONDS) return "infinite";
  if (seconds === 0) return "0s";
  let rest = seconds;
  let text = "";
  for (const unit of ["d", "h", "m", "s"]) {
    const count = Math.floor(rest / UNIT_SECONDS[unit]);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * UNIT_SECONDS[unit];
  }
  return text;
}
