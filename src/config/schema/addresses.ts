import type { z } from "zod";
import { formatIpv4, type Ipv4Address, isLoopbackIpv4, isMulticastIpv4, parseIpv4 } from "../../base/ipv4-address.js";
import { formatIpv6, type Ipv6Address, parseIpv6 } from "../../base/ipv6-address.js";
import type { IpAddress } from "../../base/kernel-objects.js";
import { isGroupMac, MAC_ZERO, type Mac, parseMac } from "../../base/mac.js";
import {
  type Ipv4Prefix,
  type Ipv6Prefix,
  ipv4Netmask,
  ipv4NetmaskLength,
  lastIpv4,
  parseIpv4Prefix,
  parseIpv6Prefix,
} from "../../base/prefix.js";
import type { Ipv4Range } from "../configuration.js";
import { quote, Refusal, text } from "./scalars.js";

/** Addresses of every sort, each refusal with what is wrong with this one. */

export function readIpv4(written: string): Ipv4Address | Refusal {
  return parseIpv4(written) ?? new Refusal(`${quote(written)} ${explainIpv4(written)}`);
}

function explainIpv4(written: string): string {
  const [beforeSlash] = written.split("/", 1);
  if (written !== beforeSlash && parseIpv4(beforeSlash) !== undefined)
    return `is a prefix; an address belongs here: write ${beforeSlash}`;
  if (parseIpv6(written) !== undefined) return "is an IPv6 address; an IPv4 address belongs here";
  const parts = written.split(".");
  if (!parts.every((part) => /^\d{1,9}$/.test(part))) return "is not an IPv4 address; write one like 10.77.0.1";
  if (parts.length !== 4) return `has ${parts.length} numbers; an IPv4 address has four, like 10.77.0.1`;
  const tooLarge = parts.find((part) => Number(part) > 255);
  if (tooLarge !== undefined) return `is not an IPv4 address: ${tooLarge} is over 255`;
  const plain = parts.map(Number).join(".");
  return `has leading zeros, which some programs read as octal; write ${plain}`;
}

export function readIpv6(written: string): Ipv6Address | Refusal {
  const address = parseIpv6(written);
  if (address !== undefined) return address;
  if (parseIpv4(written) !== undefined) return new Refusal(`${written} is an IPv4 address; an IPv6 address belongs here`);
  return new Refusal(`${quote(written)} is not an IPv6 address; write one like fd00:77::1`);
}

function readIpv4Prefix(written: string): Ipv4Prefix | Refusal {
  const prefix = parseIpv4Prefix(written);
  return prefix ?? new Refusal(`${quote(written)} ${explainIpv4Prefix(written)}`);
}

function explainIpv4Prefix(written: string): string {
  const [addressText, lengthText, ...rest] = written.split("/");
  const address = parseIpv4(addressText);
  if (address === undefined) {
    if (parseIpv6Prefix(written) !== undefined) return "is an IPv6 prefix; write it behind ipv6:";
    const reason = explainIpv4(addressText);
    return lengthText !== undefined && reason.includes("; write ") ? `${reason}/${lengthText}` : reason;
  }
  if (lengthText === undefined) return `has no prefix length; write ${addressText}/24, or another length`;
  const netmask = parseIpv4(lengthText);
  const fromNetmask = netmask === undefined ? undefined : ipv4NetmaskLength(netmask);
  if (fromNetmask !== undefined) return `has a netmask; write its length: ${addressText}/${fromNetmask}`;
  if (rest.length > 0 || !/^\d{1,9}$/.test(lengthText)) return "is not a prefix; write one like 10.77.0.0/24";
  const length = Number(lengthText);
  if (length > 32) return "is too long: an IPv4 prefix has 32 bits at most";
  if (lengthText !== String(length)) return `has leading zeros in its length; write ${addressText}/${length}`;
  const network = (address & ipv4Netmask(length)) >>> 0;
  return `has host bits set; write ${formatIpv4(network)}/${length}`;
}

