/**
 * Capture files: PCAP Now Generic (draft-ietf-opsawg-pcapng), block by block.
 *
 * A file is a section block, an interface block for each interface, then packets, and statistics at the end. We write
 * little-endian and read that only. Timestamps count from 1970 in the unit of their interface (`decimals`): microseconds, unless it
 * says otherwise.
 */
import { copyIn, copyOut } from "./octets.js";

export const FIELD = { type: 0, totalLength: 4, body: 8 } as const;

/** Type, both lengths: what is around every body. */
export const FRAMING_BYTES = 12;

export const BLOCK = {
  section: 0x0a0d_0d0a,
  interface: 1,
  statistics: 5,
  packet: 6,
} as const;

export const LINK_TYPE = { ethernet: 1 } as const;

const OPTION = {
  end: 0,
  interfaceName: 2,
  packetFlags: 2,
  received: 4,
  dropped: 5,
  applicationName: 4,
  timestampResolution: 9,
} as const;
/** Digits behind a second's point in times of nanoseconds. */
export const NANOSECONDS = 9;
/** Set in a resolution that is a power of two and not of ten. */
const BINARY_RESOLUTION = 0x80;
const BYTE_ORDER_MAGIC = 0x1a2b_3c4d;
const DIRECTION_MASK = 3;
const LITTLE = true;

/** An option that has no field of its own. */
export interface PcapngOption {
  readonly code: number;
  readonly value: Uint8Array;
}

interface WithOptions {
  /** Options that are kept as they are, in their order. */
  readonly options: readonly PcapngOption[];
}

/** Begins a file. */
export interface Section extends WithOptions {
  readonly kind: "section";
  /** The program that writes it. */
  readonly application: string | undefined;
}

/** The interfaces of a section are numbered from 0, in their order. */
export interface Interface extends WithOptions {
  readonly kind: "interface";
  readonly linkType: number;
  /** Bytes kept of a frame; zero for all. */
  readonly snapBytes: number;
  readonly name: string | undefined;
  /** Times of its packets are in tenths of a second to this power (`if_tsresol`): 6 where it is not said. */
  readonly decimals: number | undefined;
}

export interface Packet extends WithOptions {
  readonly kind: "packet";
  readonly interface: number;
  /** Since 1970, in the unit of its interface. */
  readonly timestamp: bigint;
  /** As it was on the wire; `bytes` may be less of it. */
  readonly originalBytes: number;
  readonly direction: "in" | "out" | undefined;
  readonly bytes: Uint8Array;
}

/** Usually at the end of the file: how much the capture has seen, and missed. */
export interface Statistics extends WithOptions {
  readonly kind: "statistics";
  readonly interface: number;
  /** Since 1970, in the unit of its interface. */
  readonly timestamp: bigint;
  readonly received: number | undefined;
  readonly dropped: number | undefined;
}

export interface UnknownBlock {
  readonly kind: "unknown";
  readonly type: number;
  /** A multiple of four bytes. */
  readonly body: Uint8Array;
}

export type Block = Section | Interface | Packet | Statistics | UnknownBlock;

export type PcapngFault = "pcapng-truncated" | "pcapng-length" | "pcapng-byte-order" | "pcapng-captured-length" | "pcapng-option";

const SECTION_FIXED_BYTES = 16;
const INTERFACE_FIXED_BYTES = 8;
const PACKET_FIXED_BYTES = 20;
const STATISTICS_FIXED_BYTES = 12;

/** Both lengths of a block agree and fit; the body was not looked at. */
export function check(view: DataView, offset: number, length: number): PcapngFault | undefined {
  if (length < FRAMING_BYTES) return "pcapng-truncated";
  const foreign = type(view, offset) === BLOCK.section && view.getUint32(offset + FIELD.body, LITTLE) !== BYTE_ORDER_MAGIC;
  if (foreign) return "pcapng-byte-order";
  const total = blockBytes(view, offset);
  if (total > length) return "pcapng-truncated";
  if (total < FRAMING_BYTES + fixedBytes(view, offset) || total % 4 !== 0) return "pcapng-length";
  return view.getUint32(offset + total - 4, LITTLE) === total ? undefined : "pcapng-length";
}

function fixedBytes(view: DataView, offset: number): number {
  switch (type(view, offset)) {
    case BLOCK.section:
      return SECTION_FIXED_BYTES;
    case BLOCK.interface:
      return INTERFACE_FIXED_BYTES;
    case BLOCK.packet:
      return PACKET_FIXED_BYTES;
    case BLOCK.statistics:
      return STATISTICS_FIXED_BYTES;
    default:
      return 0;
  }
}

export function type(view: DataView, offset: number): number {
  return view.getUint32(offset + FIELD.type, LITTLE);
}

