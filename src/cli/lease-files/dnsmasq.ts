import type { LeaseImport, LeaseView } from "../../control/views.js";
import type { ParsedLeases } from "./values.js";
import { isoTime, readAddress, readMac, readOctets, readSeconds, withColons } from "./values.js";

/**
 * dnsmasq's lease file: `expiry mac address name client-id`, a line each, `*` for what is absent, expiry 0 for ever. Behind a
 * line `duid …` (the server's own) follow DHCPv6 leases, with the IAID in place of the MAC and the client's DUID as id; an IAID
 * of a temporary address begins with T.
 */
export function parseDnsmasqLeases(text: string): ParsedLeases {
  const result: ParsedLeases = { leases: [], problems: [] };
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("duid ")) continue;
    const lease = parseLine(line.trim().split(/\s+/));
    if (typeof lease === "string") result.problems.push({ line: index + 1, message: lease });
    else result.leases.push(lease);
  }
  return result;
}

function parseLine(words: readonly string[]): LeaseImport | string {
  const [expiryText, hardware, addressText, name, clientId = "*"] = words;
  if (words.length < 4 || words.length > 5) return "has not the five words of a dnsmasq lease";
  const expiry = readSeconds(expiryText);
  if (expiry === undefined) return `${expiryText} is not a time in seconds`;
  const address = readAddress(addressText);
  if (address === undefined) return `${addressText} is not an address`;
  const isV6 = address.includes(":");
  if (!isV6 && readMac(hardware) === null) return `${hardware} is not a MAC address`;
  return {
    address,
    mac: isV6 ? null : readMac(hardware),
    clientId: clientId === "*" ? null : readOctets(clientId),
    hostname: name === "*" ? null : name,
    expiresAt: expiry === 0 ? null : isoTime(expiry),
  };
}

/** IPv4 leases in that form; what has no MAC address cannot be written in it. */
export function emitDnsmasqLeases(leases: readonly LeaseView[]): string {
  const lines = leases.flatMap((lease) => {
    if (lease.mac === null || lease.address.includes(":")) return [];
    const expiry = lease.expiresAt === null ? 0 : Math.floor(Date.parse(lease.expiresAt) / 1000);
    const clientId = lease.clientId === null ? "*" : withColons(lease.clientId);
    return [`${expiry} ${lease.mac} ${lease.address} ${lease.hostname ?? "*"} ${clientId}\n`];
  });
  return lines.join("");
}
