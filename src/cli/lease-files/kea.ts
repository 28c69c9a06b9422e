import type { LeaseImport, LeaseView } from "../../control/views.js";
import type { ParsedLeases } from "./values.js";
import { isoTime, readAddress, readMac, readOctets, readSeconds, withColons } from "./values.js";

/**
 * Kea's memfile: CSV with a title line, DHCPv4 or DHCPv6, appended to at each change, so the last line of an address counts. A
 * lifetime of 0 means that the lease was deleted, state 0 that it is in use; commas in values are written `&#x2c`.
 */
const INFINITE_LIFETIME = 0xffff_ffff;
const STATE_IN_USE = "0";
const COLUMNS_V4 =
  "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id";

export function parseKeaLeases(text: string): ParsedLeases {
  const [titleLine, ...lines] = text.split("\n");
  const titles = titleLine.trim().split(",");
  const missing = ["address", "valid_lifetime", "expire", "state"].find((title) => !titles.includes(title));
  if (missing !== undefined) return { leases: [], problems: [{ line: 1, message: `the title line has no column ${missing}` }] };
  const current = new Map<string, LeaseImport | undefined>();
  const result: ParsedLeases = { leases: [], problems: [] };
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const values = line.trim().split(",");
    if (values.length < titles.length) {
      // Its state would be missing, and with it the lease of an earlier line.
      result.problems.push({ line: index + 2, message: `is cut off: ${values.length} of ${titles.length} columns` });
      continue;
    }
    const row = new Map(titles.map((title, column) => [title, values[column].replaceAll("&#x2c", ",")]));
    const address = readAddress(row.get("address") ?? "");
    const lease = address === undefined ? `${row.get("address")} is not an address` : parseRow(address, row);
    if (typeof lease === "string") result.problems.push({ line: index + 2, message: lease });
    else if (address !== undefined) current.set(address, lease);
  }
  for (const lease of current.values()) if (lease !== undefined) result.leases.push(lease);
  return result;
}

/** Undefined where the lease is not held any more. */
function parseRow(address: string, row: ReadonlyMap<string, string>): LeaseImport | undefined | string {
  const lifetime = readSeconds(row.get("valid_lifetime") ?? "");
  const expire = readSeconds(row.get("expire") ?? "");
  if (lifetime === undefined || expire === undefined) return `${address}: lifetime or time of expiry is no number`;
  if (lifetime === 0 || row.get("state") !== STATE_IN_USE) return undefined;
  const hostname = (row.get("hostname") ?? "").replace(/\.$/, "");
  return {
    address,
    mac: readMac(row.get("hwaddr") ?? ""),
    clientId: readOctets(row.get("client_id") ?? row.get("duid") ?? ""),
    hostname: hostname === "" ? null : hostname,
    expiresAt: lifetime === INFINITE_LIFETIME ? null : isoTime(expire),
  };
}

/** IPv4 leases in that form, with subnet 1 for each, since Kea numbers subnets by its own configuration. */
export function emitKeaLeases(leases: readonly LeaseView[], nowMs: number): string {
  const lines = leases.flatMap((lease) => {
    if (lease.address.includes(":")) return [];
    const expire = lease.expiresAt === null ? Math.floor(nowMs / 1000) : Math.floor(Date.parse(lease.expiresAt) / 1000);
    const renewed = Date.parse(lease.renewedAt ?? new Date(nowMs).toISOString()) / 1000;
    const lifetime = lease.expiresAt === null ? INFINITE_LIFETIME : Math.max(1, Math.round(expire - renewed));
    const clientId = lease.clientId === null ? "" : withColons(lease.clientId);
    return [`${lease.address},${lease.mac ?? ""},${clientId},${lifetime},${expire},1,0,0,${lease.hostname ?? ""},0,,0\n`];
  });
  return `${COLUMNS_V4}\n${lines.join("")}`;
}
