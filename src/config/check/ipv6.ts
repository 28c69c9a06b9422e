/** What a network says about IPv6, against itself, completed with what follows from its other values. */
import { formatIpv6 } from "../../base/ipv6-address.js";
import { formatPrefix, type Ipv6Prefix, ipv6InPrefix } from "../../base/prefix.js";
import type {
  Dhcp6Configuration,
  Ipv6Delegation,
  Ipv6Source,
  NetworkConfiguration,
  RouterConfiguration,
} from "../configuration.js";
import type { ConfigDocument } from "../document.js";
import type { NetworkInput } from "../schema/network.js";

/** RFC 8200 §5. */
const LEAST_MTU_IPV6 = 1280;

export interface Ipv6Part {
  readonly ipv6: Ipv6Prefix | undefined;
  readonly ipv6Source: Ipv6Source;
  readonly ipv6Subnet: number | undefined;
  readonly gatewayIpv6: undefined;
  readonly delegation: Ipv6Delegation | undefined;
  readonly dhcp6: Dhcp6Configuration | undefined;
  readonly ra: RouterConfiguration | undefined;
}

export function checkIpv6(name: string, input: NetworkInput, document: ConfigDocument): Ipv6Part {
  const path = ["networks", name];
  const { ipv6 } = input;
  const ipv6Source = typeof ipv6 === "string" ? ipv6 : "own";
  const prefix = typeof ipv6 === "string" ? undefined : ipv6;
  if (ipv6 !== undefined && input.mtu < LEAST_MTU_IPV6) {
    document.problem([...path, "mtu"], `${input.mtu} is too small for IPv6; write ${LEAST_MTU_IPV6} or more, or remove ipv6:`);
  }
  if (ipv6Source !== "own") checkSource(ipv6Source, input, path, document);
  if (input["ipv6-subnet"] !== undefined && ipv6Source !== "delegated") {
    document.problem([...path, "ipv6-subnet"], "means nothing without ipv6: delegated; write the prefix behind ipv6: instead");
  }
  checkPool(input, prefix, path, document);
  checkReservations(input, prefix, path, document);
  return {
    ipv6: prefix,
    ipv6Source,
    ipv6Subnet: input["ipv6-subnet"],
    gatewayIpv6: undefined,
    delegation: checkDelegation(input, path, document),
    dhcp6: dhcp6Of(input),
    ra: routerOf(input, path, document),
  };
}

function checkSource(
  source: "delegated" | "uplink",
  input: NetworkInput,
  path: readonly string[],
  document: ConfigDocument,
): void {
  if (input.uplink === undefined || (input.kind !== "nat" && input.kind !== "routed")) {
    const from = source === "delegated" ? "asked for the prefix" : "whose prefix it is";
    document.problem([...path, "ipv6"], `${source} needs kind: nat or routed, and uplink: with the interface that is ${from}`);
  }
}

function checkPool(
  { dhcp6 }: NetworkInput,
  prefix: Ipv6Prefix | undefined,
  path: readonly string[],
  document: ConfigDocument,
): void {
  if (dhcp6 === false || dhcp6.pool === undefined) return;
  const { pool } = dhcp6;
  const inside = prefix !== undefined && pool.prefixLength >= prefix.prefixLength && ipv6InPrefix(pool.address, prefix);
  if (inside) return;
  const where = prefix === undefined ? "a prefix that is written behind ipv6:" : `the network's ${formatPrefix(prefix)}`;
  document.problem([...path, "dhcp6", "pool"], `${formatPrefix(pool)} is outside ${where}; take a part of that, or remove it`);
}

function checkReservations(
  { dhcp6, delegate }: NetworkInput,
  prefix: Ipv6Prefix | undefined,
  path: readonly string[],
  document: ConfigDocument,
): void {
  if (dhcp6 === false) return;
  const duids = new Set<string>();
  for (const [index, reservation] of dhcp6.reservations.entries()) {
    const at = [...path, "dhcp6", "reservations", index];
    if (reservation.ipv6 === undefined && reservation.prefix === undefined)
      document.problem(at, "keeps nothing; give ipv6: or prefix:");
    if (duids.has(reservation.duid)) document.problem([...at, "duid"], "has a reservation already; give each DUID one");
    duids.add(reservation.duid);
    if (reservation.ipv6 !== undefined && (prefix === undefined || !ipv6InPrefix(reservation.ipv6, prefix))) {
      const where = prefix === undefined ? "a prefix that is written behind ipv6:" : `the network's ${formatPrefix(prefix)}`;
      document.problem([...at, "ipv6"], `${formatIpv6(reservation.ipv6)} is outside ${where}; take one inside it`);
    }
    if (reservation.prefix !== undefined) checkDelegated(reservation.prefix, delegate, [...at, "prefix"], document);
  }
}

/** A prefix that is kept for somebody, against what the network delegates. */
export function checkDelegated(
  prefix: Ipv6Prefix,
  delegation: Partial<Ipv6Delegation> | undefined,
  path: readonly (string | number)[],
  document: ConfigDocument,
): void {
  const pool = delegation?.pool;
  if (delegation === undefined || pool === undefined) {
    document.problem(path, "needs a network with delegate: and its pool:; give both, or remove this line");
  } else if (prefix.prefixLength !== delegation.length || !ipv6InPrefix(prefix.address, pool)) {
    const wanted = `a /${delegation.length} of ${formatPrefix(pool)}`;
    document.problem(path, `${formatPrefix(prefix)} is not ${wanted}, which the network delegates; take such a one`);
  }
}

