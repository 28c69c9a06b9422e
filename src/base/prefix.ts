import { formatIpv4, type Ipv4Address, parseIpv4 } from "./ipv4-address.js";
import { formatIpv6, type Ipv6Address, parseIpv6 } from "./ipv6-address.js";

/** An IPv4 prefix; host bits of `address` are zero. */
export interface Ipv4Prefix {
  readonly family: 4;
  readonly address: Ipv4Address;
  readonly prefixLength: number;
}

/** An IPv6 prefix; host bits of `address` are zero. */
export interface Ipv6Prefix {
  readonly family: 6;
  readonly address: Ipv6Address;
  readonly prefixLength: number;
}

export type Prefix = Ipv4Prefix | Ipv6Prefix;

/** `10.77.0.0/24`; undefined when malformed, when the length is over 32, or when host bits are set. */
export function parseIpv4Prefix(text: string): Ipv4Prefix | undefined {
  const parts = splitPrefix(text, 32);
  if (parts === undefined) return undefined;
  const address = parseIpv4(parts.address);
  if (address === undefined || (address & ipv4Netmask(parts.prefixLength)) >>> 0 !== address) return undefined;
  return { family: 4, address, prefixLength: parts.prefixLength };
}

/** `2001:db8::/64`; undefined when malformed, when the length is over 128, or when host bits are set. */
export function parseIpv6Prefix(text: string): Ipv6Prefix | undefined {
  const parts = splitPrefix(text, 128);
  if (parts === undefined) return undefined;
  const address = parseIpv6(parts.address);
  if (address === undefined || (address & ipv6HostMask(parts.prefixLength)) !== 0n) return undefined;
  return { family: 6, address, prefixLength: parts.prefixLength };
}

export function parsePrefix(text: string): Prefix | undefined {
  return text.includes(":") ? parseIpv6Prefix(text) : parseIpv4Prefix(text);
}

function splitPrefix(text: string, most: number): { address: string; prefixLength: number } | undefined {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  if (match === null || Number(match[2]) > most) return undefined;
  return { address: match[1], prefixLength: Number(match[2]) };
}

export function formatPrefix(prefix: Prefix): string {
  const address = prefix.family === 4 ? formatIpv4(prefix.address) : formatIpv6(prefix.address);
  return `${address}/${prefix.prefixLength}`;
}

/** 24 → 0xffffff00. */
export function ipv4Netmask(prefixLength: number): Ipv4Address {
  return prefixLength === 0 ? 0 : (0xffff_ffff << (32 - prefixLength)) >>> 0;
}

/** 0xffffff00 → 24; undefined when the ones are not contiguous. */
export function ipv4NetmaskLength(netmask: Ipv4Address): number | undefined {
  const length = netmask === 0 ? 0 : 32 - Math.log2((~netmask >>> 0) + 1);
  return Number.isInteger(length) ? length : undefined;
}

/** 56 → ffff:ffff:ffff:ff00::. */
export function ipv6Netmask(prefixLength: number): Ipv6Address {
  return ipv6HostMask(0) ^ ipv6HostMask(prefixLength);
}

function ipv6HostMask(prefixLength: number): bigint {
  return (1n << BigInt(128 - prefixLength)) - 1n;
}

export function ipv4InPrefix(address: Ipv4Address, prefix: Ipv4Prefix): boolean {
  return (address & ipv4Netmask(prefix.prefixLength)) >>> 0 === prefix.address;
}

export function ipv6InPrefix(address: Ipv6Address, prefix: Ipv6Prefix): boolean {
  return (address ^ prefix.address) >> BigInt(128 - prefix.prefixLength) === 0n;
}

/** The last address of the prefix: for IPv4 the directed broadcast address. */
export function lastIpv4(prefix: Ipv4Prefix): Ipv4Address {
  return (prefix.address | (~ipv4Netmask(prefix.prefixLength) >>> 0)) >>> 0;
}

export function lastIpv6(prefix: Ipv6Prefix): Ipv6Address {
  return prefix.address | ipv6HostMask(prefix.prefixLength);
}
