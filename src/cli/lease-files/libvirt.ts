import type { LeaseImport } from "../../control/views.js";
import type { ParsedLeases } from "./values.js";
import { isoTime, parseEntries, readAddress, readMac, readOctets } from "./values.js";

/** libvirt's status file of a network, `/var/lib/libvirt/dnsmasq/virbr0.status`: a JSON list of what its dnsmasq handed out. */
export function parseLibvirtLeases(text: string): ParsedLeases {
  return parseEntries(text, parseEntry);
}

function parseEntry(entry: Readonly<Record<string, unknown>>): LeaseImport | string {
  const text = (name: string): string => (typeof entry[name] === "string" ? entry[name] : "");
  const address = readAddress(text("ip-address"));
  if (address === undefined) return `entry without a usable ip-address`;
  const expiry = entry["expiry-time"];
  if (expiry !== undefined && (typeof expiry !== "number" || !(expiry >= 0 && expiry < 1e12)))
    return `${address}: expiry-time is no time`;
  const clientId = text("client-id") === "" ? text("client-duid") : text("client-id");
  return {
    address,
    mac: readMac(text("mac-address")),
    clientId: readOctets(clientId),
    hostname: text("hostname") === "" ? null : text("hostname"),
    expiresAt: expiry === undefined || expiry === 0 ? null : isoTime(expiry),
  };
}
