/** What all lease files have in common. */
import { formatIpv4, parseIpv4 } from "../../base/ipv4-address.js";
import { formatIpv6, parseIpv6 } from "../../base/ipv6-address.js";
import { formatMac, parseMac } from "../../base/mac.js";
import type { LeaseImport } from "../../control/views.js";

/** Lines count from 1; for JSON the entry's number. */
export interface LeaseProblem {
  readonly line: number;
  readonly message: string;
}

export interface ParsedLeases {
  readonly leases: LeaseImport[];
  readonly problems: LeaseProblem[];
}

/** Reads a JSON list, entry by entry; throws SyntaxError where the text is no JSON. */
export function parseEntries(
  text: string,
  parseEntry: (entry: Readonly<Record<string, unknown>>) => LeaseImport | string,
): ParsedLeases {
  const entries: unknown = JSON.parse(text);
  if (!Array.isArray(entries)) return { leases: [], problems: [{ line: 1, message: "is not a list" }] };
  const result: ParsedLeases = { leases: [], problems: [] };
  for (const [index, entry] of entries.entries()) {
    const lease = parseEntry(typeof entry === "object" && entry !== null ? entry : {});
    if (typeof lease === "string") result.problems.push({ line: index + 1, message: lease });
    else result.leases.push(lease);
  }
  return result;
}

/** Canonical form, or undefined. */
export function readAddress(text: string): string | undefined {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== undefined) return formatIpv4(ipv4);
  const ipv6 = parseIpv6(text);
  return ipv6 === undefined ? undefined : formatIpv6(ipv6);
}

/** A MAC address, also behind a hardware type (`06-00:11:…`); null where there is none of Ethernet. */
export function readMac(text: string): string | null {
  const mac = parseMac(text.replace(/^[0-9a-f]{2}-(?=(?:[0-9a-f]{2}:){5})/i, ""));
  return mac === undefined ? null : formatMac(mac);
}

/** Octets with colons as plain lower-case hex; null where there are none. */
export function readOctets(text: string): string | null {
  const hex = text.replaceAll(":", "").toLowerCase();
  return hex.length > 0 && hex.length % 2 === 0 && /^[0-9a-f]+$/.test(hex) ? hex : null;
}

/** Seconds since 1970; undefined where the text is no such number. */
export function readSeconds(text: string): number | undefined {
  return /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** Lower-case hex with colons between the octets. */
export function withColons(hex: string): string {
  return hex.replaceAll(/(..)(?!$)/g, "$1:");
}
