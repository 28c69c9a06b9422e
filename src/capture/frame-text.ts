/** A frame as one line for people, put together of what each protocol says of itself. */
import { formatIpv4 } from "../base/ipv4-address.js";
import { formatIpv6 } from "../base/ipv6-address.js";
import * as arp from "../wire/arp.js";
import * as dhcp4 from "../wire/dhcp4/message.js";
import * as dhcp6 from "../wire/dhcp6/message.js";
import * as dns from "../wire/dns/message.js";
import * as ethernet from "../wire/ethernet.js";
import * as icmpv4 from "../wire/icmpv4.js";
import * as icmpv6 from "../wire/icmpv6.js";
import * as ipv4 from "../wire/ipv4.js";
import * as ipv6 from "../wire/ipv6.js";
import * as mld from "../wire/mld.js";
import * as ndp from "../wire/ndp/message.js";
import * as udp from "../wire/udp.js";

const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;
const PORT = { dns: 53, dhcp4: [67, 68], dhcp6: [546, 547], multicastDns: 5353 } as const;
const TCP = {
  source: 0,
  destination: 2,
  sequence: 4,
  acknowledgement: 8,
  lengthAndFlags: 12,
  window: 14,
  headerBytes: 20,
} as const;
/** In the order in which tcpdump writes them. */
const TCP_FLAGS = [
  [0x01, "F"],
  [0x02, "S"],
  [0x04, "R"],
  [0x08, "P"],
  [0x20, "U"],
  [0x40, "E"],
  [0x80, "W"],
  [0x10, "."],
] as const;

const MLD_TYPES: ReadonlySet<number> = new Set([
  icmpv6.TYPE.listenerQuery,
  icmpv6.TYPE.listenerReport,
  icmpv6.TYPE.listenerDone,
  icmpv6.TYPE.listenerReportV2,
]);
const NDP_TYPES: ReadonlySet<number> = new Set([
  icmpv6.TYPE.routerSolicitation,
  icmpv6.TYPE.routerAdvertisement,
  icmpv6.TYPE.neighbourSolicitation,
  icmpv6.TYPE.neighbourAdvertisement,
  icmpv6.TYPE.redirect,
]);

/** One line for the frame of `length` bytes at `offset`, also for one that is broken or cut. */
export function describeFrame(view: DataView, offset: number, length: number): string {
  if (ethernet.check(view, offset, length) !== undefined) return ethernet.describe(view, offset, length);
  const header = ethernet.headerBytes(view, offset);
  const tag = ethernet.vlanId(view, offset);
  const text = describeNetwork(ethernet.type(view, offset), view, offset + header, length - header);
  if (text === undefined) return ethernet.describe(view, offset, length);
  return tag === 0 ? text : `vlan ${tag}, ${text}`;
}

function describeNetwork(type: number, view: DataView, offset: number, length: number): string | undefined {
  switch (type) {
    case ethernet.ETHERTYPE.ipv4:
      return describeIpv4(view, offset, length);
    case ethernet.ETHERTYPE.ipv6:
      return describeIpv6(view, offset, length);
    case ethernet.ETHERTYPE.arp:
      return arp.describe(view, offset, length);
    default:
      return undefined;
  }
}

function describeIpv4(view: DataView, offset: number, length: number): string {
  if (ipv4.check(view, offset, length) !== undefined || ipv4.isFragment(view, offset)) return ipv4.describe(view, offset, length);
  const header = ipv4.headerBytes(view, offset);
  const ends = { source: formatIpv4(ipv4.source(view, offset)), destination: formatIpv4(ipv4.destination(view, offset)) };
  const upper = { view, offset: offset + header, length: ipv4.totalBytes(view, offset) - header };
  if (ipv4.protocol(view, offset) === PROTOCOL.icmp) {
    return `IP ${ends.source} > ${ends.destination}: ${icmpv4.describe(view, upper.offset, upper.length)}`;
  }
  const text = describePorts(ipv4.protocol(view, offset), ends, upper);
  return text === undefined ? ipv4.describe(view, offset, length) : `IP ${text}`;
}