/** The whole block: the next one begins behind it. */
export function blockBytes(view: DataView, offset: number): number {
  return view.getUint32(offset + FIELD.totalLength, LITTLE);
}

export function parse(view: DataView, offset: number, length: number): Block | PcapngFault {
  const fault = check(view, offset, length);
  if (fault !== undefined) return fault;
  const body = offset + FIELD.body;
  const end = offset + blockBytes(view, offset) - 4;
  switch (type(view, offset)) {
    case BLOCK.section:
      return parseSection(view, body, end);
    case BLOCK.interface:
      return parseInterface(view, body, end);
    case BLOCK.packet:
      return parsePacket(view, body, end);
    case BLOCK.statistics:
      return parseStatistics(view, body, end);
    default:
      return { kind: "unknown", type: type(view, offset), body: copyOut(view, body, end - body) };
  }
}

/** All blocks of a file, or the first fault. */
export function parseFile(view: DataView): Block[] | PcapngFault {
  const blocks: Block[] = [];
  for (let at = 0; at < view.byteLength; at += blockBytes(view, at)) {
    const block = parse(view, at, view.byteLength - at);
    if (typeof block === "string") return block;
    blocks.push(block);
  }
  return blocks;
}

function parseSection(view: DataView, body: number, end: number): Section | PcapngFault {
  const options = parseOptions(view, body + SECTION_FIXED_BYTES, end);
  if (typeof options === "string") return options;
  return { kind: "section", application: takeText(options, OPTION.applicationName), options };
}

function parseInterface(view: DataView, body: number, end: number): Interface | PcapngFault {
  const options = parseOptions(view, body + INTERFACE_FIXED_BYTES, end);
  if (typeof options === "string") return options;
  return {
    kind: "interface",
    linkType: view.getUint16(body, LITTLE),
    snapBytes: view.getUint32(body + 4, LITTLE),
    name: takeText(options, OPTION.interfaceName),
    decimals: takeDecimals(options),
    options,
  };
}

function parsePacket(view: DataView, body: number, end: number): Packet | PcapngFault {
  const captured = view.getUint32(body + 12, LITTLE);
  const data = body + PACKET_FIXED_BYTES;
  if (captured > end - data) return "pcapng-captured-length";
  const options = parseOptions(view, data + padded(captured), end);
  if (typeof options === "string") return options;
  return {
    kind: "packet",
    interface: view.getUint32(body, LITTLE),
    timestamp: readTimestamp(view, body + 4),
    originalBytes: view.getUint32(body + 16, LITTLE),
    direction: takeDirection(options),
    bytes: copyOut(view, data, captured),
    options,
  };
}

function parseStatistics(view: DataView, body: number, end: number): Statistics | PcapngFault {
  const options = parseOptions(view, body + STATISTICS_FIXED_BYTES, end);
  if (typeof options === "string") return options;
  return {
    kind: "statistics",
    interface: view.getUint32(body, LITTLE),
    timestamp: readTimestamp(view, body + 4),
    received: takeCount(options, OPTION.received),
    dropped: takeCount(options, OPTION.dropped),
    options,
  };
}

export function emittedBytes(block: Block): number {
  switch (block.kind) {
    case "section":
      return FRAMING_BYTES + SECTION_FIXED_BYTES + optionsBytes(allOptions(block));
    case "interface":
      return FRAMING_BYTES + INTERFACE_FIXED_BYTES + optionsBytes(allOptions(block));
    case "packet":
      return FRAMING_BYTES + PACKET_FIXED_BYTES + padded(block.bytes.length) + optionsBytes(allOptions(block));
    case "statistics":
      return FRAMING_BYTES + STATISTICS_FIXED_BYTES + optionsBytes(allOptions(block));
    case "unknown":
      return FRAMING_BYTES + block.body.length;
  }
}

/** Writes one whole block. */
export function emit(block: Block, view: DataView, offset: number): number {
  const total = emittedBytes(block);
  view.setUint32(offset + FIELD.type, block.kind === "unknown" ? block.type : BLOCK[block.kind], LITTLE);
  view.setUint32(offset + FIELD.totalLength, total, LITTLE);
  const behind = emitFixed(block, view, offset + FIELD.body);
  if (block.kind !== "unknown") emitOptions(allOptions(block), view, behind);
  view.setUint32(offset + total - 4, total, LITTLE);
  return total;
}

/** A packet block of a frame with the direction flags, at most three bytes of padding included. */
export const PACKET_OVERHEAD_BYTES = FRAMING_BYTES + PACKET_FIXED_BYTES + 3 + 8 + 4;

/** What a packet block of an interface with `NANOSECONDS` says of a frame; whole seconds since 1970, and the rest of them. */
export interface FrameFields {
  readonly interface: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly direction: "in" | "out";
  readonly originalBytes: number;
}

