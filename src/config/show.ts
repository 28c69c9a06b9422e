import { stringify } from "yaml";
import { formatIpv4 } from "../base/ipv4-address.js";
import { formatIpv6 } from "../base/ipv6-address.js";
import { formatAddress } from "../base/kernel-objects.js";
import { formatMac } from "../base/mac.js";
import { formatPrefix } from "../base/prefix.js";
import type {
  AccessRule,
  BridgeConfiguration,
  Configuration,
  DhcpClass,
  DhcpConfiguration,
  DhcpOption,
  DhcpReservation,
  DnsConfiguration,
  DnsRecord,
  DnsUpstream,
  GuestConfiguration,
  GuestLimit,
  NetworkConfiguration,
  TrafficRule,
} from "./configuration.js";
import { formatDuration } from "./duration.js";
import { formatIpv4Range } from "./schema/addresses.js";
import { formatForward } from "./schema/forward.js";
import { formatRate, formatSize } from "./schema/limit.js";
import { describeCommonDhcp, describeDhcp6, describeIpv6, describeRouter, hasIpv6 } from "./show-ipv6.js";
import { maybe, pruned, type Tree, withColons } from "./shown-tree.js";

/** The configuration in effect, every default written out, in the form of the file. */
export function describeConfiguration(configuration: Configuration): Tree {
  return pruned({
    state: configuration.stateDirectory,
    run: configuration.runDirectory,
    log: configuration.logLevel,
    group: configuration.controlGroup,
    "other-firewalls": configuration.otherFirewalls,
    "bridge-conf": configuration.bridgeConf,
    history: formatDuration(configuration.historySeconds),
    networks: Object.fromEntries(configuration.networks.map((network) => [network.name, describeNetwork(network)])),
    guests: describeGuests(configuration.guests),
    access: configuration.access.map(describeAccess),
    dns: describeDns(configuration.dns),
  });
}

/** As `describeConfiguration`, as YAML: reading it back gives the same configuration. */
export function showConfiguration(configuration: Configuration): string {
  return stringify(describeConfiguration(configuration), { lineWidth: 120, flowCollectionPadding: true });
}

/** An interface as it was written: where it is a VLAN's, the one that the VLAN is on. */
function linkOf({ vlans }: NetworkConfiguration, ifname: string): string {
  return vlans.find(({ name }) => name === ifname)?.link ?? ifname;
}

function describeNetwork(network: NetworkConfiguration): Tree {
  return pruned({
    kind: network.kind,
    ipv4: maybe(network.ipv4, formatPrefix),
    gateway: maybe(network.gatewayIpv4, formatIpv4),
    "gateway-mac": maybe(network.gatewayMac, formatMac),
    ...describeIpv6(network),
    bridge: maybe(network.bridge, (bridge) =>
      describeBridge({ ...bridge, ports: bridge.ports.map((port) => linkOf(network, port)) }),
    ),
    "way-out": network.wayOut,
    router: maybe(network.router, formatIpv4),
    uplink: maybe(network.uplink, (uplink) => linkOf(network, uplink)),
    vlan: network.vlans[0]?.id,
    "answer-on-uplink": network.answerOnUplink || undefined,
    domain: network.domain,
    mtu: network.mtu,
    egress: maybe(network.egress, describeRules),
    ingress: maybe(network.ingress, describeRules),
    limit: maybe(network.limit, describeLimit),
    guests: network.guests,
    dataplane: network.dataplane,
    isolate: network.isolateGuests ? "guests" : "none",
    serve: network.serve,
    dhcp: describeDhcpOf(network),
    dhcp6: describeDhcp6(network),
    ra: describeRouter(network),
    dns:
      network.dns === undefined
        ? false
        : pruned({
            forward: network.dns.forward,
            upstreams: network.dns.upstreams?.map(describeUpstream),
            sees: network.dns.sees,
            log: network.dns.logQueries,
          }),
  });
}

