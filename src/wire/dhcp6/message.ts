/**
 * DHCPv6 messages (RFC 8415 §8, §9) as plain objects: type, transaction id and options, or a relay's header around another
 * message. For library users, tests and clients; the service reads requests through `request.ts` without making objects.
 */

import { formatIpv6 } from "../../base/ipv6-address.js";
import { type Dhcp6Fault, HOP_COUNT_LIMIT, MESSAGE, messageName, OPTION } from "./codes.js";
import { describeOptions } from "./describe.js";
import * as option from "./option.js";
import { emitAll, emittedBytesOfAll, type Option, parseAll } from "./option-repr.js";
import * as options from "./options.js";
import * as relay from "./relay.js";

/** Type and transaction id. */
export const HEADER_BYTES = 4;

/** A message between client and server. */
export interface ClientServerMessage {
  readonly type: number;
  /** 24 bits. */
  readonly transactionId: number;
  readonly options: readonly Option[];
}

/** A Relay-forward or Relay-reply. `relayed` is undefined when the Relay Message option is missing. */
export interface RelayMessage extends relay.Relay {
  readonly options: readonly Option[];
  readonly relayed: Message | undefined;
}

export type Message = ClientServerMessage | RelayMessage;

export function isRelay(message: Message): message is RelayMessage {
  return isRelayType(message.type);
}

export function isRelayType(messageType: number): boolean {
  return messageType === MESSAGE.relayForward || messageType === MESSAGE.relayReply;
}

export function type(view: DataView, offset: number): number {
  return view.getUint8(offset);
}

export function transactionId(view: DataView, offset: number): number {
  return view.getUint32(offset) & 0xff_ffff;
}

/** Writes type and transaction id; the options go behind them. */
export function emitHeader(messageType: number, id: number, view: DataView, offset: number): number {
  view.setUint32(offset, ((messageType << 24) | id) >>> 0);
  return HEADER_BYTES;
}

/** Checks a message between client and server with everything nested in it. */
export function checkClientServer(view: DataView, offset: number, length: number): Dhcp6Fault | undefined {
  if (length < HEADER_BYTES) return "dhcp6-truncated";
  return options.check(view, offset + HEADER_BYTES, offset + length, 1);
}

/** Checks one relay's header and options, not the message that it relays. */
export function checkRelay(view: DataView, offset: number, length: number): Dhcp6Fault | undefined {
  return relay.check(length) ?? options.check(view, offset + relay.HEADER_BYTES, offset + length, 1);
}

/** Checks a whole message, relayed ones down to the client's. */
export function check(view: DataView, offset: number, length: number): Dhcp6Fault | undefined {
  let at = offset;
  let end = offset + length;
  for (let level = 0; level <= HOP_COUNT_LIMIT; level++) {
    if (at === end) return "dhcp6-truncated";
    if (!isRelayType(type(view, at))) return checkClientServer(view, at, end - at);
    const fault = checkRelay(view, at, end - at);
    if (fault !== undefined) return fault;
    const inner = option.find(view, at + relay.HEADER_BYTES, end, OPTION.relayMessage);
    if (inner < 0) return undefined;
    at = inner + option.HEADER_BYTES;
    end = option.next(view, inner);
  }
  return "dhcp6-relay-too-deep";
}

export function parse(view: DataView, offset: number, length: number): Message | Dhcp6Fault {
  return check(view, offset, length) ?? parseChecked(view, offset, offset + length);
}

function parseChecked(view: DataView, offset: number, end: number): Message {
  if (!isRelayType(type(view, offset))) {
    const body = parseAll(view, offset + HEADER_BYTES, end);
    return { type: type(view, offset), transactionId: transactionId(view, offset), options: body };
  }
  const inner = option.find(view, offset + relay.HEADER_BYTES, end, OPTION.relayMessage);
  const all = parseAll(view, offset + relay.HEADER_BYTES, end);
  return {
    ...relay.parse(view, offset),
    options: all.filter((one) => one.code !== OPTION.relayMessage),
    relayed: inner < 0 ? undefined : parseChecked(view, inner + option.HEADER_BYTES, option.next(view, inner)),
  };
}

export function emittedBytes(message: Message): number {
  if (!isRelay(message)) return HEADER_BYTES + emittedBytesOfAll(message.options);
  const inner = message.relayed === undefined ? 0 : option.HEADER_BYTES + emittedBytes(message.relayed);
  return relay.HEADER_BYTES + emittedBytesOfAll(message.options) + inner;
}

/** Writes the whole message, a relayed one behind the relay's other options; returns the bytes written. */
export function emit(message: Message, view: DataView, offset: number): number {
  if (!isRelay(message)) {
    emitHeader(message.type, message.transactionId, view, offset);
    return HEADER_BYTES + emitAll(message.options, view, offset + HEADER_BYTES);
  }
  let at = offset + relay.emit(message, view, offset);
  at += emitAll(message.options, view, at);
  if (message.relayed !== undefined) {
    at += option.emitHeader(OPTION.relayMessage, emittedBytes(message.relayed), view, at);
    at += emit(message.relayed, view, at);
  }
  return at - offset;
}

/** The message in a buffer of its own. */
export function toBytes(message: Message): Uint8Array {
  const bytes = new Uint8Array(emittedBytes(message));
  emit(message, new DataView(bytes.buffer), 0);
  return bytes;
}

/** `dhcp6 solicit (xid=10e3c1 (client-id 00:01:…) (ia-na IAID:1 T1:0 T2:0))`. */
export function describe(view: DataView, offset: number, length: number): string {
  const message = parse(view, offset, length);
  return typeof message === "string" ? `${message} (${length} bytes)` : describeMessage(message);
}

function describeMessage(message: Message): string {
  const name = `dhcp6 ${messageName(message.type)}`;
  if (!isRelay(message)) {
    const id = message.transactionId.toString(16).padStart(6, "0");
    return `${name} (xid=${id}${describeOptions(message.options)})`;
  }
  const addresses = `linkaddr=${formatIpv6(message.linkAddress)} peeraddr=${formatIpv6(message.peerAddress)}`;
  const inner = message.relayed === undefined ? "" : ` (relay-message (${describeMessage(message.relayed)}))`;
  return `${name} (hops=${message.hopCount} ${addresses}${describeOptions(message.options)}${inner})`;
}