/** As `emit` of a packet, for frames that lie in a batch and come by the thousand: nothing is copied twice. */
export function emitFrame(
  fields: FrameFields,
  source: Uint8Array,
  sourceOffset: number,
  length: number,
  view: DataView,
  offset: number,
): number {
  const total = FRAMING_BYTES + PACKET_FIXED_BYTES + padded(length) + 8 + 4;
  view.setUint32(offset + FIELD.type, BLOCK.packet, LITTLE);
  view.setUint32(offset + FIELD.totalLength, total, LITTLE);
  const body = offset + FIELD.body;
  view.setUint32(body, fields.interface, LITTLE);
  writeNanoseconds(view, body + 4, fields.seconds, fields.nanoseconds);
  view.setUint32(body + 12, length, LITTLE);
  view.setUint32(body + 16, fields.originalBytes, LITTLE);
  const data = body + PACKET_FIXED_BYTES;
  new Uint8Array(view.buffer, view.byteOffset + data, length).set(source.subarray(sourceOffset, sourceOffset + length));
  const at = data + padded(length);
  for (let padding = data + length; padding < at; padding++) view.setUint8(padding, 0);
  view.setUint16(at, OPTION.packetFlags, LITTLE);
  view.setUint16(at + 2, 4, LITTLE);
  view.setUint32(at + 4, fields.direction === "in" ? 1 : 2, LITTLE);
  view.setUint32(at + 8, OPTION.end, LITTLE);
  view.setUint32(offset + total - 4, total, LITTLE);
  return total;
}

/** Writes what comes before the options, and returns where they begin. */
function emitFixed(block: Block, view: DataView, body: number): number {
  switch (block.kind) {
    case "section":
      view.setUint32(body, BYTE_ORDER_MAGIC, LITTLE);
      view.setUint16(body + 4, 1, LITTLE);
      view.setUint16(body + 6, 0, LITTLE);
      view.setBigInt64(body + 8, -1n, LITTLE);
      return body + SECTION_FIXED_BYTES;
    case "interface":
      view.setUint16(body, block.linkType, LITTLE);
      view.setUint16(body + 2, 0, LITTLE);
      view.setUint32(body + 4, block.snapBytes, LITTLE);
      return body + INTERFACE_FIXED_BYTES;
    case "packet":
      view.setUint32(body, block.interface, LITTLE);
      writeTimestamp(view, body + 4, block.timestamp);
      view.setUint32(body + 12, block.bytes.length, LITTLE);
      view.setUint32(body + 16, block.originalBytes, LITTLE);
      return emitPadded(block.bytes, view, body + PACKET_FIXED_BYTES);
    case "statistics":
      view.setUint32(body, block.interface, LITTLE);
      writeTimestamp(view, body + 4, block.timestamp);
      return body + STATISTICS_FIXED_BYTES;
    case "unknown":
      return body + copyIn(block.body, view, body);
  }
}

/** The typed fields as options, then the others. */
function allOptions(block: Exclude<Block, UnknownBlock>): PcapngOption[] {
  const options: PcapngOption[] = [];
  if (block.kind === "section") pushText(options, OPTION.applicationName, block.application);
  if (block.kind === "interface") {
    pushText(options, OPTION.interfaceName, block.name);
    if (block.decimals !== undefined) options.push({ code: OPTION.timestampResolution, value: Uint8Array.of(block.decimals) });
  }
  if (block.kind === "packet" && block.direction !== undefined) {
    options.push({ code: OPTION.packetFlags, value: Uint8Array.of(block.direction === "in" ? 1 : 2, 0, 0, 0) });
  }
  if (block.kind === "statistics") {
    pushCount(options, OPTION.received, block.received);
    pushCount(options, OPTION.dropped, block.dropped);
  }
  return [...options, ...block.options];
}

function parseOptions(view: DataView, start: number, end: number): PcapngOption[] | PcapngFault {
  const options: PcapngOption[] = [];
  let at = start;
  while (at < end) {
    if (end - at < 4) return "pcapng-option";
    const code = view.getUint16(at, LITTLE);
    const length = view.getUint16(at + 2, LITTLE);
    if (code === OPTION.end) return options;
    if (padded(length) > end - at - 4) return "pcapng-option";
    options.push({ code, value: copyOut(view, at + 4, length) });
    at += 4 + padded(length);
  }
  return options;
}

function optionsBytes(options: readonly PcapngOption[]): number {
  if (options.length === 0) return 0;
  return options.reduce((sum, { value }) => sum + 4 + padded(value.length), 4);
}

function emitOptions(options: readonly PcapngOption[], view: DataView, offset: number): void {
  if (options.length === 0) return;
  let at = offset;
  for (const { code, value } of options) {
    view.setUint16(at, code, LITTLE);
    view.setUint16(at + 2, value.length, LITTLE);
    at = emitPadded(value, view, at + 4);
  }
  view.setUint32(at, OPTION.end, LITTLE);
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}

