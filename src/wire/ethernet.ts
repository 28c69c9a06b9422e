/** Ethernet II framing (IEEE 802.3 §3.1) with at most one 802.1Q tag. */
import { formatMac, type Mac, readMac, writeMac } from "../base/mac.js";

/** Without a tag. */
export const HEADER_BYTES = 14;
export const TAG_BYTES = 4;

export const FIELD = {
  destination: 0,
  source: 6,
  type: 12,
  /** Behind the tag's own type, when there is a tag. */
  tagControl: 14,
  taggedType: 16,
} as const;

export const ETHERTYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  serviceVlan: 0x88a8,
} as const;

/** The tag of IEEE 802.1Q §9.6; `id` 0 only carries a priority. */
export interface VlanTag {
  readonly priority: number;
  readonly dropEligible: boolean;
  readonly id: number;
}

export interface Ethernet {
  readonly destination: Mac;
  readonly source: Mac;
  readonly tag: VlanTag | undefined;
  /** Of what follows the header and its tag. A value below 1,536 is a length (IEEE 802.3 §3.2.6). */
  readonly type: number;
}

export type EthernetFault = "ethernet-truncated";

export function check(view: DataView, offset: number, length: number): EthernetFault | undefined {
  if (length < HEADER_BYTES || length < headerBytes(view, offset)) return "ethernet-truncated";
  return undefined;
}

export function destination(view: DataView, offset: number): Mac {
  return readMac(view, offset + FIELD.destination);
}

export function source(view: DataView, offset: number): Mac {
  return readMac(view, offset + FIELD.source);
}

/** Whether the destination is a group, broadcast included (IEEE 802 §8.2). */
export function isGroup(view: DataView, offset: number): boolean {
  return (view.getUint8(offset + FIELD.destination) & 1) !== 0;
}

export function isTagged(view: DataView, offset: number): boolean {
  return outerType(view, offset) === ETHERTYPE.vlan;
}

export function headerBytes(view: DataView, offset: number): number {
  return isTagged(view, offset) ? HEADER_BYTES + TAG_BYTES : HEADER_BYTES;
}

/** The VLAN of a tagged frame; 0 for one that has no tag, or whose tag only carries a priority. */
export function vlanId(view: DataView, offset: number): number {
  return isTagged(view, offset) ? view.getUint16(offset + FIELD.tagControl) & 0xfff : 0;
}

/** The type as it stands in the header: `ETHERTYPE.vlan` in a tagged frame. */
export function outerType(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.type);
}

/** The type of what follows header and tag. */
export function type(view: DataView, offset: number): number {
  return view.getUint16(offset + (isTagged(view, offset) ? FIELD.taggedType : FIELD.type));
}

export function parse(view: DataView, offset: number, length: number): Ethernet | EthernetFault {
  const fault = check(view, offset, length);
  if (fault !== undefined) return fault;
  return {
    destination: destination(view, offset),
    source: source(view, offset),
    tag: isTagged(view, offset) ? parseTag(view.getUint16(offset + FIELD.tagControl)) : undefined,
    type: type(view, offset),
  };
}

function parseTag(control: number): VlanTag {
  return { priority: control >>> 13, dropEligible: (control & 0x1000) !== 0, id: control & 0xfff };
}

export function emittedBytes(repr: Ethernet): number {
  return repr.tag === undefined ? HEADER_BYTES : HEADER_BYTES + TAG_BYTES;
}

/** Writes the header, 14 bytes or 18 with a tag. */
export function emit(repr: Ethernet, view: DataView, offset: number): number {
  writeMac(view, offset + FIELD.destination, repr.destination);
  writeMac(view, offset + FIELD.source, repr.source);
  if (repr.tag === undefined) {
    view.setUint16(offset + FIELD.type, repr.type);
    return HEADER_BYTES;
  }
  view.setUint16(offset + FIELD.type, ETHERTYPE.vlan);
  view.setUint16(offset + FIELD.tagControl, (repr.tag.priority << 13) | (repr.tag.dropEligible ? 0x1000 : 0) | repr.tag.id);
  view.setUint16(offset + FIELD.taggedType, repr.type);
  return HEADER_BYTES + TAG_BYTES;
}

/** `52:54:00:12:34:56 > ff:ff:ff:ff:ff:ff, ethertype 0x0800, length 342`. */
export function describe(view: DataView, offset: number, length: number): string {
  const frame = parse(view, offset, length);
  if (typeof frame === "string") return `${frame} (${length} bytes)`;
  const ethertype = `0x${frame.type.toString(16).padStart(4, "0")}`;
  const tag = frame.tag === undefined ? "" : `, vlan ${frame.tag.id}, p ${frame.tag.priority}`;
  return `${formatMac(frame.source)} > ${formatMac(frame.destination)}, ethertype ${ethertype}${tag}, length ${length}`;
}
