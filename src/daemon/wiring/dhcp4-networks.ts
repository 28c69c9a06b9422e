import { IPV4_ANY, type Ipv4Address } from "../../base/ipv4-address.js";
import type { Configuration, DhcpConfiguration, NetworkConfiguration } from "../../config/configuration.js";
import type { Dhcp4Guest, Dhcp4Network } from "../../services/dhcp4/network.js";

/** The networks of a configuration that have DHCPv4, as its server wants them. */
export function dhcp4Networks(configuration: Configuration): Dhcp4Network[] {
  const networks: Dhcp4Network[] = [];
  for (const network of configuration.networks) {
    const { dhcp, ipv4, gatewayIpv4 } = network;
    if (dhcp === undefined || ipv4 === undefined || gatewayIpv4 === undefined) continue;
    networks.push(dhcp4Network(configuration, { ...network, dhcp, ipv4, gatewayIpv4 }));
  }
  return networks;
}

type ServedNetwork = NetworkConfiguration & { ipv4: object; dhcp: DhcpConfiguration; gatewayIpv4: Ipv4Address };

function dhcp4Network(configuration: Configuration, network: ServedNetwork): Dhcp4Network {
  const { name, ipv4, gatewayIpv4 } = network;
  const { relay: relayed, ...dhcp } = network.dhcp;
  return {
    ...dhcp,
    name,
    subnet: ipv4,
    gateway: routerOf(network, gatewayIpv4),
    dnsServers: network.dns === undefined ? [] : [gatewayIpv4],
    domain: network.domain,
    mtu: network.mtu,
    relayed,
    guests: configuration.guests.filter((guest) => guest.network === name).map((guest): Dhcp4Guest => guest),
  };
}

/** An isolated network has nothing behind its gateway: a default route would only make connections hang. */
function routerOf({ kind, wayOut, router }: NetworkConfiguration, gateway: Ipv4Address): Ipv4Address {
  if (router !== undefined) return router;
  return kind === "nat" || kind === "routed" || (kind === "bridge" && wayOut !== "none") ? gateway : IPV4_ANY;
}
