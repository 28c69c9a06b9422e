/** A whole message as an object (RFC 2131 §2). */

import { formatIpv4, type Ipv4Address } from "../../base/ipv4-address.js";
import { copyOut, hex } from "../octets.js";
import * as area from "./area.js";
import { type Dhcp4Fault, messageName, OP, OPTION } from "./codes.js";
import * as header from "./header.js";
import * as optionRepr from "./option-repr.js";
import { Dhcp4Request } from "./request.js";

export interface Dhcp4Message {
  /** 1 from clients, 2 from servers. */
  readonly op: number;
  readonly htype: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ipv4Address;
  readonly yiaddr: Ipv4Address;
  readonly siaddr: Ipv4Address;
  readonly giaddr: Ipv4Address;
  /** Hardware address, as long as `hlen` says. */
  readonly chaddr: Uint8Array;
  /** Both up to the first zero octet, as Latin-1; empty when they hold options. */
  readonly sname: string;
  readonly file: string;
  /** Undefined for BOOTP without the cookie. In the order of the message, parts of one option joined where the first one was. */
  readonly options: readonly optionRepr.Option[] | undefined;
}

/** Used for the time of one call; nothing of it is handed out. */
const CURSOR = new Dhcp4Request();

/** A message with only what the caller names; Ethernet, from a client. */
export function make(fields: Partial<Dhcp4Message> & Pick<Dhcp4Message, "chaddr">): Dhcp4Message {
  return {
    op: OP.request,
    htype: header.HTYPE_ETHERNET,
    hops: 0,
    xid: 0,
    secs: 0,
    flags: 0,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
    sname: "",
    file: "",
    options: [],
    ...fields,
  };
}

export function check(view: DataView, offset: number, length: number): Dhcp4Fault | undefined {
  return CURSOR.read(bytesOf(view), view, offset, length);
}

export function parse(view: DataView, offset: number, length: number): Dhcp4Message | Dhcp4Fault {
  const bytes = bytesOf(view);
  const cursor = CURSOR;
  const fault = cursor.read(bytes, view, offset, length);
  if (fault !== undefined) return fault;
  const { overload } = cursor;
  return {
    op: cursor.op,
    htype: cursor.htype,
    hops: header.hops(view, offset),
    xid: cursor.xid,
    secs: header.secs(view, offset),
    flags: cursor.flags,
    ciaddr: cursor.ciaddr,
    yiaddr: header.yiaddr(view, offset),
    siaddr: header.siaddr(view, offset),
    giaddr: cursor.giaddr,
    chaddr: copyOut(view, offset + header.FIELD.chaddr, cursor.hlen),
    sname: (overload & 2) === 0 ? readName(bytes, offset + header.FIELD.sname, header.SNAME_BYTES) : "",
    file: (overload & 1) === 0 ? readName(bytes, offset + header.FIELD.file, header.FILE_BYTES) : "",
    options: header.hasCookie(view, offset, length) ? optionsOf(cursor, overload) : undefined,
  };
}

function optionsOf(cursor: Dhcp4Request, overload: number): optionRepr.Option[] {
  const { bytes, offset, length } = cursor;
  const codes = new Set<number>();
  collect(bytes, offset + header.FIELD.options, offset + length, codes);
  if ((overload & 1) !== 0) collect(bytes, offset + header.FIELD.file, offset + header.HEADER_BYTES, codes);
  if ((overload & 2) !== 0) collect(bytes, offset + header.FIELD.sname, offset + header.FIELD.file, codes);
  codes.delete(OPTION.overload);
  return [...codes].map((code) => {
    const start = cursor.offsetOf(code);
    return optionRepr.parse(code, cursor.bytesOf(code).subarray(start, start + cursor.lengthOf(code)));
  });
}

function collect(bytes: Uint8Array, start: number, end: number, codes: Set<number>): void {
  for (let at = area.first(bytes, start, end); at >= 0; at = area.next(bytes, at, end)) codes.add(bytes[at]);
}

function readName(bytes: Uint8Array, start: number, fieldBytes: number): string {
  let text = "";
  for (let at = start; at < start + fieldBytes && bytes[at] !== 0; at++) text += String.fromCharCode(bytes[at]);
  return text;
}

