const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;
const STEP = 1000;

/** `0 B`, `999 B`, `1.2 MB`: three digits at most, as people read them. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= STEP - 0.5 && unit < UNITS.length - 1) {
    value /= STEP;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}
