import { errorMessage } from "../../base/errors.js";
import { ImportCollector, type ImportedLeases, type ImportTarget } from "./lease-file.js";

/** Reads libvirt's status file of a network (`/var/lib/libvirt/dnsmasq/<bridge>.status`): a JSON list, an object a lease. */
export function importLibvirt(text: string, target: ImportTarget): ImportedLeases {
  const collector = new ImportCollector(target);
  const list = parse(text);
  if (!Array.isArray(list)) {
    collector.refuse(1, typeof list === "string" ? list : "is not a list of leases as libvirt writes it");
    return collector.result;
  }
  for (const [index, item] of list.entries()) {
    if (typeof item !== "object" || item === null) {
      collector.refuse(index + 1, `entry ${index + 1} is not an object`);
      continue;
    }
    const entry = item as Readonly<Record<string, unknown>>;
    const expiry = Number(entry["expiry-time"] ?? Number.NaN);
    const iaid = entry["iaid"];
    collector.add(index + 1, {
      address: textOf(entry["ip-address"]),
      mac: iaid === undefined ? textOf(entry["mac-address"]) : "",
      clientId: textOf(iaid === undefined ? entry["client-id"] : entry["client-duid"]),
      iaid: iaid === undefined ? undefined : Number(iaid),
      hostname: textOf(entry["hostname"]),
      expiresSeconds: expiry === 0 ? Number.POSITIVE_INFINITY : expiry,
    });
  }
  return collector.result;
}

function parse(text: string): unknown {
  if (text.trim() === "") return [];
  try {
    return JSON.parse(text);
  } catch (thrown) {
    return `is not JSON: ${errorMessage(thrown)}`;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
