/**
 * DHCPv6 as octets, written from RFC 9915 alone: nothing of `src/` is used here, so a mistake there is not made a second time and
 * found right. Messages are plain lists of octets; what comes back is read into options, and no length is believed.
 */

export type Octets = readonly number[];

export const TYPE = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  reconfigure: 10,
  informationRequest: 11,
  relayForward: 12,
  relayReply: 13,
} as const;

export const CODE = {
  clientId: 1,
  serverId: 2,
  iaNa: 3,
  iaTa: 4,
  iaAddress: 5,
  optionRequest: 6,
  preference: 7,
  elapsed: 8,
  relayMessage: 9,
  authentication: 11,
  status: 13,
  rapidCommit: 14,
  interfaceId: 18,
  reconfigureAccept: 20,
  dnsServers: 23,
  domainList: 24,
  iaPd: 25,
  iaPrefix: 26,
  sntpServers: 31,
  informationRefresh: 32,
  remoteId: 37,
  subscriberId: 38,
  echoRequest: 43,
  ntpServer: 56,
  solMaxRt: 82,
  infMaxRt: 83,
  relaySourcePort: 135,
} as const;

export const STATUS = { success: 0, noAddrsAvail: 2, noBinding: 3, notOnLink: 4, useMulticast: 5, noPrefixAvail: 6 } as const;

export const u16 = (value: number): Octets => [value >>> 8, value & 0xff];
export const u32 = (value: number): Octets => [...u16(value >>> 16), ...u16(value & 0xffff)];
export const letters = (text: string): Octets => [...Buffer.from(text, "latin1")];

/** The sixteen octets of an address as people write it. */
export function address(text: string): Octets {
  const [head, tail] = text.split("::") as [string, string | undefined];
  const words = (part: string): number[] => (part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16)));
  const before = words(head);
  const after = tail === undefined ? [] : words(tail);
  const zeros = Array<number>(tail === undefined ? 0 : 8 - before.length - after.length).fill(0);
  const all = [...before, ...zeros, ...after];
  if (all.length !== 8) throw new Error(`${text} is no address`);
  return all.flatMap((word) => [...u16(word)]);
}

export function option(code: number, ...parts: readonly Octets[]): Octets {
  const octets = parts.flat();
  return [...u16(code), ...u16(octets.length), ...octets];
}

export function message(type: number, transaction: number, ...options: readonly Octets[]): Octets {
  return [type, ...u32(transaction).slice(1), ...options.flat()];
}

/** One relay's level around a message; `options` stand in front of it. */
export function relayed(inner: Octets, hops: number, link: string, peer: string, ...options: readonly Octets[]): Octets {
  const head = [TYPE.relayForward, hops, ...address(link), ...address(peer)];
  return [...head, ...options.flat(), ...option(CODE.relayMessage, inner)];
}

export const iaNa = (iaid: number, ...addresses: readonly string[]): Octets =>
  option(CODE.iaNa, u32(iaid), u32(0), u32(0), ...addresses.map((text) => option(CODE.iaAddress, address(text), u32(0), u32(0))));

export const iaPd = (iaid: number, ...prefixes: readonly string[]): Octets =>
  option(
    CODE.iaPd,
    ...[u32(iaid), u32(0), u32(0)],
    ...prefixes.map((text) => {
      const [prefix, length] = text.split("/");
      return option(CODE.iaPrefix, u32(0), u32(0), [Number(length)], address(prefix));
    }),
  );

export const asksFor = (...codes: readonly number[]): Octets => option(CODE.optionRequest, ...codes.map(u16));

export interface Option {
  readonly code: number;
  readonly data: Buffer;
}

/** A message between client and server. */
export interface Message {
  readonly type: number;
  readonly transaction: number;
  readonly options: readonly Option[];
}

/** One level of a Relay-reply. */
export interface Level {
  readonly type: number;
  readonly hops: number;
  readonly link: Buffer;
  readonly peer: Buffer;
  readonly options: readonly Option[];
}