function describeBridge({ name, existing, ports, stp, forwardDelayMs }: BridgeConfiguration): Tree {
  if (existing) return { name, existing };
  return pruned({ name, ports, stp, "forward-delay": formatDuration(forwardDelayMs / 1000) });
}

function describeDhcpOf(network: NetworkConfiguration): Tree | false | undefined {
  const { dhcp, dhcp6, ipv4 } = network;
  if (dhcp !== undefined) return describeDhcp(dhcp);
  if (dhcp6 !== undefined) return describeCommonDhcp(dhcp6);
  return ipv4 === undefined && !hasIpv6(network) ? undefined : false;
}

function describeDhcp(dhcp: DhcpConfiguration): Tree {
  return pruned({
    ranges: dhcp.ranges.map(formatIpv4Range),
    lease: formatDuration(dhcp.leaseSeconds),
    "shortest-lease": maybe(dhcp.shortestLeaseSeconds, formatDuration),
    "longest-lease": maybe(dhcp.longestLeaseSeconds, formatDuration),
    renew: maybe(dhcp.renewSeconds, formatDuration),
    rebind: maybe(dhcp.rebindSeconds, formatDuration),
    offer: formatDuration(dhcp.offerSeconds),
    quarantine: formatDuration(dhcp.quarantineSeconds),
    netmask: dhcp.netmask,
    authoritative: dhcp.authoritative,
    "rapid-commit": dhcp.rapidCommit,
    probe: dhcp.probe,
    relay: dhcp.relay,
    routes: dhcp.routes.map((route) => pruned({ to: formatPrefix(route.to), via: maybe(route.via, formatIpv4) })),
    "routes-replace-router": dhcp.routesReplaceRouter,
    options: describeOptions(dhcp.options),
    classes: dhcp.classes.map(describeClass),
    reservations: dhcp.reservations.map(describeReservation),
  });
}

function describeClass(entry: DhcpClass): Tree {
  return pruned({
    name: entry.name,
    match: pruned({
      vendor: entry.match.vendor,
      user: entry.match.user,
      architecture: entry.match.architectures,
      mac: maybe(entry.match.macPrefix, withColons),
      "circuit-id": maybe(entry.match.circuitId, describeIdentifier),
      "remote-id": maybe(entry.match.remoteId, describeIdentifier),
    }),
    lease: maybe(entry.leaseSeconds, formatDuration),
    ranges: entry.ranges?.map(formatIpv4Range),
    options: describeOptions(entry.options),
  });
}

function describeReservation(reservation: DhcpReservation): Tree {
  return pruned({
    mac: maybe(reservation.mac, formatMac),
    "client-id": maybe(reservation.clientId, describeIdentifier),
    "circuit-id": maybe(reservation.circuitId, describeIdentifier),
    "remote-id": maybe(reservation.remoteId, describeIdentifier),
    ipv4: formatIpv4(reservation.ipv4),
    name: reservation.name,
    lease: maybe(reservation.leaseSeconds, formatDuration),
    options: describeOptions(reservation.options),
  });
}

/** By name, with the bytes: what goes onto the wire is what is shown. */
function describeOptions(options: readonly DhcpOption[]): Tree {
  return Object.fromEntries(
    options.map((option) => {
      const octets = Array.from(option.bytes, (octet) => octet.toString(16).padStart(2, "0")).join(":");
      return [option.name, { type: "octets", value: octets, ...(option.always ? { always: true } : {}) }];
    }),
  );
}

/** An identifier of one octet is no hex with colons: it is written as the text that it is. */
function describeIdentifier(hex: string): string {
  return hex.length > 2 ? withColons(hex) : String.fromCharCode(Number.parseInt(hex, 16));
}

function describeGuests(guests: readonly GuestConfiguration[]): Tree {
  const byName = new Map<string, GuestConfiguration[]>();
  for (const guest of guests) byName.set(guest.name, [...(byName.get(guest.name) ?? []), guest]);
  return Object.fromEntries([...byName].map(([name, nics]) => [name, describeGuest(nics)]));
}

