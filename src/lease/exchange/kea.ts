import type { StoredState } from "../lease.js";
import { ImportCollector, type ImportedLeases, type ImportTarget } from "./lease-file.js";

const INFINITE_SECONDS = 0xffff_ffff;
/** Kea's numbers: default, declined, expired and reclaimed, released. */
const STATES: readonly (StoredState | undefined)[] = [undefined, "declined", "expired", "released"];
/** Kea writes what is no longer valid as a row with this lifetime. */
const REMOVED_SECONDS = 0;

/**
 * Reads Kea's memfile (CSV, v4 or v6): columns by the names in the first line, so any version of it. It is a journal: later rows
 * replace earlier ones, a lifetime of zero takes the lease back.
 */
export function importKea(text: string, target: ImportTarget): ImportedLeases {
  const collector = new ImportCollector(target);
  const lines = text.split("\n");
  const columns = lines[0].trim().split(",");
  if (!columns.includes("address") || !columns.includes("expire")) {
    collector.refuse(1, "is not the head of a Kea lease file: it names no columns address and expire");
    return collector.result;
  }
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line.trim() === "") continue;
    const values = line.trim().split(",");
    const field = (name: string): string => values[columns.indexOf(name)] ?? "";
    const leaseSeconds = Number(field("valid_lifetime"));
    if (leaseSeconds === REMOVED_SECONDS) {
      collector.remove(field("address"));
      continue;
    }
    const isIpv6 = columns.includes("duid");
    collector.add(index + 1, {
      address: field("address"),
      mac: isIpv6 ? "" : field("hwaddr"),
      clientId: isIpv6 ? field("duid") : field("client_id"),
      iaid: isIpv6 ? Number(field("iaid")) : undefined,
      prefixLength: isIpv6 ? Number(field("prefix_len") || "128") : undefined,
      hostname: decode(field("hostname")),
      expiresSeconds: leaseSeconds === INFINITE_SECONDS ? Number.POSITIVE_INFINITY : Number(field("expire") || "NaN"),
      leaseSeconds,
      state: STATES[Number(field("state"))],
    });
  }
  return collector.result;
}

/** Kea writes commas inside a value as `&#x2c`. */
function decode(value: string): string {
  return value.replaceAll(/&#x([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
