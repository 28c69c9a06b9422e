/** ICMPv6 in whole frames, written from RFC 4443 and RFC 4861 alone: with any hop limit, code and checksum that is wanted. */
import { address, type Octets, u16, u32 } from "./octets.js";

const MULTICAST_MAC: Octets = [0x33, 0x33];

export interface Composed {
  readonly from: string;
  readonly to: string;
  readonly mac: Octets;
  /** The station that gets it; that of the group unless said. */
  readonly toMac?: Octets;
  readonly hopLimit?: number;
  /** Type, code, and what is behind the checksum. */
  readonly type: number;
  readonly code?: number;
  readonly body: Octets;
  readonly checksumError?: boolean;
}

export function icmpv6({ from, to, mac, toMac, hopLimit = 255, type, code = 0, body, checksumError }: Composed): Octets {
  const [source, destination] = [address(from), address(to)];
  const length = 4 + body.length;
  const pseudo = [...source, ...destination, ...u32(length), ...u32(58)];
  const sum = onesComplement([...pseudo, type, code, 0, 0, ...body]) ^ (checksumError === true ? 0x5555 : 0);
  const header = [0x60, 0, 0, 0, ...u16(length), 58, hopLimit, ...source, ...destination];
  return [
    ...(toMac ?? [...MULTICAST_MAC, ...destination.slice(12)]),
    ...mac,
    0x86,
    0xdd,
    ...header,
    type,
    code,
    ...u16(sum),
    ...body,
  ];
}

/** The Internet checksum (RFC 1071). */
function onesComplement(octets: Octets): number {
  let sum = 0;
  for (let at = 0; at < octets.length; at += 2) sum += (octets[at] << 8) | (octets[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** An option of neighbour discovery (RFC 4861 §4.6); its length is counted in eights. */
export const ndOption = (type: number, ...data: readonly Octets[]): Octets => {
  const octets = data.flat();
  return [type, (octets.length + 2) / 8, ...octets];
};

export interface Heard {
  readonly mac: string;
  readonly toMac: string;
  readonly hopLimit: number;
  /** As hex. */
  readonly from: string;
  readonly to: string;
  readonly type: number;
  readonly code: number;
  /** Behind the ICMPv6 header's checksum. */
  readonly body: Buffer;
  readonly checksumIsRight: boolean;
}

/** What `tcpdump -xx` has printed so far, as ICMPv6; other frames are left out. */
export function heardIn(dump: string): Heard[] {
  const frames = dump.split(/^\d\d:\d\d:\d\d\.\d+ /m).slice(1);
  return frames.flatMap((frame) => {
    const words = [...frame.matchAll(/^\s+0x[0-9a-f]+: {2}([0-9a-f ]+)$/gm)].map(([, row]) => row.replaceAll(" ", ""));
    const octets = Buffer.from(words.join(""), "hex");
    return octets.length < 58 || octets.readUInt16BE(12) !== 0x86dd || octets[20] !== 58 ? [] : [parse(octets)];
  });
}

function parse(octets: Buffer): Heard {
  const length = octets.readUInt16BE(18);
  const message = octets.subarray(54, 54 + length);
  const pseudo = [...octets.subarray(22, 54), ...u32(length), ...u32(58)];
  return {
    mac: octets.toString("hex", 6, 12),
    toMac: octets.toString("hex", 0, 6),
    hopLimit: octets[21],
    from: octets.toString("hex", 22, 38),
    to: octets.toString("hex", 38, 54),
    type: message[0],
    code: message[1],
    body: message.subarray(4),
    checksumIsRight: onesComplement([...pseudo, ...message]) === 0,
  };
}

/** The options of a message behind `start`, the data of each without type and length. */
export function ndOptions(body: Buffer, start: number): { readonly type: number; readonly data: Buffer }[] {
  const found: { type: number; data: Buffer }[] = [];
  for (let at = start; at < body.length; at += body[at + 1] * 8) {
    if (body[at + 1] === 0) throw new Error("an option without a length");
    found.push({ type: body[at], data: body.subarray(at + 2, at + body[at + 1] * 8) });
  }
  return found;
}
