/**
 * Theory of operation
 *
 * Three strangers are kept out. Another user of this machine can connect to the port, but has not got the key. A page of the
 * web can make the browser send requests here, but without the key's header, and a request that says another origin is refused
 * besides. A name of the web that suddenly leads to 127.0.0.1 (DNS rebinding) makes such a page one of our own origin: so Host
 * must be an address or `localhost`.
 *
 * The key comes in the URL behind `#`, which browsers do not send, and then in `Authorization`. Not in a cookie: cookies do not
 * know ports (RFC 6265 §8.5), so any server that another user starts on the loopback would be sent it.
 */
import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { TapnetError } from "../../base/errors.js";
import { parseIpv4 } from "../../base/ipv4-address.js";
import { parseIpv6 } from "../../base/ipv6-address.js";
import { isLoopback } from "./listening.js";

/** Refuses requests to another host than this, and from pages that are not ours. Throws NOT_ALLOWED. */
export function checkOrigin({ headers }: IncomingMessage, exposed: boolean): void {
  const { host = "", origin } = headers;
  if (!isOwnHost(host, exposed)) {
    throw new TapnetError(
      "NOT_ALLOWED",
      `Host ${JSON.stringify(host)} is none of this server's: open the URL that tapnet web printed`,
    );
  }
  const site = headers["sec-fetch-site"];
  const foreign = site !== undefined && site !== "same-origin" && site !== "none" && headers["sec-fetch-mode"] !== "navigate";
  if (foreign || (origin !== undefined && origin !== `http://${host}`)) {
    throw new TapnetError("NOT_ALLOWED", "another page may not ask this server");
  }
}

/** Any port: behind `ssh -L` the browser knows another than ours. */
function isOwnHost(text: string, exposed: boolean): boolean {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::\d{1,5})?$/i.exec(text);
  if (match === null) return false;
  const host = match[1] ?? match[2].toLowerCase();
  if (host === "localhost") return true;
  const address = match[1] === undefined ? parseIpv4(host) : parseIpv6(host);
  return address !== undefined && (exposed || isLoopback(host));
}

/** Refuses whoever has not got the key. Throws NO_KEY. */
export function checkKey({ headers }: IncomingMessage, key: string): void {
  const given = Buffer.from(headers.authorization ?? "");
  const wanted = Buffer.from(`Bearer ${key}`);
  if (given.length === wanted.length && timingSafeEqual(given, wanted)) return;
  throw new TapnetError("NO_KEY", "the key is missing or of an earlier run: open the URL that tapnet web printed");
}
