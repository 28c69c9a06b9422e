import { errorMessage } from "../../base/errors.js";
import type { LeaseRecord } from "../lease.js";
import { leaseFromJson, leaseToJson } from "../lease-json.js";
import type { ImportedLeases } from "./lease-file.js";

/** Leases as lines of JSON, one each, in order of network and address: `tapnet lease export`. */
export function exportLeases(leases: readonly LeaseRecord[]): string {
  const sorted = [...leases].sort((a, b) => {
    if (a.network !== b.network) return a.network < b.network ? -1 : 1;
    if (a.family !== b.family) return a.family - b.family;
    return a.address < b.address ? -1 : Number(a.address > b.address);
  });
  return sorted.map((lease) => `${JSON.stringify(leaseToJson(lease))}\n`).join("");
}

/** Reads what `exportLeases` wrote; every lease names its network itself. */
export function importOwn(text: string): ImportedLeases {
  const leases: LeaseRecord[] = [];
  const problems: { line: number; message: string }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const lease = parseLine(line);
    if (typeof lease === "string") problems.push({ line: index + 1, message: lease });
    else leases.push(lease);
  }
  return { leases, problems };
}

function parseLine(line: string): LeaseRecord | string {
  try {
    return leaseFromJson(JSON.parse(line));
  } catch (thrown) {
    return `is not JSON: ${errorMessage(thrown)}`;
  }
}