function readIpv6Prefix(written: string): Ipv6Prefix | Refusal {
  const prefix = parseIpv6Prefix(written);
  return prefix ?? new Refusal(`${quote(written)} ${explainIpv6Prefix(written)}`);
}

function explainIpv6Prefix(written: string): string {
  const [addressText, lengthText] = written.split("/");
  const address = parseIpv6(addressText);
  if (address === undefined) {
    return parseIpv4Prefix(written) === undefined
      ? "is not an IPv6 prefix; write one like fd00:77::/64"
      : "is an IPv4 prefix; write it behind ipv4:";
  }
  if (lengthText === undefined) return `has no prefix length; write ${addressText}/64, or another length`;
  if (!/^\d{1,9}$/.test(lengthText)) return "is not an IPv6 prefix; write one like fd00:77::/64";
  const length = Number(lengthText);
  if (length > 128) return "is too long: an IPv6 prefix has 128 bits at most";
  if (lengthText !== String(length)) return `has leading zeros in its length; write ${addressText}/${length}`;
  const hostBits = BigInt(128 - length);
  return `has host bits set; write ${formatIpv6((address >> hostBits) << hostBits)}/${length}`;
}

/** Addresses that guests can have: not loopback, multicast, reserved or "this network" (RFC 6890 §2.2.2). */
function readGuestIpv4Prefix(written: string): Ipv4Prefix | Refusal {
  const prefix = readIpv4Prefix(written);
  if (prefix instanceof Refusal) return prefix;
  if (prefix.prefixLength < 8) return new Refusal(`${written} is too wide for one network; write /8 or longer`);
  const top = prefix.address >>> 24;
  if (isLoopbackIpv4(prefix.address) || isMulticastIpv4(prefix.address) || top === 0 || top >= 240) {
    return new Refusal(`${written} is not for hosts (loopback, multicast or reserved); take a private one, like 10.77.0.0/24`);
  }
  return prefix;
}

function readGuestIpv6Prefix(written: string): Ipv6Prefix | Refusal {
  const prefix = readIpv6Prefix(written);
  if (prefix instanceof Refusal) return prefix;
  const top = Number(prefix.address >> 112n);
  if (top >= 0xfe80 || top === 0) {
    return new Refusal(
      `${written} is not for hosts (link-local, multicast or reserved); take a unique local one, like fd00:77::/64`,
    );
  }
  return prefix;
}

const NO_PREFIX = ["delegated", "uplink"] as const;

/** A prefix, or where one comes from. */
function readIpv6Origin(written: string): Ipv6Prefix | (typeof NO_PREFIX)[number] | Refusal {
  const word = NO_PREFIX.find((known) => known === written);
  if (word !== undefined) return word;
  if (!/^[a-z]+$/i.test(written)) return readGuestIpv6Prefix(written);
  return new Refusal(`${quote(written)} is not an IPv6 prefix; write one like fd00:77::/64, or ${NO_PREFIX.join(" or ")}`);
}

/** RFC 8781 §4. */
const PREF64_LENGTHS = [32, 40, 48, 56, 64, 96];

function readPref64(written: string): Ipv6Prefix | Refusal {
  const prefix = readIpv6Prefix(written);
  if (prefix instanceof Refusal || PREF64_LENGTHS.includes(prefix.prefixLength)) return prefix;
  return new Refusal(`${written} is no prefix of a NAT64; its length is one of ${PREF64_LENGTHS.join(", ")}`);
}

/** `A-B`, one address, or a prefix. */
function readIpv4Range(written: string): Ipv4Range | Refusal {
  if (written.includes("/")) {
    const prefix = readIpv4Prefix(written);
    return prefix instanceof Refusal ? prefix : { first: prefix.address, last: lastIpv4(prefix) };
  }
  const ends = written.split("-").map((end) => readIpv4(end.trim()));
  const [first, last = first] = ends;
  const refusal = ends.find((end) => end instanceof Refusal);
  if (refusal instanceof Refusal) return refusal;
  if (ends.length > 2 || first instanceof Refusal || last instanceof Refusal) {
    return new Refusal(`${quote(written)} is not a range; write one like 10.77.0.10-10.77.0.99`);
  }
  if (first > last) return new Refusal(`${written} runs backwards; write ${formatIpv4(last)}-${formatIpv4(first)}`);
  return { first, last };
}

