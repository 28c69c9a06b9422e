import { type Ipv4Address, parseIpv4 } from "../../base/ipv4-address.js";
import { type Ipv6Address, parseIpv6 } from "../../base/ipv6-address.js";
import type { Prefix } from "../../base/prefix.js";
import { writeUint16, writeUint32 } from "../../wire/dns/bytes.js";
import { formatName, isAtOrBelow, POINTER_BITS, parseName } from "../../wire/dns/name.js";
import { CLASS, RECORD_FIXED_BYTES, TYPE } from "../../wire/dns/numbers.js";
import { EVERYONE, type NameNode, type NameTree, nodeName, RecordSet, type RecordSource } from "./name-tree.js";
import type { Denial, Zone } from "./zone.js";

/** Short: a name that was asked for too early is there a moment later. */
const LOCAL_NEGATIVE_TTL_SECONDS = 5;
const LOCAL_TTL_SECONDS = 60;
/** RFC 6303 §3. */
const EMPTY_ZONE_TTL_SECONDS = 10_800;

/**
 * Special-use names that a resolver answers with NXDOMAIN by itself: RFC 6761 §6.2, §6.4, RFC 7686 §2, RFC 6762 §22.1, RFC 9476,
 * RFC 8375 §4.
 */
const NONEXISTENT = ["test", "invalid", "onion", "local", "alt", "home.arpa"];

/** Reverse zones of addresses that mean something else, or nothing, elsewhere: RFC 6303 §4, RFC 7793. */
const LOCAL_REVERSE = [
  "0.in-addr.arpa",
  "10.in-addr.arpa",
  "127.in-addr.arpa",
  "254.169.in-addr.arpa",
  ...range(16, 31).map((octet) => `${octet}.172.in-addr.arpa`),
  "168.192.in-addr.arpa",
  ...range(64, 127).map((octet) => `${octet}.100.in-addr.arpa`),
  "2.0.192.in-addr.arpa",
  "100.51.198.in-addr.arpa",
  "113.0.203.in-addr.arpa",
  "255.255.255.255.in-addr.arpa",
  `${"0.".repeat(32)}ip6.arpa`,
  `1.${"0.".repeat(31)}ip6.arpa`,
  "d.f.ip6.arpa",
  "8.e.f.ip6.arpa",
  "9.e.f.ip6.arpa",
  "a.e.f.ip6.arpa",
  "b.e.f.ip6.arpa",
  "8.b.d.0.1.0.0.2.ip6.arpa",
];

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Whether a domain (in lower case) is, or is in, one of the special-use names that do not exist unless somebody says otherwise. */
export function isSpecialUse(domain: string): boolean {
  return NONEXISTENT.some((name) => domain === name || domain.endsWith(`.${name}`));
}

/** The wire name of text that is known to be one. */
export function wireName(text: string): Uint8Array {
  const name = parseName(text);
  if (name === undefined) throw new RangeError(`not a domain name: ${text}`);
  return name;
}

/** Puts the zones of RFC 6761, 6303, 7793 and 9462 into a tree. */
export function addSpecialZones(tree: NameTree): void {
  for (const name of [...NONEXISTENT, ...LOCAL_REVERSE]) addEmptyZone(tree, name);
  // RFC 9462 §6.5: a resolver that designates no other says NODATA, and never asks anybody.
  addEmptyZone(tree, "resolver.arpa");
  addEmptyZone(tree, "_dns.resolver.arpa");
  addLocalhost(tree);
}

const SPECIAL: RecordSource = { kind: "zone", owner: "special-use names" };

function addEmptyZone(tree: NameTree, text: string): void {
  const apex = wireName(text);
  const owner = wireName("nobody.invalid");
  const zone = makeZone(apex, apex, owner, [1, 3600, 1200, 604_800, EMPTY_ZONE_TTL_SECONDS], true);
  putZone(tree, zone, apex, EMPTY_ZONE_TTL_SECONDS, SPECIAL);
}

/** RFC 6761 §6.3: localhost and all below it are the asker itself. */
function addLocalhost(tree: NameTree): void {
  addEmptyZone(tree, "localhost");
  const loopback = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
  const set = (type: number, data: Uint8Array) => new RecordSet(SPECIAL, EVERYONE, type, EMPTY_ZONE_TTL_SECONDS, [data]);
  for (const name of ["localhost", "*.localhost"]) {
    const node = tree.insert(wireName(name));
    node.add(set(TYPE.A, Uint8Array.of(127, 0, 0, 1)));
    node.add(set(TYPE.AAAA, loopback));
  }
  for (const name of [reverseIpv4(0x7f00_0001), reverseIpv6(1n)]) tree.insert(name).add(set(TYPE.PTR, wireName("localhost")));
}

/**
 * Makes a zone of ours; SOA and NS name the gateway and the host master of `domain`. Where there is one already (two networks
 * may share a domain), that one stays.
 */
export function addLocalZone(tree: NameTree, apex: Uint8Array, domain: string, serial: number): NameNode {
  const node = tree.insert(apex);
  if (node.zone !== null && !node.zone.special) return node;
  removeZone(tree, node);
  const primary = wireName(`gateway.${domain}`);
  const numbers = [serial, 3600, 600, 86_400, LOCAL_NEGATIVE_TTL_SECONDS];
  const zone = makeZone(nodeName(node), primary, wireName(`hostmaster.${domain}`), numbers, false);
  return putZone(tree, zone, primary, LOCAL_TTL_SECONDS, { kind: "zone", owner: formatName(apex) });
}