function describeIpv6(view: DataView, offset: number, length: number): string {
  const walk = new ipv6.ExtensionWalk();
  if (ipv6.check(view, offset, length) !== undefined || walk.walk(view, offset) !== undefined) {
    return ipv6.describe(view, offset, length);
  }
  const ends = { source: formatIpv6(ipv6.source(view, offset)), destination: formatIpv6(ipv6.destination(view, offset)) };
  const upper = { view, offset: walk.offset, length: walk.length };
  if (walk.protocol === PROTOCOL.icmpv6) return `IP6 ${ends.source} > ${ends.destination}: ${describeIcmpv6(upper)}`;
  const text = describePorts(walk.protocol, ends, upper);
  return text === undefined ? ipv6.describe(view, offset, length) : `IP6 ${text}`;
}

interface Ends {
  readonly source: string;
  readonly destination: string;
}

/** What is behind the network's headers. */
interface Upper {
  readonly view: DataView;
  readonly offset: number;
  readonly length: number;
}

function describeIcmpv6({ view, offset, length }: Upper): string {
  const type = length >= icmpv6.HEADER_BYTES ? icmpv6.type(view, offset) : -1;
  if (MLD_TYPES.has(type)) return mld.describe(view, offset, length);
  if (NDP_TYPES.has(type)) return ndp.describe(view, offset, length);
  return icmpv6.describe(view, offset, length);
}

/** Undefined for what has no ports, or none that are all there. */
function describePorts(protocol: number, { source, destination }: Ends, upper: Upper): string | undefined {
  const { view, offset, length } = upper;
  const isTcp = protocol === PROTOCOL.tcp && length >= TCP.headerBytes;
  const isUdp = protocol === PROTOCOL.udp && udp.check(view, offset, length) === undefined;
  if (!isTcp && !isUdp) return undefined;
  const from = view.getUint16(offset + TCP.source);
  const to = view.getUint16(offset + TCP.destination);
  return `${source}.${from} > ${destination}.${to}: ${isTcp ? describeTcp(upper) : describeUdp(from, to, upper)}`;
}

function describeTcp({ view, offset, length }: Upper): string {
  const flagBits = view.getUint8(offset + TCP.lengthAndFlags + 1);
  const flags = TCP_FLAGS.filter(([bit]) => (flagBits & bit) !== 0).map(([, letter]) => letter);
  const header = (view.getUint8(offset + TCP.lengthAndFlags) >>> 4) * 4;
  const payload = Math.max(0, length - header);
  const sequence = view.getUint32(offset + TCP.sequence);
  const range = payload === 0 ? `${sequence}` : `${sequence}:${(sequence + payload) % 0x1_0000_0000}`;
  const parts = [`Flags [${flags.join("") || "none"}]`];
  if (payload > 0 || (flagBits & 0x07) !== 0) parts.push(`seq ${range}`);
  if ((flagBits & 0x10) !== 0) parts.push(`ack ${view.getUint32(offset + TCP.acknowledgement)}`);
  return [...parts, `win ${view.getUint16(offset + TCP.window)}`, `length ${payload}`].join(", ");
}

function describeUdp(from: number, to: number, { view, offset }: Upper): string {
  const payload = offset + udp.HEADER_BYTES;
  const length = udp.lengthBytes(view, offset) - udp.HEADER_BYTES;
  const isFor = (ports: readonly number[]): boolean => ports.includes(from) && ports.includes(to);
  if (isFor(PORT.dhcp4)) return dhcp4.describe(view, payload, length);
  if (isFor(PORT.dhcp6)) return dhcp6.describe(view, payload, length);
  if ([from, to].some((port) => port === PORT.dns || port === PORT.multicastDns)) {
    return dns.describe(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), payload, length);
  }
  return `UDP, length ${length}`;
}
