import type { LeaseImport, LeaseView } from "../../control/views.js";
import type { ParsedLeases } from "./values.js";
import { parseEntries, readAddress, readMac, readOctets } from "./values.js";

/** Our own form: what `tapnet lease list --json` prints, or only the fields of a LeaseImport. */
export function parseJsonLeases(text: string): ParsedLeases {
  return parseEntries(text, parseEntry);
}

function parseEntry(entry: Readonly<Record<string, unknown>>): LeaseImport | string {
  const text = (name: string): string | null => (typeof entry[name] === "string" && entry[name] !== "" ? entry[name] : null);
  const address = readAddress(text("address") ?? "");
  if (address === undefined) return "entry without a usable address";
  const expiresAt = text("expiresAt");
  if (expiresAt !== null && Number.isNaN(Date.parse(expiresAt))) return `${address}: expiresAt is no time`;
  return {
    address,
    mac: readMac(text("mac") ?? ""),
    clientId: readOctets(text("clientId") ?? ""),
    hostname: text("hostname"),
    expiresAt,
  };
}

export function emitJsonLeases(leases: readonly LeaseView[]): LeaseImport[] {
  return leases.map(({ address, mac, clientId, hostname, expiresAt }) => ({ address, mac, clientId, hostname, expiresAt }));
}
