import { formatIpv6 } from "../base/ipv6-address.js";
import { formatPrefix } from "../base/prefix.js";
import type { Dhcp6Configuration, NetworkConfiguration, RouterConfiguration } from "./configuration.js";
import { formatDuration } from "./duration.js";
import { maybe, pruned, type Tree, withColons } from "./shown-tree.js";

/** What a network says about IPv6, in the form of the file. */
export function describeIpv6({ ipv6, ipv6Source, ipv6Subnet, delegation }: NetworkConfiguration): Tree {
  return {
    ipv6: ipv6Source === "own" ? maybe(ipv6, formatPrefix) : ipv6Source,
    "ipv6-subnet": ipv6Subnet,
    delegate: delegation && pruned({ pool: maybe(delegation.pool, formatPrefix), length: delegation.length }),
  };
}

/** Also where its prefix is found out only while the daemon runs. */
export function hasIpv6({ ipv6, ipv6Source }: NetworkConfiguration): boolean {
  return ipv6 !== undefined || ipv6Source !== "own";
}

/** What `dhcp:` says that is about DHCPv6 as well. */
export function describeCommonDhcp(dhcp6: Dhcp6Configuration): Tree {
  return {
    lease: formatDuration(dhcp6.leaseSeconds),
    offer: formatDuration(dhcp6.offerSeconds),
    quarantine: formatDuration(dhcp6.quarantineSeconds),
    authoritative: dhcp6.authoritative,
    "rapid-commit": dhcp6.rapidCommit,
    relay: dhcp6.relay,
  };
}

export function describeDhcp6(network: NetworkConfiguration): Tree | false | undefined {
  const { dhcp, dhcp6 } = network;
  // Where `dhcp: false` switches both off, that says it.
  if (dhcp6 === undefined) return hasIpv6(network) && dhcp !== undefined ? false : undefined;
  const said = pruned({
    addresses: dhcp6.givesAddresses,
    pool: maybe(dhcp6.pool, formatPrefix),
    preference: dhcp6.preference,
    ntp: dhcp6.ntp.map((source) => (source.kind === "name" ? source.name : formatIpv6(source.address))),
    sntp: dhcp6.sntpServers.map(formatIpv6),
    "boot-file": dhcp6.bootFiles.map(({ url, parameters, architecture }) => pruned({ url, parameters, architecture })),
    refresh: maybe(dhcp6.refreshSeconds, formatDuration),
    "sol-max-rt": maybe(dhcp6.solMaxRtSeconds, formatDuration),
    "inf-max-rt": maybe(dhcp6.infMaxRtSeconds, formatDuration),
    reservations: dhcp6.reservations.map(({ duid, ipv6, prefix }) =>
      pruned({ duid: withColons(duid), ipv6: maybe(ipv6, formatIpv6), prefix: maybe(prefix, formatPrefix) }),
    ),
  });
  // An empty list is not nothing: there are to be none.
  const dns = dhcp6.dnsServers === undefined ? {} : { dns: dhcp6.dnsServers.map(formatIpv6) };
  return { ...said, ...dns, ...(dhcp6.searchDomains === undefined ? {} : { search: dhcp6.searchDomains }) };
}

export function describeRouter(network: NetworkConfiguration): Tree | false | undefined {
  if (!hasIpv6(network)) return undefined;
  return network.ra === undefined ? false : describe(network.ra);
}

function describe(router: RouterConfiguration): Tree {
  return pruned({
    preference: router.preference,
    lifetime: maybe(router.lifetimeSeconds, formatDuration),
    interval: formatDuration(router.intervalSeconds),
    "hop-limit": router.hopLimit,
    reachable: router.reachableMs,
    retransmit: router.retransmitMs,
    managed: router.managed,
    other: router.other,
    valid: formatDuration(router.validSeconds),
    preferred: formatDuration(router.preferredSeconds),
    "dns-lifetime": maybe(router.dnsLifetimeSeconds, formatDuration),
    routes: router.routes.map(({ to, preference, lifetimeSeconds }) =>
      pruned({ to: formatPrefix(to), preference, lifetime: maybe(lifetimeSeconds, formatDuration) }),
    ),
    pref64: maybe(router.pref64, formatPrefix),
    served: router.onServed,
  });
}