function emitPadded(bytes: Uint8Array, view: DataView, offset: number): number {
  copyIn(bytes, view, offset);
  const end = offset + padded(bytes.length);
  for (let at = offset + bytes.length; at < end; at++) view.setUint8(at, 0);
  return end;
}

/** Takes an option with its own field out of the list; one whose value makes no sense stays there. */
function take(options: PcapngOption[], code: number, isSound: (value: Uint8Array) => boolean): Uint8Array | undefined {
  const index = options.findIndex((option) => option.code === code);
  if (index < 0 || !isSound(options[index].value)) return undefined;
  return options.splice(index, 1)[0].value;
}

function takeText(options: PcapngOption[], code: number): string | undefined {
  const isText = (value: Uint8Array): boolean => Buffer.from(textOf(value)).equals(value);
  const value = take(options, code, isText);
  return value === undefined ? undefined : textOf(value);
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value).toString("utf8");
}

function takeCount(options: PcapngOption[], code: number): number | undefined {
  const isCount = (value: Uint8Array): boolean => value.length === 8 && countOf(value) <= BigInt(Number.MAX_SAFE_INTEGER);
  const value = take(options, code, isCount);
  return value === undefined ? undefined : Number(countOf(value));
}

function countOf(value: Uint8Array): bigint {
  return new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, LITTLE);
}

/** Flags that say more than the direction stay an option. */
function takeDirection(options: PcapngOption[]): "in" | "out" | undefined {
  const isDirection = (value: Uint8Array): boolean =>
    value.length === 4 && (value[0] === 1 || value[0] === 2) && value.subarray(1).every((octet) => octet === 0);
  const value = take(options, OPTION.packetFlags, isDirection);
  if (value === undefined) return undefined;
  return (value[0] & DIRECTION_MASK) === 1 ? "in" : "out";
}

function pushText(options: PcapngOption[], code: number, text: string | undefined): void {
  if (text !== undefined) options.push({ code, value: new Uint8Array(Buffer.from(text, "utf8")) });
}

function pushCount(options: PcapngOption[], code: number, count: number | undefined): void {
  if (count === undefined) return;
  const value = new Uint8Array(8);
  new DataView(value.buffer).setBigUint64(0, BigInt(count), LITTLE);
  options.push({ code, value });
}

/** One that is no power of ten stays an option. */
function takeDecimals(options: PcapngOption[]): number | undefined {
  return take(options, OPTION.timestampResolution, (value) => value.length === 1 && value[0] < BINARY_RESOLUTION)?.[0];
}

function readTimestamp(view: DataView, offset: number): bigint {
  return (BigInt(view.getUint32(offset, LITTLE)) << 32n) | BigInt(view.getUint32(offset + 4, LITTLE));
}

function writeTimestamp(view: DataView, offset: number, timestamp: bigint): void {
  view.setUint32(offset, Number((timestamp >> 32n) & 0xffff_ffffn), LITTLE);
  view.setUint32(offset + 4, Number(timestamp & 0xffff_ffffn), LITTLE);
}

/** More than a number holds, in two that do: seconds are cut into halves of 16 bits. */
function writeNanoseconds(view: DataView, offset: number, seconds: number, nanoseconds: number): void {
  const upper = Math.floor(seconds / 0x1_0000) * 1e9;
  const lower = (seconds % 0x1_0000) * 1e9 + nanoseconds + (upper % 0x1_0000) * 0x1_0000;
  view.setUint32(offset, Math.floor(upper / 0x1_0000) + Math.floor(lower / 0x1_0000_0000), LITTLE);
  view.setUint32(offset + 4, lower % 0x1_0000_0000, LITTLE);
}

function describeLength({ bytes, originalBytes }: Packet): string {
  return `${bytes.length} of ${originalBytes} bytes`;
}

/** `packet, interface 0, in, 342 of 342 bytes`. */
export function describe(view: DataView, offset: number, length: number): string {
  const block = parse(view, offset, length);
  if (typeof block === "string") return `${block} (${length} bytes)`;
  switch (block.kind) {
    case "section":
      return `section, written by ${block.application ?? "unknown"}`;
    case "interface":
      return `interface ${block.name ?? "without a name"}, link type ${block.linkType}`;
    case "packet":
      return `packet, interface ${block.interface}, ${block.direction ?? "any way"}, ${describeLength(block)}`;
    case "statistics":
      return `statistics, interface ${block.interface}, received ${block.received ?? "?"}, dropped ${block.dropped ?? "?"}`;
    case "unknown":
      return `block type ${block.type}, ${block.body.length} bytes`;
  }
}