/** Takes a zone away; records of other sources stay. */
export function removeZone(tree: NameTree, node: NameNode): void {
  node.zone = null;
  for (const set of node.sets.filter(({ source }) => source.kind === "zone")) node.drop(set);
  tree.prune(node);
}

function putZone(tree: NameTree, zone: Zone, primary: Uint8Array, ttlSeconds: number, source: RecordSource): NameNode {
  const node = tree.insert(zone.apex);
  node.zone = zone;
  node.add(new RecordSet(source, EVERYONE, TYPE.SOA, zone.negativeTtlSeconds, [zone.soa]));
  node.add(new RecordSet(source, EVERYONE, TYPE.NS, ttlSeconds, [primary]));
  return node;
}

/** `numbers` are serial, refresh, retry, expire and minimum (RFC 1035 §3.3.13). */
function makeZone(apex: Uint8Array, mname: Uint8Array, rname: Uint8Array, numbers: readonly number[], special: boolean): Zone {
  const tail = new Uint8Array(numbers.length * 4);
  for (const [index, number] of numbers.entries()) writeUint32(tail, index * 4, number);
  const negativeTtlSeconds = numbers[numbers.length - 1];
  const soa = new Uint8Array(Buffer.concat([mname, rname, tail]));
  return { apex, soa, denial: makeDenial(apex, [mname, rname], tail, negativeTtlSeconds), negativeTtlSeconds, special };
}

const POINTER = Uint8Array.of(POINTER_BITS, 0);

function makeDenial(apex: Uint8Array, names: readonly Uint8Array[], tail: Uint8Array, ttlSeconds: number): Denial {
  const fixed = new Uint8Array(RECORD_FIXED_BYTES);
  const pieces: Uint8Array[] = [POINTER, fixed];
  const pointers = [0];
  let length = POINTER.length + fixed.length;
  for (const name of names) {
    const below = isAtOrBelow(name, apex) ? name.subarray(0, name.length - apex.length) : undefined;
    pieces.push(below ?? name);
    length += (below ?? name).length;
    if (below === undefined) continue;
    pointers.push(length);
    pieces.push(POINTER);
    length += POINTER.length;
  }
  writeUint16(fixed, 0, TYPE.SOA);
  writeUint16(fixed, 2, CLASS.IN);
  writeUint32(fixed, 4, ttlSeconds);
  writeUint16(fixed, 8, length - POINTER.length - fixed.length + tail.length);
  return { bytes: new Uint8Array(Buffer.concat([...pieces, tail])), pointers, depth: countLabels(apex) };
}

/** 10.77.0.5 → `5.0.77.10.in-addr.arpa` (RFC 1035 §3.5). */
export function reverseIpv4(address: Ipv4Address): Uint8Array {
  const labels = [address, address >>> 8, address >>> 16, address >>> 24].map((octet) => OCTET_LABELS[octet & 255]);
  return new Uint8Array(Buffer.concat([...labels, IN_ADDR_ARPA]));
}

/** The name under which an address written as text has its PTR record; undefined where the text is no address. */
export function reverseOf(text: string): Uint8Array | undefined {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== undefined) return reverseIpv4(ipv4);
  const ipv6 = parseIpv6(text);
  return ipv6 === undefined ? undefined : reverseIpv6(ipv6);
}

/** The label of each octet, with its length byte. */
const OCTET_LABELS = Array.from({ length: 256 }, (_, octet) => wireName(String(octet)).slice(0, -1));
const IN_ADDR_ARPA = wireName("in-addr.arpa");

/** ::1 → `1.0.….0.ip6.arpa` (RFC 3596 §2.5). */
export function reverseIpv6(address: Ipv6Address): Uint8Array {
  return wireName(`${address.toString(16).padStart(32, "0").split("").reverse().join(".")}.ip6.arpa`);
}

/** The address that such a name (as text, in lower case) stands for; undefined for every other name. */
export function reverseAddress(name: string): Ipv4Address | Ipv6Address | undefined {
  if (!name.endsWith(".arpa")) return undefined;
  const labels = name.split(".").slice(0, -1);
  const kind = labels.pop();
  if (kind === "in-addr") return parseIpv4(labels.reverse().join("."));
  const digits = labels.reverse().join("");
  return kind === "ip6" && labels.length === 32 && /^[0-9a-f]{32}$/.test(digits) ? BigInt(`0x${digits}`) : undefined;
}

/**
 * The reverse zones that a prefix fills exactly: those of the next whole octet or digit. A /20 has sixteen, a /26 has sixty-four
 * of one address each; nothing of a neighbour's addresses is claimed (cf. RFC 2317).
 */
export function reverseZones(prefix: Prefix): Uint8Array[] {
  const bitsEach = prefix.family === 4 ? 8 : 4;
  const labels = Math.max(1, Math.ceil(prefix.prefixLength / bitsEach));
  const count = 2 ** (labels * bitsEach - prefix.prefixLength);
  const width = prefix.family === 4 ? 32 : 128;
  return Array.from({ length: count }, (_, index) => {
    const shift = BigInt(width - labels * bitsEach);
    const address = BigInt(prefix.address) + (BigInt(index) << shift);
    const whole = prefix.family === 4 ? reverseIpv4(Number(address)) : reverseIpv6(address);
    return dropLabels(whole, width / bitsEach - labels);
  });
}

function dropLabels(name: Uint8Array, count: number): Uint8Array {
  let at = 0;
  for (let left = count; left > 0; left--) at += name[at] + 1;
  return name.slice(at);
}

function countLabels(name: Uint8Array): number {
  let labels = 0;
  for (let at = 0; name[at] !== 0; at += name[at] + 1) labels++;
  return labels;
}
