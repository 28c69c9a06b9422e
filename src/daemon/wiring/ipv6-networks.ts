import type {
  Configuration,
  Dhcp6Configuration,
  FoundPrefix,
  NetworkConfiguration,
  RouterConfiguration,
} from "../../config/configuration.js";
import type { Network } from "../../network/model.js";
import type { Dhcp6Guest, Dhcp6Network } from "../../services/dhcp6/network.js";
import type { AdvertisedNetwork, AdvertisedPrefix } from "../../services/ra/network.js";
import { INFINITE_SECONDS } from "../../wire/dhcp6/codes.js";

/** RFC 4862 §5.5.3 d: hosts make addresses only of prefixes that leave room for their 64-bit identifiers. */
const AUTONOMOUS_LENGTH = 64;
/** RFC 4861 §6.2.1: MinRtrAdvInterval is a third of MaxRtrAdvInterval, the lifetimes are three times that. */
const LEAST_INTERVAL_SECONDS = 3;
const LONGEST_LIFETIME_SECONDS = 9000;
/** RFC 9096 §3.4, ND_VALID_LIMIT and ND_PREFERRED_LIMIT: how long hosts believe in a prefix that may be taken from us. */
const FOUND_LIMIT = { validSeconds: 5400, preferredSeconds: 2700 } as const;

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
      .map((guest): Dhcp6Guest => ({ name: guest.name, address: guest.ipv6, prefix: guest.prefix?.address }));
    return [dhcp6Network(configured, dhcp6, network, guests)];
  });
}

function dhcp6Network(
  { name, domain, dns, ipv6Found }: NetworkConfiguration,
  dhcp6: Dhcp6Configuration,
  { ipv6, gatewayIpv6, delegation }: Ipv6Network,
  guests: readonly Dhcp6Guest[],
): Dhcp6Network {
  const leaseSeconds = ipv6Found === undefined ? dhcp6.leaseSeconds : Math.min(dhcp6.leaseSeconds, FOUND_LIMIT.validSeconds);
  const { offerSeconds, quarantineSeconds, rapidCommit, authoritative, preference } = dhcp6;
  return {
    name,
    prefixes: [ipv6],
    gateway: gatewayIpv6,
    addressPool: dhcp6.givesAddresses ? (dhcp6.pool ?? ipv6) : undefined,
    delegation,
    leaseSeconds,
    preferredSeconds: preferredOf(leaseSeconds),
    ends: endsOf(ipv6Found),
    offerSeconds,
    quarantineSeconds,
    rapidCommit,
    authoritative,
    relayed: dhcp6.relay,
    preference,
    domain,
    options: {
      dnsServers: dhcp6.dnsServers ?? (dns === undefined ? [] : [gatewayIpv6]),
      searchDomains: dhcp6.searchDomains ?? (dns === undefined ? [] : [domain]),
      ntpServers: dhcp6.ntp,
      sntpServers: dhcp6.sntpServers,
      bootFiles: dhcp6.bootFiles,
      informationRefreshSeconds: dhcp6.refreshSeconds ?? Math.max(leaseSeconds, IRT_MINIMUM_SECONDS),
      solMaxRtSeconds: dhcp6.solMaxRtSeconds,
      infMaxRtSeconds: dhcp6.infMaxRtSeconds,
    },
    reservations: dhcp6.reservations.map(({ duid, ipv6: address, prefix }) => ({ duid, address, prefix: prefix?.address })),
    guests,
  };
}

/** RFC 8415 §7.6: clients take less for this. */
const IRT_MINIMUM_SECONDS = 600;

/** An address is renewed at half of this: well before the lease ends. */
function preferredOf(leaseSeconds: number): number {
  return leaseSeconds === INFINITE_SECONDS ? INFINITE_SECONDS : Math.ceil(leaseSeconds * 0.75);
}

function endsOf(found: FoundPrefix | undefined): AdvertisedPrefix["ends"] {
  return found && { validMs: found.validUntilMs, preferredMs: found.preferredUntilMs };
}

/** What the router says in each network that has one. */
export function advertisedNetworks(configuration: Configuration, networks: readonly Network[]): AdvertisedNetwork[] {
  return ipv6Networks(configuration, networks).flatMap(([configured, network]) => {
    const { ra } = configured;
    if (ra === undefined) return [];
    const onPorts = advertisedNetwork(configured, ra, network);
    if (!ra.onServed) return [onPorts];
    // There neighbours are on the link itself, and need no router between them.
    const prefixes = onPorts.prefixes.map((prefix) => ({ ...prefix, onLink: true }));
    return [onPorts, { ...onPorts, name: servedName(configured.name), prefixes }];
  });
}

/** What a network is called where it is advertised on interfaces that are served. No network has such a name. */
export function servedName(network: string): string {
  return `${network} on served interfaces`;
}

function advertisedNetwork(
  { name, domain, dns, dhcp6, mtu, ipv6Found }: NetworkConfiguration,
  router: RouterConfiguration,
  { ipv6, gatewayIpv6, wayOut, bridge }: Ipv6Network,
): AdvertisedNetwork {
  const { preference, hopLimit, reachableMs, retransmitMs, intervalSeconds, pref64 } = router;
  const longSeconds = Math.min(3 * intervalSeconds, LONGEST_LIFETIME_SECONDS);
  return {
    name,
    hopLimit,
    managed: router.managed ?? dhcp6?.givesAddresses ?? false,
    other: router.other ?? dhcp6 !== undefined,
    preference,
    routerLifetimeSeconds: wayOut === "none" ? 0 : (router.lifetimeSeconds ?? longSeconds),
    reachableMs,
    retransmitMs,
    mtu,
    prefixes: [advertisedPrefix(ipv6, router, ipv6Found, wayOut === "none" || bridge !== undefined)],
    routes: router.routes.map(({ to, preference: of, lifetimeSeconds }) => {
      return {
        prefix: to.address,
        prefixLength: to.prefixLength,
        preference: of,
        lifetimeSeconds: lifetimeSeconds ?? longSeconds,
      };
    }),
    dns: {
      servers: dhcp6?.dnsServers ?? (dns === undefined ? [] : [gatewayIpv6]),
      searchDomains: dhcp6?.searchDomains ?? (dns === undefined ? [] : [domain]),
      lifetimeSeconds: router.dnsLifetimeSeconds ?? 3 * intervalSeconds,
    },
    pref64: pref64 && { prefix: pref64.address, prefixLength: pref64.prefixLength, lifetimeSeconds: longSeconds },
    minIntervalSeconds: Math.max(LEAST_INTERVAL_SECONDS, intervalSeconds / 3),
    maxIntervalSeconds: intervalSeconds,
  };
}

/**
 * Where nothing is behind the gateway it is no router, and guests ask for each other: then we answer, for those that we know;
 * on a bridge they answer themselves.
 */
function advertisedPrefix(
  prefix: Ipv6Network["ipv6"],
  { validSeconds, preferredSeconds }: RouterConfiguration,
  found: FoundPrefix | undefined,
  onLink: boolean,
): AdvertisedPrefix {
  const autonomous = prefix.prefixLength === AUTONOMOUS_LENGTH;
  if (found === undefined) return { prefix, onLink, autonomous, validSeconds, preferredSeconds };
  return {
    prefix,
    onLink,
    autonomous,
    validSeconds: Math.min(validSeconds, FOUND_LIMIT.validSeconds),
    preferredSeconds: Math.min(preferredSeconds, FOUND_LIMIT.preferredSeconds),
    ends: endsOf(found),
  };
}