/** An address of either family that the world can know a host by. */
function readPublic(written: string): IpAddress | Refusal {
  if (written.includes("/")) return new Refusal(`${quote(written)} has a "/"; write each address by itself, like 192.0.2.7`);
  const address = written.includes(":") ? readIpv6(written) : readIpv4(written);
  if (address instanceof Refusal) return address;
  const forHosts =
    typeof address === "number"
      ? address >>> 24 !== 0 && address >>> 24 < 240 && !isLoopbackIpv4(address) && !isMulticastIpv4(address)
      : address >> 112n !== 0n && address >> 118n < 0xfe80n >> 6n;
  if (forHosts) return address;
  return new Refusal(`${written} is no address that others reach a host by (loopback, link-local, multicast or reserved)`);
}

function readMac(written: string): Mac | Refusal {
  const mac = parseMac(written);
  if (mac === undefined) return new Refusal(`${quote(written)} is not a MAC address; write one like 52:54:00:12:34:56`);
  if (mac === MAC_ZERO) return new Refusal(`${written} is no station's address; write the guest's own`);
  if (isGroupMac(mac))
    return new Refusal(`${written} is a group address (lowest bit of the first octet); a guest's own has an even first octet`);
  return mac;
}

export const ipv4: z.ZodType<Ipv4Address, unknown> = text("an IPv4 address", "10.77.0.1", readIpv4);
export const ipv6: z.ZodType<Ipv6Address, unknown> = text("an IPv6 address", "fd00:77::1", readIpv6);
export const ipv4Prefix: z.ZodType<Ipv4Prefix, unknown> = text("an IPv4 prefix", "192.0.2.0/24", readIpv4Prefix);
export const guestIpv4Prefix: z.ZodType<Ipv4Prefix, unknown> = text("an IPv4 prefix", "10.77.0.0/24", readGuestIpv4Prefix);
export const guestIpv6Prefix: z.ZodType<Ipv6Prefix, unknown> = text("an IPv6 prefix", "fd00:77::/64", readGuestIpv6Prefix);
export const ipv6Prefix: z.ZodType<Ipv6Prefix, unknown> = text("an IPv6 prefix", '"2001:db8:9::/48"', readIpv6Prefix);
export const pref64Prefix: z.ZodType<Ipv6Prefix, unknown> = text("an IPv6 prefix", '"64:ff9b::/96"', readPref64);
export const publicAddress: z.ZodType<IpAddress, unknown> = text("an IPv4 or IPv6 address", "192.0.2.7", readPublic);
/** `delegated` and `uplink`: the prefix is found out while the daemon runs. */
export const ipv6Origin: z.ZodType<Ipv6Prefix | "delegated" | "uplink", unknown> = text(
  "an IPv6 prefix, delegated or uplink",
  "fd00:77::/64",
  readIpv6Origin,
);
export const ipv4Range: z.ZodType<Ipv4Range, unknown> = text("a range of addresses", "10.77.0.10-10.77.0.99", readIpv4Range);
/** A MAC address, or `auto` for one that is made. */
export const macOrAuto: z.ZodType<Mac | "auto", unknown> = text("a MAC address, or auto", '"52:54:00:12:34:56"', (written) =>
  written === "auto" ? "auto" : readMac(written),
);
export const mac: z.ZodType<Mac, unknown> = text("a MAC address", '"52:54:00:12:34:56"', readMac);

/** `10.77.0.10-10.77.0.99`, or the one address. */
export function formatIpv4Range(range: Ipv4Range): string {
  return range.first === range.last ? formatIpv4(range.first) : `${formatIpv4(range.first)}-${formatIpv4(range.last)}`;
}