function checkDelegation(
  { delegate, ipv6, dhcp, dhcp6 }: NetworkInput,
  network: readonly string[],
  document: ConfigDocument,
): Ipv6Delegation | undefined {
  if (delegate === undefined) return undefined;
  const { pool, length } = delegate;
  const path = [...network, "delegate"];
  if (ipv6 === undefined || dhcp === false || dhcp6 === false) {
    document.problem(path, "needs ipv6: and DHCP beside it, which delegates; give ipv6:, or remove delegate:");
  }
  if (pool === undefined) {
    if (ipv6 !== "delegated") document.problem(path, "has no pool; give pool: with the prefix to take them from");
  } else if (length < pool.prefixLength) {
    document.problem(
      [...path, "length"],
      `/${length} does not fit into ${formatPrefix(pool)}; write ${pool.prefixLength} or more`,
    );
  }
  return { pool, length };
}

function dhcp6Of({ ipv6, dhcp, dhcp6, bridge }: NetworkInput): Dhcp6Configuration | undefined {
  // On a bridge of others the router is another machine, and says where addresses come from.
  if (dhcp === false || dhcp6 === false || ipv6 === undefined || bridge?.existing === true) return undefined;
  return {
    leaseSeconds: dhcp.lease,
    offerSeconds: dhcp.offer,
    quarantineSeconds: dhcp.quarantine,
    authoritative: dhcp.authoritative,
    rapidCommit: dhcp["rapid-commit"],
    relay: dhcp.relay,
    // An address from here is used until it is renewed, whatever becomes of its prefix; those that guests make follow at once.
    givesAddresses: dhcp6.addresses ?? typeof ipv6 !== "string",
    pool: dhcp6.pool,
    preference: dhcp6.preference,
    dnsServers: dhcp6.dns,
    searchDomains: dhcp6.search,
    ntp: dhcp6.ntp,
    sntpServers: dhcp6.sntp,
    bootFiles: dhcp6["boot-file"],
    refreshSeconds: dhcp6.refresh,
    solMaxRtSeconds: dhcp6["sol-max-rt"],
    infMaxRtSeconds: dhcp6["inf-max-rt"],
    reservations: dhcp6.reservations.map((one) => ({ duid: one.duid, ipv6: one.ipv6, prefix: one.prefix })),
  };
}

function routerOf(
  { ipv6, ra, serve }: NetworkInput,
  network: readonly string[],
  document: ConfigDocument,
): RouterConfiguration | undefined {
  if (ra === false || ipv6 === undefined) return undefined;
  const path = [...network, "ra"];
  if (ra.lifetime !== undefined && ra.lifetime > 0 && ra.lifetime < ra.interval) {
    document.problem(
      [...path, "lifetime"],
      `${ra.lifetime}s would end before the next advertisement; write ${ra.interval}s or more, or 0`,
    );
  }
  if (ra.preferred > ra.valid)
    document.problem([...path, "preferred"], "lasts longer than valid:; write as much or less, or a longer valid:");
  if (ra.served && serve.length === 0)
    document.problem([...path, "served"], "needs serve: with the interfaces to advertise on; give them, or remove this line");
  return {
    preference: ra.preference,
    lifetimeSeconds: ra.lifetime,
    intervalSeconds: ra.interval,
    hopLimit: ra["hop-limit"],
    reachableMs: ra.reachable,
    retransmitMs: ra.retransmit,
    managed: ra.managed,
    other: ra.other,
    validSeconds: ra.valid,
    preferredSeconds: ra.preferred,
    dnsLifetimeSeconds: ra["dns-lifetime"],
    routes: ra.routes.map(({ to, preference, lifetime }) => ({ to, preference, lifetimeSeconds: lifetime })),
    pref64: ra.pref64,
    onServed: ra.served,
  };
}

/** What networks that have their prefixes from one uplink must not do to each other. */
export function checkSourcesTogether(networks: readonly NetworkConfiguration[], document: ConfigDocument): void {
  const owners = new Map<string, string>();
  const take = (thing: string, owner: string, path: readonly string[], advice: string): void => {
    const other = owners.get(thing);
    if (other !== undefined) document.problem(["networks", owner, ...path], `${thing} is network ${other}'s already; ${advice}`);
    else owners.set(thing, owner);
  };
  for (const { name, uplink, ipv6Source, ipv6Subnet, delegation } of networks) {
    if (ipv6Source === "uplink") take(`the prefix of ${uplink}`, name, ["ipv6"], "each address can belong to one network");
    if (ipv6Source !== "delegated") continue;
    if (ipv6Subnet !== undefined) take(`subnet ${ipv6Subnet} of ${uplink}`, name, ["ipv6-subnet"], "take another number");
    if (delegation !== undefined && delegation.pool === undefined)
      take(`what ${uplink} delegates to us for guests`, name, ["delegate"], "one network can pass it on");
  }
}