export function emittedBytes(message: Dhcp4Message): number {
  return bytesWith(message.options?.map(optionRepr.emit));
}

function bytesWith(values: readonly Uint8Array[] | undefined): number {
  if (values === undefined) return header.BOOTP_MESSAGE_BYTES;
  let total = header.FIELD.options + 1;
  for (const value of values) total += area.optionBytes(value.length);
  return Math.max(header.BOOTP_MESSAGE_BYTES, total);
}

/** Writes the message with all options in the options field, padded to 300 bytes; returns the bytes written. */
export function emit(message: Dhcp4Message, view: DataView, offset: number): number {
  const bytes = bytesOf(view);
  const values = message.options?.map(optionRepr.emit);
  const total = bytesWith(values);
  bytes.fill(0, offset, offset + total);
  emitHeader(message, bytes, view, offset);
  if (message.options === undefined || values === undefined) return total;
  view.setUint32(offset + header.FIELD.cookie, header.MAGIC_COOKIE);
  let at = offset + header.FIELD.options;
  for (let index = 0; index < values.length; index++) {
    at += area.emitOption(message.options[index].code, values[index], bytes, at);
  }
  bytes[at] = OPTION.end;
  return total;
}

function emitHeader(message: Dhcp4Message, bytes: Uint8Array, view: DataView, offset: number): void {
  view.setUint8(offset + header.FIELD.op, message.op);
  view.setUint8(offset + header.FIELD.htype, message.htype);
  view.setUint8(offset + header.FIELD.hlen, message.chaddr.length);
  view.setUint8(offset + header.FIELD.hops, message.hops);
  view.setUint32(offset + header.FIELD.xid, message.xid);
  view.setUint16(offset + header.FIELD.secs, message.secs);
  view.setUint16(offset + header.FIELD.flags, message.flags);
  view.setUint32(offset + header.FIELD.ciaddr, message.ciaddr);
  view.setUint32(offset + header.FIELD.yiaddr, message.yiaddr);
  view.setUint32(offset + header.FIELD.siaddr, message.siaddr);
  view.setUint32(offset + header.FIELD.giaddr, message.giaddr);
  bytes.set(message.chaddr, offset + header.FIELD.chaddr);
  emitName(message.sname, bytes, offset + header.FIELD.sname, header.SNAME_BYTES);
  emitName(message.file, bytes, offset + header.FIELD.file, header.FILE_BYTES);
}

function emitName(text: string, bytes: Uint8Array, start: number, fieldBytes: number): void {
  for (let at = 0; at < text.length && at < fieldBytes; at++) bytes[start + at] = text.charCodeAt(at);
}

/** The message in bytes of its own. */
export function toBytes(message: Dhcp4Message): Uint8Array {
  const bytes = new Uint8Array(emittedBytes(message));
  emit(message, new DataView(bytes.buffer), 0);
  return bytes;
}

/** One line as tcpdump would print it, also for broken bytes. */
export function describe(view: DataView, offset: number, length: number): string {
  const message = parse(view, offset, length);
  if (typeof message === "string") return `DHCPv4 ${message}, length ${length}`;
  const type = message.options?.find((option) => option.code === OPTION.messageType);
  const kind = type?.kind === "uint8" ? messageName(type.value) : message.op === OP.request ? "BOOTREQUEST" : "BOOTREPLY";
  const parts = [`DHCPv4 ${kind} ${hex(message.chaddr)} xid ${message.xid.toString(16)}`];
  if (message.secs !== 0) parts.push(`secs ${message.secs}`);
  if ((message.flags & header.FLAG_BROADCAST) !== 0) parts.push("broadcast");
  for (const field of ["ciaddr", "yiaddr", "siaddr", "giaddr"] as const) {
    if (message[field] !== 0) parts.push(`${field} ${formatIpv4(message[field])}`);
  }
  if (message.sname !== "") parts.push(`sname ${JSON.stringify(message.sname)}`);
  if (message.file !== "") parts.push(`file ${JSON.stringify(message.file)}`);
  for (const option of message.options ?? []) if (option.code !== OPTION.messageType) parts.push(optionRepr.describe(option));
  return parts.join(", ");
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
