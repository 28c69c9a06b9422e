/** An IPv6 address as a 128-bit bigint, first group highest: ::1 is 1n. */
export type Ipv6Address = bigint;

export const IPV6_ANY: Ipv6Address = 0n;
export const IPV6_ALL_NODES: Ipv6Address = (0xff02n << 112n) | 1n;
export const IPV6_ALL_ROUTERS: Ipv6Address = (0xff02n << 112n) | 2n;

const MASK_64 = 0xffff_ffff_ffff_ffffn;

/** Parses the text forms of RFC 4291 §2.2, also with a dotted IPv4 tail; no zone, no prefix. Undefined for anything else. */
export function parseIpv6(text: string): Ipv6Address | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1], true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  let value = 0n;
  for (const group of [...head, ...Array<number>(missing).fill(0), ...tail]) value = (value << 16n) | BigInt(group);
  return value;
}

function parseGroups(text: string, mayEndDotted: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else if (mayEndDotted && index === parts.length - 1 && part.includes(".")) {
      const dotted = parseDotted(part);
      if (dotted === undefined) return undefined;
      groups.push(dotted >>> 16, dotted & 0xffff);
    } else {
      return undefined;
    }
  }
  return groups;
}

function parseDotted(text: string): number | undefined {
  const match = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(text);
  if (match === null) return undefined;
  const octets = match.slice(1).map(Number);
  if (octets.some((octet) => octet > 255)) return undefined;
  return ((octets[0] << 24) | (octets[1] << 16) | (octets[2] << 8) | octets[3]) >>> 0;
}

/** The canonical form of RFC 5952: lower case, the longest run of zero groups (two or more, the first of equals) as `::`. */
export function formatIpv6(address: Ipv6Address): string {
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((address >> shift) & 0xffffn));
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > bestLength) {
      bestStart = start;
      bestLength = length;
    }
  }
  const text = groups.map((group) => group.toString(16));
  if (bestStart < 0) return text.join(":");
  return `${text.slice(0, bestStart).join(":")}::${text.slice(bestStart + bestLength).join(":")}`;
}

/** Reads 16 bytes in network order. Off the hot path: it makes bigints. */
export function readIpv6(view: DataView, offset: number): Ipv6Address {
  return (view.getBigUint64(offset) << 64n) | view.getBigUint64(offset + 8);
}

/** Writes 16 bytes in network order. */
export function writeIpv6(view: DataView, offset: number, address: Ipv6Address): void {
  view.setBigUint64(offset, address >> 64n);
  view.setBigUint64(offset + 8, address & MASK_64);
}

/** fe80::/10 (RFC 4291 §2.5.6). */
export function isLinkLocalIpv6(address: Ipv6Address): boolean {
  return address >> 118n === 0x3fan;
}

/** ff00::/8 (RFC 4291 §2.7). */
export function isMulticastIpv6(address: Ipv6Address): boolean {
  return address >> 120n === 0xffn;
}

/** The group on which a node listens for questions about an address (RFC 4291 §2.7.1). */
export function solicitedNode(address: Ipv6Address): Ipv6Address {
  return (0xff02n << 112n) | 0x1_ff00_0000n | (address & 0xff_ffffn);
}

/** Whether the last 64 bits are an identifier that is anycast or reserved (RFC 4291 §2.6.1, RFC 2526, RFC 5453): no host's own. */
export function hasReservedIdentifier(address: Ipv6Address): boolean {
  const identifier = address & MASK_64;
  return (
    identifier === 0n ||
    (identifier >= 0x0200_5eff_fe00_0000n && identifier <= 0x0200_5eff_feff_ffffn) ||
    (identifier >= 0xfdff_ffff_ffff_ff80n && identifier <= 0xfdff_ffff_ffff_ffffn)
  );
}
