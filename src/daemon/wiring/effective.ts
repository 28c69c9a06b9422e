/**
 * The configuration with what uplinks say filled in: networks whose prefixes are found out while the daemon runs have them
 * here like any other's, or none yet. So nothing but this file and who finds them knows the difference.
 *
 * A delegated prefix is cut into subnets of 64 bits, one a network: the number that the network is configured with, else the
 * lowest that is free, in the order of the file. Where guests get prefixes of their own out of it, they have its upper half.
 */
import { createHash } from "node:crypto";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import type { IpAddress } from "../../base/kernel-objects.js";
import type { Ipv6Prefix } from "../../base/prefix.js";
import type { Configuration, FoundPrefix, GuestConfiguration, NetworkConfiguration } from "../../config/configuration.js";
import { defineNetworks } from "../../network/define.js";
import type { Network } from "../../network/model.js";

/** What is known now of an uplink; undefined: nothing yet. */
export type FindPrefix = (uplink: string, source: "delegated" | "uplink") => FoundPrefix | undefined;

const SUBNET_LENGTH = 64;
/** RFC 7084 WPD-3: as large as is needed, rounded up to what can be written without splitting a digit. */
const DIGIT_BITS = 4;
/** Prefixes for guests that are asked for, at least. */
const GUEST_PREFIXES_BITS = 4;
/** More are never counted: nobody has so many networks, and numbers stay numbers. */
const MOST_SUBNET_BITS = 20;

export function effectiveConfiguration(written: Configuration, find: FindPrefix): Configuration {
  const subnets = new Map<string, ReadonlyMap<string, Subnet>>();
  const networks = written.networks.map((network): NetworkConfiguration => {
    const { uplink, ipv6Source } = network;
    if (ipv6Source === "own" || uplink === undefined) return network;
    const found = find(uplink, ipv6Source);
    if (found === undefined) return { ...network, delegation: undefined };
    if (ipv6Source === "uplink") return onUplink(network, found);
    const ofUplink = subnets.get(uplink) ?? planSubnets(found.prefix, written.networks.filter(isOn(uplink)));
    subnets.set(uplink, ofUplink);
    return withSubnet(network, found, ofUplink.get(network.name));
  });
  const byName = new Map(networks.map((network) => [network.name, network]));
  return { ...written, networks, guests: written.guests.map((guest) => completed(guest, byName.get(guest.network))) };
}

/** The networks of a configuration as the kernel is to have them. */
export function networksOf({ networks, guests }: Configuration, host: string): Network[] {
  const publics = new Map<string, Map<string, readonly IpAddress[]>>();
  for (const { name, network, publics: addresses } of guests) {
    if (addresses.length === 0) continue;
    publics.set(network, (publics.get(network) ?? new Map<string, readonly IpAddress[]>()).set(name, addresses));
  }
  return defineNetworks(
    networks.map(({ delegation, ipv6Found, ...network }) => ({
      ...network,
      delegation: delegation?.pool && { pool: delegation.pool, length: delegation.length },
      publics: publics.get(network.name),
      ipv6Aggregate: network.ipv6Source === "delegated" ? ipv6Found?.prefix : undefined,
    })),
    host,
  );
}

/** The length of prefix that the networks of an uplink need together. */
export function neededLength(networks: readonly NetworkConfiguration[]): number {
  const count = networks.length;
  const numbers = networks.map(({ ipv6Subnet }) => (ipv6Subnet ?? 0) + 1);
  let bits = Math.ceil(Math.log2(Math.max(1, count, ...numbers)));
  for (const { delegation } of networks) {
    if (delegation === undefined || delegation.pool !== undefined) continue;
    bits = Math.max(bits, SUBNET_LENGTH - delegation.length + GUEST_PREFIXES_BITS) + 1;
  }
  return Math.max(32, SUBNET_LENGTH - Math.ceil(bits / DIGIT_BITS) * DIGIT_BITS);
}

export interface Subnet {
  /** Undefined: nothing is left for it. */
  readonly ipv6: Ipv6Prefix | undefined;
  /** Where guests' own prefixes are taken from, where the network has them out of this. */
  readonly pool: Ipv6Prefix | undefined;
}

/** What each network gets of a prefix, by its name. */
export function planSubnets(prefix: Ipv6Prefix, networks: readonly NetworkConfiguration[]): Map<string, Subnet> {
  const bits = Math.min(MOST_SUBNET_BITS, SUBNET_LENGTH - prefix.prefixLength);
  const delegates = networks.find(({ delegation }) => delegation !== undefined && delegation.pool === undefined);
  const half = delegates !== undefined && bits > 0;
  const count = 2 ** (half ? bits - 1 : bits);
  const taken = new Set(networks.map(({ ipv6Subnet }) => ipv6Subnet).filter((number) => number !== undefined));
  const subnets = new Map<string, Subnet>();
  let next = 0;
  for (const { name, ipv6Subnet } of networks) {
    if (ipv6Subnet === undefined) while (taken.has(next)) next++;
    const number = ipv6Subnet ?? next;
    if (ipv6Subnet === undefined) taken.add(number);
    const isThere = bits >= 0 && number < count;
    const pool = half && name === delegates.name && upperHalf(prefix).prefixLength <= (delegates.delegation?.length ?? 0);
    subnets.set(name, { ipv6: isThere ? subnetOf(prefix, number) : undefined, pool: pool ? upperHalf(prefix) : undefined });
  }
  return subnets;
}

function subnetOf(prefix: Ipv6Prefix, number: number): Ipv6Prefix {
  return { family: 6, address: prefix.address | (BigInt(number) << 64n), prefixLength: SUBNET_LENGTH };
}

function upperHalf({ address, prefixLength }: Ipv6Prefix): Ipv6Prefix {
  return { family: 6, address: address | (1n << BigInt(127 - prefixLength)), prefixLength: prefixLength + 1 };
}

function isOn(uplink: string): (network: NetworkConfiguration) => boolean {
  return (network) => network.ipv6Source === "delegated" && network.uplink === uplink;
}

function withSubnet(network: NetworkConfiguration, found: FoundPrefix, subnet: Subnet | undefined): NetworkConfiguration {
  if (subnet?.ipv6 === undefined) return { ...network, delegation: undefined };
  const { delegation } = network;
  const pool = delegation?.pool ?? subnet.pool;
  const passedOn = delegation !== undefined && pool !== undefined ? { pool, length: delegation.length } : undefined;
  return { ...network, ipv6: subnet.ipv6, ipv6Found: found, delegation: passedOn };
}

/** The first address of an uplink's subnet is likely somebody's: the gateway has one that nobody else will have. */
function onUplink(network: NetworkConfiguration, found: FoundPrefix): NetworkConfiguration {
  const digest = createHash("sha256").update(`gateway-ipv6 ${network.name}`).digest();
  return { ...network, ipv6: found.prefix, ipv6Found: found, gatewayIpv6: found.prefix.address | digest.readBigUInt64BE(0) };
}

/** A guest's address where its network's prefix is not known beforehand: the configuration has only what is behind it. */
function completed(guest: GuestConfiguration, network: NetworkConfiguration | undefined): GuestConfiguration {
  if (guest.ipv6 === undefined || network === undefined || network.ipv6Source === "own") return guest;
  const address: Ipv6Address | undefined = network.ipv6 && network.ipv6.address | guest.ipv6;
  return { ...guest, ipv6: address };
}
