import { ImportCollector, type ImportedLeases, type ImportTarget } from "./lease-file.js";

/**
 * Reads dnsmasq's lease file: `expiry mac address name client-id`, `*` for none, expiry 0 for ever. Behind a line `duid …` come
 * DHCPv6 leases, whose second field is the IAID (`T…` for temporary addresses, which are not taken over).
 */
export function importDnsmasq(text: string, target: ImportTarget): ImportedLeases {
  const collector = new ImportCollector(target);
  for (const [index, line] of text.split("\n").entries()) {
    const fields = line.trim().split(/\s+/);
    if (fields[0] === "" || fields[0] === "duid") continue;
    if (fields.length < 5 || !/^\d+$/.test(fields[0])) {
      collector.refuse(index + 1, "is not a line of a dnsmasq lease file: expiry, MAC, address, name, client identifier");
      continue;
    }
    const [expiry, second, address, name, clientId] = fields;
    const isIpv6 = address.includes(":");
    if (isIpv6 && second.startsWith("T")) continue;
    collector.add(index + 1, {
      address,
      mac: isIpv6 ? "" : second.replace(/^\d\d-(?=(?:..:){5})/, ""),
      clientId: clientId === "*" ? "" : clientId,
      iaid: isIpv6 ? Number(second) : undefined,
      hostname: name === "*" ? "" : name,
      expiresSeconds: expiry === "0" ? Number.POSITIVE_INFINITY : Number(expiry),
    });
  }
  return collector.result;
}
