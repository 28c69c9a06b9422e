/**
 * The key comes behind the `#` of the URL, is kept for this origin (which has the port in it), and is taken out of the address
 * bar, so that it is in no bookmark and on no screenshot. It is worth nothing when `tapnet web` has ended.
 */

const KEPT_AS = "tapnet-key";

/** The key in a URL's fragment, and the fragment without it. */
export function splitFragment(fragment: string): { key: string | undefined; rest: string } {
  const match = /^#key=([A-Za-z0-9_-]+)(.*)$/.exec(fragment);
  return match === null ? { key: undefined, rest: fragment } : { key: match[1], rest: match[2] };
}

/** Takes the key out of the address bar, or the one that was kept. */
export function takeKey(): string {
  const { key, rest } = splitFragment(location.hash);
  if (key === undefined) return localStorage.getItem(KEPT_AS) ?? "";
  localStorage.setItem(KEPT_AS, key);
  history.replaceState(null, "", `${location.pathname}${rest === "" ? "#/" : rest}`);
  return key;
}