function describeGuest(nics: readonly GuestConfiguration[]): Tree {
  const [first] = nics;
  const several = first.nic !== undefined;
  return pruned({
    ...(several ? { nics: nics.map((nic) => ({ ...describeNic(nic), "default-route": nic.defaultRoute })) } : describeNic(first)),
    names: first.names,
    users: first.users,
    forwards: nics.flatMap(({ forwards }) => forwards.map(formatForward)),
    public: nics.flatMap(({ publics }) => publics.map(formatAddress)),
    dns: first.logQueries ? { log: true } : undefined,
  });
}

function describeNic(guest: GuestConfiguration): Tree {
  return pruned({
    network: guest.network,
    mac: maybe(guest.mac, formatMac),
    ipv4: maybe(guest.ipv4, (first) =>
      guest.furtherIpv4.length === 0 ? formatIpv4(first) : [first, ...guest.furtherIpv4].map(formatIpv4),
    ),
    ipv6: maybe(guest.ipv6, formatIpv6),
    prefix: maybe(guest.prefix, formatPrefix),
    ifname: guest.ifname,
    queues: guest.queues,
    "client-id": maybe(guest.clientId, describeIdentifier),
    lease: maybe(guest.leaseSeconds, formatDuration),
    options: describeOptions(guest.options),
    egress: maybe(guest.egress, describeRules),
    ingress: maybe(guest.ingress, describeRules),
    limit: maybe(guest.limit, describeLimit),
  });
}

function describeRules(rules: readonly TrafficRule[]): readonly string[] | "none" {
  return rules.length === 0 ? "none" : rules.map(({ text }) => text);
}

function describeLimit(limit: GuestLimit): Tree {
  return pruned({
    up: maybe(limit.upBitsPerSecond, formatRate),
    down: maybe(limit.downBitsPerSecond, formatRate),
    burst: maybe(limit.burstBytes, formatSize),
    packets: limit.packetsPerSecond,
    connections: limit.connections,
  });
}

function describeAccess(rule: AccessRule): Tree {
  return { [rule.account.kind]: rule.account.name, networks: rule.networks };
}

function describeDns(dns: DnsConfiguration): Tree {
  return {
    ...pruned({
      upstreams: dns.upstreams?.map(describeUpstream),
      domains: Object.fromEntries(dns.domains.map((entry) => [entry.domain, entry.upstreams.map(describeUpstream)])),
      records: dns.records.map(describeRecord),
      cache: dns.cacheBytes,
      resolved: dns.tellResolved,
      stale: formatDuration(dns.staleSeconds),
      "allow-private": dns.rebindAllowed,
      rate: dns.rateLimit,
      open: dns.openLimit,
    }),
    hosts: dns.hostsFiles,
  };
}

function describeUpstream(upstream: DnsUpstream): string {
  const host = typeof upstream.address === "number" ? formatIpv4(upstream.address) : `[${formatIpv6(upstream.address)}]`;
  const device = upstream.interface === undefined ? "" : `@${upstream.interface}`;
  return upstream.tlsName === undefined
    ? `${host}:${upstream.port}${device}`
    : `tls://${host}:${upstream.port}${device}#${upstream.tlsName}`;
}

function describeRecord(record: DnsRecord): Tree {
  return { name: record.name, type: record.type, value: describeValue(record), ttl: formatDuration(record.ttlSeconds) };
}

function describeValue(record: DnsRecord): string | readonly string[] {
  switch (record.type) {
    case "A":
      return formatIpv4(record.address);
    case "AAAA":
      return formatIpv6(record.address);
    case "CNAME":
    case "PTR":
      return record.target;
    case "TXT":
      return record.strings;
    case "MX":
      return `${record.preference} ${record.target}`;
    case "SRV":
      return `${record.priority} ${record.weight} ${record.port} ${record.target}`;
  }
}
