/** Numbers as people read them; sizes and times are the CLI's. */
import { formatBytes } from "../../../base/sizes.js";

const COUNT = new Intl.NumberFormat("en");
const ONE_DIGIT_BELOW = 10;

/** `1.2 MB/s`; a dash where it is not known. */
export function formatRate(bytesPerSecond: number | undefined): string {
  return bytesPerSecond === undefined ? "–" : `${formatBytes(Math.round(bytesPerSecond))}/s`;
}

/** `12,345` */
export function formatCount(count: number): string {
  return COUNT.format(count);
}

/** `0`, `0.3`, `42`: how often in a second. */
export function formatFrequency(perSecond: number | undefined): string {
  if (perSecond === undefined) return "–";
  if (perSecond === 0) return "0";
  return perSecond < ONE_DIGIT_BELOW ? perSecond.toFixed(1) : formatCount(Math.round(perSecond));
}

/** `97 %`; a dash where there was nothing to share. */
export function formatShare(share: number | undefined): string {
  return share === undefined ? "–" : `${Math.round(share * 100)} %`;
}

/** `1 guest`, `2 guests`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `over_limit` and `rate-limited` as people write. */
export function words(name: string): string {
  return name.replaceAll(/[-_]/g, " ").replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
