/**
 * Multicast listener reports (RFC 2710 §3, RFC 3810 §5.2): which groups a host has joined. Offsets are those of the ICMPv6
 * header.
 *
 * A host joins the solicited-node group of each of its addresses, so a report hints at the last 24 bits of an address.
 */
import { formatIpv6, type Ipv6Address, readIpv6, writeIpv6 } from "../base/ipv6-address.js";
import { TYPE } from "./icmpv6.js";

/** Version 1 is one group at a fixed place; version 2 a row of records. */
export const V1_BYTES = 24;
export const V2_HEADER_BYTES = 8;
export const RECORD_HEADER_BYTES = 20;

export const FIELD = { v1Group: 8, v2Records: 6 } as const;
export const RECORD_FIELD = { type: 0, auxiliaryWords: 1, sources: 2, group: 4 } as const;

/** Of version 2 records (RFC 3810 §5.2.5). */
export const RECORD_TYPE = { isInclude: 1, isExclude: 2, toInclude: 3, toExclude: 4, allow: 5, block: 6 } as const;

export interface GroupRecord {
  readonly type: number;
  readonly group: Ipv6Address;
  readonly sources: readonly Ipv6Address[];
}

/** A report of either version; version 1 has one group, and no record type or sources. */
export type ListenerReport =
  | { readonly kind: "v1"; readonly group: Ipv6Address }
  | { readonly kind: "v2"; readonly records: readonly GroupRecord[] };

export type MldFault = "mld-truncated" | "mld-type" | "mld-record";

export function check(view: DataView, offset: number, length: number): MldFault | undefined {
  if (length < V2_HEADER_BYTES) return "mld-truncated";
  const type = view.getUint8(offset);
  if (type === TYPE.listenerReport) return length < V1_BYTES ? "mld-truncated" : undefined;
  if (type !== TYPE.listenerReportV2) return "mld-type";
  const end = offset + length;
  let at = offset + V2_HEADER_BYTES;
  for (let left = view.getUint16(offset + FIELD.v2Records); left > 0; left--) {
    if (end - at < RECORD_HEADER_BYTES) return "mld-record";
    at = nextRecord(view, at);
    if (at > end) return "mld-record";
  }
  return undefined;
}

/** Records of a version 2 report; version 1 has one group and no records. */
export function recordCount(view: DataView, offset: number): number {
  return view.getUint16(offset + FIELD.v2Records);
}

/** First record of a version 2 report. */
export function firstRecord(offset: number): number {
  return offset + V2_HEADER_BYTES;
}

export function nextRecord(view: DataView, record: number): number {
  const sources = view.getUint16(record + RECORD_FIELD.sources);
  return record + RECORD_HEADER_BYTES + sources * 16 + view.getUint8(record + RECORD_FIELD.auxiliaryWords) * 4;
}

/** Whether a record says that somebody listens now (and not that he stopped). */
export function isJoin(view: DataView, record: number): boolean {
  const type = view.getUint8(record + RECORD_FIELD.type);
  return type === RECORD_TYPE.isExclude || type === RECORD_TYPE.toExclude;
}

export function parse(view: DataView, offset: number, length: number): ListenerReport | MldFault {
  const fault = check(view, offset, length);
  if (fault !== undefined) return fault;
  if (view.getUint8(offset) === TYPE.listenerReport) return { kind: "v1", group: readIpv6(view, offset + FIELD.v1Group) };
  const records: GroupRecord[] = [];
  let at = firstRecord(offset);
  for (let left = recordCount(view, offset); left > 0; left--) {
    records.push(parseRecord(view, at));
    at = nextRecord(view, at);
  }
  return { kind: "v2", records };
}

function parseRecord(view: DataView, record: number): GroupRecord {
  const sources: Ipv6Address[] = [];
  const count = view.getUint16(record + RECORD_FIELD.sources);
  for (let index = 0; index < count; index++) sources.push(readIpv6(view, record + RECORD_HEADER_BYTES + index * 16));
  return { type: view.getUint8(record + RECORD_FIELD.type), group: readIpv6(view, record + RECORD_FIELD.group), sources };
}

export function emittedBytes(report: ListenerReport): number {
  if (report.kind === "v1") return V1_BYTES;
  return report.records.reduce((total, { sources }) => total + RECORD_HEADER_BYTES + sources.length * 16, V2_HEADER_BYTES);
}

/** Writes the whole report with a zero checksum; returns the bytes written. */
export function emit(report: ListenerReport, view: DataView, offset: number): number {
  view.setUint32(offset + 4, 0);
  if (report.kind === "v1") {
    view.setUint32(offset, (TYPE.listenerReport << 24) >>> 0);
    writeIpv6(view, offset + FIELD.v1Group, report.group);
    return V1_BYTES;
  }
  view.setUint32(offset, (TYPE.listenerReportV2 << 24) >>> 0);
  view.setUint16(offset + FIELD.v2Records, report.records.length);
  let at = firstRecord(offset);
  for (const { type, group, sources } of report.records) {
    view.setUint32(at, ((type << 24) | sources.length) >>> 0);
    writeIpv6(view, at + RECORD_FIELD.group, group);
    for (const [index, source] of sources.entries()) writeIpv6(view, at + RECORD_HEADER_BYTES + index * 16, source);
    at = nextRecord(view, at);
  }
  return at - offset;
}

/** `ICMP6, multicast listener report v2, 1 group record(s) [gaddr ff02::1:ff00:1]`. */
export function describe(view: DataView, offset: number, length: number): string {
  const report = parse(view, offset, length);
  if (typeof report === "string") return `ICMP6, ${report} (${length} bytes)`;
  if (report.kind === "v1") return `ICMP6, multicast listener report, addr: ${formatIpv6(report.group)}`;
  const groups = report.records.map((record) => ` [gaddr ${formatIpv6(record.group)}]`).join("");
  return `ICMP6, multicast listener report v2, ${report.records.length} group record(s)${groups}`;
}