function optionsOf(octets: Buffer): Option[] {
  const found: Option[] = [];
  for (let at = 0; at < octets.length; ) {
    if (octets.length - at < 4 || octets.length - at - 4 < octets.readUInt16BE(at + 2)) throw new Error("an option runs over");
    const end = at + 4 + octets.readUInt16BE(at + 2);
    found.push({ code: octets.readUInt16BE(at), data: octets.subarray(at + 4, end) });
    at = end;
  }
  return found;
}

/** What was received: the levels of its relays, the outermost first, and the message in them. */
export function read(octets: Buffer): { readonly levels: readonly Level[]; readonly message: Message } {
  const levels: Level[] = [];
  let rest = octets;
  while (rest[0] === TYPE.relayReply || rest[0] === TYPE.relayForward) {
    const options = optionsOf(rest.subarray(34));
    levels.push({ type: rest[0], hops: rest[1], link: rest.subarray(2, 18), peer: rest.subarray(18, 34), options });
    rest = data(options, CODE.relayMessage);
  }
  return { levels, message: { type: rest[0], transaction: rest.readUIntBE(1, 3), options: optionsOf(rest.subarray(4)) } };
}

export function has(options: readonly Option[], code: number): boolean {
  return options.some((one) => one.code === code);
}

/** The data of the one option with this code. */
export function data(options: readonly Option[], code: number): Buffer {
  const found = options.filter((one) => one.code === code);
  if (found.length !== 1) throw new Error(`${found.length} options ${code} among ${options.map((one) => one.code).join(" ")}`);
  return found[0].data;
}

/** The status that is said; undefined where none is. */
export function status(options: readonly Option[]): number | undefined {
  return has(options, CODE.status) ? data(options, CODE.status).readUInt16BE() : undefined;
}

export interface Leaf {
  /** As hex. */
  readonly address: string;
  /** 128 for an address. */
  readonly length: number;
  readonly preferred: number;
  readonly valid: number;
}

export interface Association {
  readonly code: number;
  readonly iaid: number;
  readonly t1: number;
  readonly t2: number;
  readonly leaves: readonly Leaf[];
  readonly status: number | undefined;
  readonly codes: readonly number[];
}

/** Every association of a message, in its order. */
export function associations({ options }: Message): Association[] {
  return options.flatMap(({ code, data: octets }) => {
    if (code !== CODE.iaNa && code !== CODE.iaPd && code !== CODE.iaTa) return [];
    const times = code === CODE.iaTa ? 4 : 12;
    const inside = optionsOf(octets.subarray(times));
    const leaves = inside.filter((one) => one.code === CODE.iaAddress || one.code === CODE.iaPrefix).map(leaf);
    const [t1, t2] = code === CODE.iaTa ? [0, 0] : [octets.readUInt32BE(4), octets.readUInt32BE(8)];
    const codes = inside.map((one) => one.code);
    return [{ code, iaid: octets.readUInt32BE(0), t1, t2, leaves, status: status(inside), codes }];
  });
}

function leaf({ code, data: octets }: Option): Leaf {
  if (code === CODE.iaAddress) {
    const [preferred, valid] = [octets.readUInt32BE(16), octets.readUInt32BE(20)];
    return { address: octets.toString("hex", 0, 16), length: 128, preferred, valid };
  }
  const [preferred, valid] = [octets.readUInt32BE(0), octets.readUInt32BE(4)];
  return { address: octets.toString("hex", 9, 25), length: octets[8], preferred, valid };
}

/** The association with this IAID, of which there must be one. */
export function association(answer: Message, iaid: number, code: number = CODE.iaNa): Association {
  const found = associations(answer).filter((one) => one.iaid === iaid && one.code === code);
  if (found.length !== 1) throw new Error(`${found.length} associations ${iaid}`);
  return found[0];
}

/** `20010db8…` as people may write it. */
export function written(hex: string): string {
  return (hex.match(/.{4}/g) ?? []).join(":");
}

export const hex = (octets: Octets): string => Buffer.from(octets).toString("hex");
