import type { Configuration, Dhcp6Configuration, NetworkConfiguration } from "../../config/configuration.js";
import type { Network } from "../../network/model.js";
import type { Dhcp6Guest, Dhcp6Network } from "../../services/dhcp6/network.js";
import type { AdvertisedNetwork, AdvertisedPrefix } from "../../services/ra/network.js";
import { INFINITE_SECONDS } from "../../wire/dhcp6/codes.js";

/** RFC 4862 §5.5.3 d: hosts make addresses only of prefixes that leave room for their 64-bit identifiers. */
const AUTONOMOUS_LENGTH = 64;
const HOP_LIMIT = 64;
/** RFC 4861 §6.2.1: three times the longest interval. */
const MIN_INTERVAL_SECONDS = 200;
const MAX_INTERVAL_SECONDS = 600;
const ROUTER_LIFETIME_SECONDS = 3 * MAX_INTERVAL_SECONDS;
/** RFC 4861 §6.2.1, AdvValidLifetime and AdvPreferredLifetime: 30 days and 7. */
const VALID_SECONDS = 2_592_000;
const PREFERRED_SECONDS = 604_800;

type Ipv6Network = Network & { ipv6: NonNullable<Network["ipv6"]>; gatewayIpv6: NonNullable<Network["gatewayIpv6"]> };

function ipv6Networks(configuration: Configuration, networks: readonly Network[]): [NetworkConfiguration, Ipv6Network][] {
  const configured = new Map(configuration.networks.map((network) => [network.name, network]));
  return networks.flatMap((network): [NetworkConfiguration, Ipv6Network][] => {
    const { ipv6, gatewayIpv6 } = network;
    const itsConfiguration = configured.get(network.name);
    if (ipv6 === undefined || gatewayIpv6 === undefined || itsConfiguration === undefined) return [];
    return [[itsConfiguration, { ...network, ipv6, gatewayIpv6 }]];
  });
}

/** The networks of a configuration that have DHCPv6, as its server wants them. */
export function dhcp6Networks(configuration: Configuration, networks: readonly Network[]): Dhcp6Network[] {
  return ipv6Networks(configuration, networks).flatMap(([configured, network]) => {
    const { dhcp6, name } = configured;
    if (dhcp6 === undefined) return [];
    const guests = configuration.guests
      .filter((guest) => guest.network === name)
      .map((guest): Dhcp6Guest => ({ name: guest.name, address: guest.ipv6, prefix: undefined }));
    return [dhcp6Network(configured, dhcp6, network, guests)];
  });
}

function dhcp6Network(
  { name, domain, dns }: NetworkConfiguration,
  dhcp6: Dhcp6Configuration,
  { ipv6, gatewayIpv6, delegation }: Ipv6Network,
  guests: readonly Dhcp6Guest[],
): Dhcp6Network {
  return {
    ...dhcp6,
    name,
    prefixes: [ipv6],
    gateway: gatewayIpv6,
    addressPool: ipv6,
    delegation,
    preferredSeconds: preferredOf(dhcp6.leaseSeconds),
    preference: 0,
    domain,
    options: {
      dnsServers: dns === undefined ? [] : [gatewayIpv6],
      searchDomains: dns === undefined ? [] : [domain],
      ntpServers: [],
      sntpServers: [],
      bootFiles: [],
      informationRefreshSeconds: dhcp6.leaseSeconds,
      solMaxRtSeconds: undefined,
      infMaxRtSeconds: undefined,
    },
    reservations: [],
    guests,
  };
}

/** An address is renewed at half of this: well before the lease ends. */
function preferredOf(leaseSeconds: number): number {
  return leaseSeconds === INFINITE_SECONDS ? INFINITE_SECONDS : Math.ceil(leaseSeconds * 0.75);
}

/** What the router says in each network that has IPv6. */
export function advertisedNetworks(configuration: Configuration, networks: readonly Network[]): AdvertisedNetwork[] {
  return ipv6Networks(configuration, networks).map(
    ([{ name, domain, dns, dhcp6, mtu }, { ipv6, gatewayIpv6, wayOut, bridge }]) => ({
      name,
      hopLimit: HOP_LIMIT,
      managed: dhcp6 !== undefined,
      other: dhcp6 !== undefined,
      preference: "medium",
      routerLifetimeSeconds: wayOut === "none" ? 0 : ROUTER_LIFETIME_SECONDS,
      reachableMs: 0,
      retransmitMs: 0,
      mtu,
      prefixes: [advertisedPrefix(ipv6, wayOut === "none" || bridge !== undefined)],
      routes: [],
      dns: {
        servers: dns === undefined ? [] : [gatewayIpv6],
        searchDomains: dns === undefined ? [] : [domain],
        lifetimeSeconds: ROUTER_LIFETIME_SECONDS,
      },
      pref64: undefined,
      minIntervalSeconds: MIN_INTERVAL_SECONDS,
      maxIntervalSeconds: MAX_INTERVAL_SECONDS,
    }),
  );
}

/**
 * Where nothing is behind the gateway it is no router, and guests ask for each other: then we answer, for those that we know;
 * on a bridge they answer themselves.
 */
function advertisedPrefix(prefix: Ipv6Network["ipv6"], onLink: boolean): AdvertisedPrefix {
  const autonomous = prefix.prefixLength === AUTONOMOUS_LENGTH;
  return { prefix, onLink, autonomous, validSeconds: VALID_SECONDS, preferredSeconds: PREFERRED_SECONDS };
}
