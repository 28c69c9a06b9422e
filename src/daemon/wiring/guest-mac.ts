import { formatMac, type Mac } from "../../base/mac.js";
import { makeMac } from "../../config/index.js";
import type { MacView } from "../../control/index.js";
import { guestIdentity } from "../../services/dhcp4/identity.js";
import type { DaemonParts } from "./parts.js";

/**
 * A guest's MAC address: as configured, or as it had it last; else one that is made from its name and that nobody has: no
 * guest of the configuration, nobody who is attached or has a lease, no gateway.
 */
export function guestMac(daemon: DaemonParts, guest: string, wanted: string | undefined): MacView {
  const { roster } = daemon;
  const placement = roster.place({ ifname: "", guest, network: wanted });
  const network = placement?.network ?? roster.defaultNetwork(guest);
  const own = placement?.configured?.mac ?? leasedMac(daemon, guest, network);
  if (own !== undefined) return { guest, network, mac: formatMac(own), known: true };
  const known = knownMacs(daemon);
  return { guest, network, mac: formatMac(makeMac(`${guest} ${network}`, (mac) => known.has(mac))), known: false };
}

function leasedMac({ leases, ports }: DaemonParts, guest: string, network: string): Mac | undefined {
  const attached = ports.ofGuest(guest, network)?.bindings[0]?.mac;
  if (attached !== undefined) return attached;
  for (const book of leases.booksOf(network)) {
    const mac = book.find(guestIdentity(guest))?.record?.mac ?? 0;
    if (mac !== 0) return mac;
  }
  return undefined;
}

function knownMacs({ configuration, networks, ports, leases }: DaemonParts): Set<Mac> {
  const known = new Set(networks.map(({ gatewayMac }) => gatewayMac));
  for (const { mac } of configuration.guests) if (mac !== undefined) known.add(mac);
  for (const { dhcp } of configuration.networks)
    for (const { mac } of dhcp?.reservations ?? []) if (mac !== undefined) known.add(mac);
  for (const port of ports.list()) for (const { mac } of port.bindings) known.add(mac);
  for (const book of leases.books()) for (const { record } of book.leases()) if (record !== undefined) known.add(record.mac);
  return known;
}
