import type { z } from "zod";
import { parseDuration } from "../duration.js";
import { quote, Refusal, text, textOrNumber } from "./scalars.js";

/** Names of guests, networks, domains, interfaces and accounts; durations; identifiers. */

const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/i;
const DOMAIN_LABEL = /^(?!-)[a-z0-9_-]+(?<!-)$/i;
/** IFNAMSIZ of linux/if.h, without its last zero. */
const MOST_IFNAME_BYTES = 15;

/** Why this is no host name of one label (RFC 1123 §2.1), or undefined when it is one. */
export function explainLabel(written: string, most: number): string | undefined {
  if (written.length > most) return `${quote(written)} has ${written.length} characters; ${most} is the most`;
  if (LABEL.test(written)) return undefined;
  return `${quote(written)} is not a usable name; letters, digits and inner hyphens only`;
}

function readLabel(written: string): string | Refusal {
  const reason = explainLabel(written, 63);
  return reason === undefined ? written : new Refusal(reason);
}

/** Lower case, without the last dot. `_` is let through (SRV names); `*.` in front where wildcards are allowed. */
export function readDomain(written: string, wildcard = false): string | Refusal {
  const name = written.toLowerCase().replace(/\.$/, "");
  const checked = wildcard && name.startsWith("*.") ? name.slice(2) : name;
  if (/[^\x21-\x7e]/.test(checked)) return new Refusal(`${quote(written)} is not plain ASCII; write its xn-- form`);
  if (name.length > 253) return new Refusal(`${quote(written)} has ${name.length} characters; a domain name has 253 at most`);
  for (const label of checked.split(".")) {
    if (label === "") return new Refusal(`${quote(written)} has an empty label; write a name like guests.example`);
    if (label.length > 63) return new Refusal(`${quote(label)} is a label of ${label.length} characters; 63 is the most`);
    if (!DOMAIN_LABEL.test(label)) return new Refusal(`${quote(written)} is not a domain name; write one like guests.example`);
  }
  return name;
}

/** What a guest is also called: a label of its network's domain, a whole name, or either with `*.` in front. */
function readGuestName(written: string): string | Refusal {
  return written.includes(".") ? readDomain(written, true) : readLabel(written);
}

export function readIfname(written: string): string | Refusal {
  const bytes = new TextEncoder().encode(written).length;
  if (bytes > MOST_IFNAME_BYTES) {
    return new Refusal(`${quote(written)} has ${bytes} characters; Linux allows an interface name ${MOST_IFNAME_BYTES}`);
  }
  if (!/^[\x21-\x7e]+$/.test(written) || /[/:%]/.test(written) || written === "." || written === "..") {
    return new Refusal(`${quote(written)} is not an interface name; no spaces, "/", ":" or "%"`);
  }
  return written;
}

function readAccount(written: string): string | Refusal {
  if (/^[a-z_0-9][a-z0-9_.@-]*\$?$/i.test(written)) return written;
  return new Refusal(`${quote(written)} is not the name or number of an account`);
}

function readPath(written: string): string | Refusal {
  if (written.includes("\0")) return new Refusal("has a zero byte in it; write a plain path");
  return written.startsWith("/") ? written : new Refusal(`${quote(written)} is not an absolute path; begin it with /`);
}

function readDuration(written: string): number | Refusal {
  const seconds = parseDuration(written);
  if (seconds !== undefined) return seconds;
  if (/^\d+$/.test(written)) return new Refusal(`${written} is too long; write infinite if you mean it`);
  return new Refusal(`${quote(written)} is not a duration; write one like 90s, 15m, 1h30m, 7d or infinite`);
}

/** Octets in hex with colons, or a text, as lower-case hex. */
function readIdentifier(written: string): string | Refusal {
  if (written === "") return new Refusal("is empty; write octets like 01:52:54:00:12:34:56, or a text");
  const hex = /^[0-9a-f]{2}(?::[0-9a-f]{2})+$/i.test(written)
    ? written.replaceAll(":", "").toLowerCase()
    : Array.from(new TextEncoder().encode(written), (octet) => octet.toString(16).padStart(2, "0")).join("");
  return hex.length <= 510 ? hex : new Refusal(`is ${hex.length / 2} octets long; an identifier has 255 at most`);
}

export const label: z.ZodType<string, unknown> = text("a host name of one label", "web1", readLabel);
export const guestName: z.ZodType<string, unknown> = text("a host name", "www", readGuestName);
export const domain: z.ZodType<string, unknown> = text("a domain name", "guests.example", readDomain);
export const recordName: z.ZodType<string, unknown> = text("a domain name", "api.guests.example", (written) =>
  readDomain(written, true),
);
export const ifname: z.ZodType<string, unknown> = text("the name of an interface", "eth0", readIfname);
export const account: z.ZodType<string, unknown> = textOrNumber("the name or number of an account", "alice", readAccount);
export const path: z.ZodType<string, unknown> = text("an absolute path", "/var/lib/tapnet", readPath);
export const duration: z.ZodType<number, unknown> = textOrNumber("a duration", "1h", readDuration);
export const identifier: z.ZodType<string, unknown> = text(
  "an identifier, as octets or text",
  '"01:52:54:00:12:34:56"',
  readIdentifier,
);

/** As `duration`, within bounds. */
export function boundedDuration(
  expected: string,
  leastSeconds: number,
  mostSeconds: number,
  bounds: string,
): z.ZodType<number, unknown> {
  return textOrNumber(expected, "1h", (written) => {
    const seconds = readDuration(written);
    if (seconds instanceof Refusal || (seconds >= leastSeconds && seconds <= mostSeconds)) return seconds;
    return new Refusal(`${written} is out of bounds; ${bounds}`);
  });
}
