const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

/** The two largest units that matter: `3 d 4 h`, `12 min`, `0 s`. */
export function formatElapsed(milliseconds: number): string {
  let seconds = Math.max(0, Math.round(milliseconds / 1000));
  const parts: string[] = [];
  for (const [name, length] of UNITS) {
    const count = Math.floor(seconds / length);
    seconds -= count * length;
    if (count > 0) parts.push(`${count} ${name}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? "0 s" : parts.join(" ");
}

/** `in 52 min`, `3 h ago`, `just now`; null stays null. */
export function formatRelative(time: string | null, nowMs: number): string | null {
  if (time === null) return null;
  const difference = Date.parse(time) - nowMs;
  // The command itself takes a moment: what it has done is not in the future.
  if (Math.abs(difference) < 1000) return "just now";
  return difference >= 0 ? `in ${formatElapsed(difference)}` : `${formatElapsed(-difference)} ago`;
}

/** Local time to the second: `2025-01-31 13:00:00`. */
export function formatLocal(time: string | null): string | null {
  if (time === null) return null;
  const date = new Date(time);
  const pad = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}
