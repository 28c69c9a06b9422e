import type { Ipv4Address } from "../../base/ipv4-address.js";
import { type Ipv4Prefix, lastIpv4 } from "../../base/prefix.js";
import type { Dhcp4Network } from "./network.js";

const LEASE_SECONDS = 3600;
const OFFER_SECONDS = 30;
const QUARANTINE_SECONDS = 24 * 3600;
const ETHERNET_MTU = 1500;

/** A network with the usual values for everything that is left out: the whole subnet is handed out, for an hour each. */
export function defineDhcp4Network(
  network: Partial<Dhcp4Network> & { readonly name: string; readonly subnet: Ipv4Prefix; readonly gateway: Ipv4Address },
): Dhcp4Network {
  const { subnet } = network;
  return {
    dnsServers: [],
    domain: "",
    mtu: ETHERNET_MTU,
    ranges: [{ first: subnet.address, last: lastIpv4(subnet) }],
    leaseSeconds: LEASE_SECONDS,
    renewSeconds: undefined,
    rebindSeconds: undefined,
    offerSeconds: OFFER_SECONDS,
    quarantineSeconds: QUARANTINE_SECONDS,
    netmask: "network",
    authoritative: true,
    rapidCommit: false,
    probe: false,
    routes: [],
    options: [],
    classes: [],
    reservations: [],
    guests: [],
    ...network,
  };
}
