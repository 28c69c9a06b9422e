/**
 * Router and neighbour solicitation and advertisement, and redirect (RFC 4861 §4). Offsets are those of the ICMPv6 header; its
 * checksum is written as zero and computed when the IPv6 header is known (`icmpv6.seal`).
 */

import { formatIpv6, type Ipv6Address, readIpv6, writeIpv6 } from "../../base/ipv6-address.js";
import { TYPE } from "../icmpv6.js";
import { type NdpFault, PREFERENCE, type Preference, preferenceOf } from "./codes.js";
import {
  describe as describeOption,
  emit as emitOption,
  type Option,
  emittedBytes as optionBytes,
  parseAll,
} from "./option-repr.js";
import * as options from "./options.js";

/** Octets before the options, by message. */
export const HEADER_BYTES = {
  routerSolicitation: 8,
  routerAdvertisement: 16,
  neighbourSolicitation: 24,
  neighbourAdvertisement: 24,
  redirect: 40,
} as const;

export const ADVERTISEMENT_FIELD = { hopLimit: 4, flags: 5, routerLifetime: 6, reachable: 8, retransmit: 12 } as const;
/** Of router advertisements (RFC 4861 §4.2, RFC 4191 §2.2). */
export const ROUTER_FLAG = { managed: 0x80, other: 0x40 } as const;

export const NEIGHBOUR_FIELD = { flags: 4, target: 8 } as const;
/** Of neighbour advertisements (RFC 4861 §4.4). */
export const NEIGHBOUR_FLAG = { router: 0x80, solicited: 0x40, override: 0x20 } as const;

const REDIRECT_FIELD = { target: 8, destination: 24 } as const;

interface WithOptions {
  readonly options: readonly Option[];
}

export interface RouterSolicitation extends WithOptions {
  readonly kind: "router-solicitation";
}

export interface RouterAdvertisement extends WithOptions {
  readonly kind: "router-advertisement";
  /** Zero: not said. */
  readonly hopLimit: number;
  /** Addresses are to be had by DHCPv6; other configuration is. */
  readonly managed: boolean;
  readonly other: boolean;
  readonly preference: Preference;
  /** Zero: this is no default router. */
  readonly routerLifetimeSeconds: number;
  /** Zero: not said. */
  readonly reachableMs: number;
  readonly retransmitMs: number;
}

export interface NeighbourSolicitation extends WithOptions {
  readonly kind: "neighbour-solicitation";
  readonly target: Ipv6Address;
}

export interface NeighbourAdvertisement extends WithOptions {
  readonly kind: "neighbour-advertisement";
  readonly router: boolean;
  readonly solicited: boolean;
  readonly override: boolean;
  readonly target: Ipv6Address;
}

export interface Redirect extends WithOptions {
  readonly kind: "redirect";
  readonly target: Ipv6Address;
  readonly destination: Ipv6Address;
}

export type Message = RouterSolicitation | RouterAdvertisement | NeighbourSolicitation | NeighbourAdvertisement | Redirect;

/**
 * What RFC 4861 §6.1 and §7.1 ask of the message itself: code, length, options, a target that is no group. The rules that need
 * the IPv6 header (hop limit, addresses) are the caller's.
 */
export function check(view: DataView, offset: number, length: number): NdpFault | undefined {
  if (length < HEADER_BYTES.routerSolicitation) return "ndp-truncated";
  const type = view.getUint8(offset);
  const header = headerBytes(type);
  if (header === 0) return "ndp-type";
  if (view.getUint8(offset + 1) !== 0) return "ndp-code";
  if (length < header) return "ndp-truncated";
  if (hasTarget(type) && view.getUint8(offset + NEIGHBOUR_FIELD.target) === 0xff) return "ndp-target";
  return options.check(view, offset + header, offset + length);
}

/** Octets before the options; zero for what is no neighbour discovery. */
export function headerBytes(type: number): number {
  switch (type) {
    case TYPE.routerSolicitation:
      return HEADER_BYTES.routerSolicitation;
    case TYPE.routerAdvertisement:
      return HEADER_BYTES.routerAdvertisement;
    case TYPE.neighbourSolicitation:
      return HEADER_BYTES.neighbourSolicitation;
    case TYPE.neighbourAdvertisement:
      return HEADER_BYTES.neighbourAdvertisement;
    case TYPE.redirect:
      return HEADER_BYTES.redirect;
    default:
      return 0;
  }
}

function hasTarget(type: number): boolean {
  return type === TYPE.neighbourSolicitation || type === TYPE.neighbourAdvertisement;
}

/** Target of a neighbour message. Makes a bigint. */
export function target(view: DataView, offset: number): Ipv6Address {
  return readIpv6(view, offset + NEIGHBOUR_FIELD.target);
}

export function routerLifetimeSeconds(view: DataView, offset: number): number {
  return view.getUint16(offset + ADVERTISEMENT_FIELD.routerLifetime);
}

export function setRouterLifetime(view: DataView, offset: number, seconds: number): void {
  view.setUint16(offset + ADVERTISEMENT_FIELD.routerLifetime, seconds);
}

export function parse(view: DataView, offset: number, length: number): Message | NdpFault {
  return check(view, offset, length) ?? parseChecked(view, offset, offset + length);
}

function parseChecked(view: DataView, offset: number, end: number): Message {
  const type = view.getUint8(offset);
  const list = parseAll(view, offset + headerBytes(type), end);
  switch (type) {
    case TYPE.routerAdvertisement:
      return parseAdvertisement(view, offset, list);
    case TYPE.neighbourSolicitation:
      return { kind: "neighbour-solicitation", target: target(view, offset), options: list };
    case TYPE.neighbourAdvertisement: {
      const flags = view.getUint8(offset + NEIGHBOUR_FIELD.flags);
      return {
        kind: "neighbour-advertisement",
        router: (flags & NEIGHBOUR_FLAG.router) !== 0,
        solicited: (flags & NEIGHBOUR_FLAG.solicited) !== 0,
        override: (flags & NEIGHBOUR_FLAG.override) !== 0,
        target: target(view, offset),
        options: list,
      };
    }
    case TYPE.redirect: {
      const destination = readIpv6(view, offset + REDIRECT_FIELD.destination);
      return { kind: "redirect", target: readIpv6(view, offset + REDIRECT_FIELD.target), destination, options: list };
    }
    default:
      return { kind: "router-solicitation", options: list };
  }
}

function parseAdvertisement(view: DataView, offset: number, list: Option[]): RouterAdvertisement {
  const flags = view.getUint8(offset + ADVERTISEMENT_FIELD.flags);
  return {
    kind: "router-advertisement",
    hopLimit: view.getUint8(offset + ADVERTISEMENT_FIELD.hopLimit),
    managed: (flags & ROUTER_FLAG.managed) !== 0,
    other: (flags & ROUTER_FLAG.other) !== 0,
    preference: preferenceOf((flags >>> 3) & 3),
    routerLifetimeSeconds: routerLifetimeSeconds(view, offset),
    reachableMs: view.getUint32(offset + ADVERTISEMENT_FIELD.reachable),
    retransmitMs: view.getUint32(offset + ADVERTISEMENT_FIELD.retransmit),
    options: list,
  };
}

const TYPE_OF = {
  "router-solicitation": TYPE.routerSolicitation,
  "router-advertisement": TYPE.routerAdvertisement,
  "neighbour-solicitation": TYPE.neighbourSolicitation,
  "neighbour-advertisement": TYPE.neighbourAdvertisement,
  redirect: TYPE.redirect,
} as const;

export function emittedBytes(message: Message): number {
  return message.options.reduce((total, one) => total + optionBytes(one), headerBytes(TYPE_OF[message.kind]));
}

/** Writes the whole message with a zero checksum; returns the bytes written. */
export function emit(message: Message, view: DataView, offset: number): number {
  const type = TYPE_OF[message.kind];
  view.setUint32(offset, (type << 24) >>> 0);
  view.setUint32(offset + 4, 0);
  emitBody(message, view, offset);
  let at = offset + headerBytes(type);
  for (const one of message.options) at += emitOption(one, view, at);
  return at - offset;
}

function emitBody(message: Message, view: DataView, offset: number): void {
  switch (message.kind) {
    case "router-solicitation":
      return;
    case "router-advertisement":
      emitAdvertisement(message, view, offset);
      return;
    case "neighbour-solicitation":
      writeIpv6(view, offset + NEIGHBOUR_FIELD.target, message.target);
      return;
    case "neighbour-advertisement":
      emitNeighbourFlags(message, view, offset);
      writeIpv6(view, offset + NEIGHBOUR_FIELD.target, message.target);
      return;
    case "redirect":
      writeIpv6(view, offset + REDIRECT_FIELD.target, message.target);
      writeIpv6(view, offset + REDIRECT_FIELD.destination, message.destination);
  }
}

function emitAdvertisement(message: RouterAdvertisement, view: DataView, offset: number): void {
  const bits = (message.managed ? ROUTER_FLAG.managed : 0) | (message.other ? ROUTER_FLAG.other : 0);
  view.setUint8(offset + ADVERTISEMENT_FIELD.hopLimit, message.hopLimit);
  view.setUint8(offset + ADVERTISEMENT_FIELD.flags, bits | (PREFERENCE[message.preference] << 3));
  setRouterLifetime(view, offset, message.routerLifetimeSeconds);
  view.setUint32(offset + ADVERTISEMENT_FIELD.reachable, message.reachableMs);
  view.setUint32(offset + ADVERTISEMENT_FIELD.retransmit, message.retransmitMs);
}

function emitNeighbourFlags(message: NeighbourAdvertisement, view: DataView, offset: number): void {
  const bits = (message.router ? NEIGHBOUR_FLAG.router : 0) | (message.solicited ? NEIGHBOUR_FLAG.solicited : 0);
  view.setUint8(offset + NEIGHBOUR_FIELD.flags, bits | (message.override ? NEIGHBOUR_FLAG.override : 0));
}

/** The message in a buffer of its own. */
export function toBytes(message: Message): Uint8Array {
  const bytes = new Uint8Array(emittedBytes(message));
  emit(message, new DataView(bytes.buffer), 0);
  return bytes;
}

/** `ICMP6, neighbor solicitation, who has fe80::2`, with each option on the same line. */
export function describe(view: DataView, offset: number, length: number): string {
  const message = parse(view, offset, length);
  if (typeof message === "string") return `ICMP6, ${message} (${length} bytes)`;
  return ["ICMP6", ...describeBody(message), ...message.options.map(describeOption)].join(", ");
}

function describeBody(message: Message): string[] {
  switch (message.kind) {
    case "router-solicitation":
      return ["router solicitation"];
    case "router-advertisement": {
      const flags = [message.managed ? "managed" : "", message.other ? "other stateful" : ""].filter((flag) => flag !== "");
      const times = `reachable time ${message.reachableMs}ms, retrans timer ${message.retransmitMs}ms`;
      const router = `pref ${message.preference}, router lifetime ${message.routerLifetimeSeconds}s`;
      return [
        "router advertisement",
        `hop limit ${message.hopLimit}, Flags [${flags.join(", ") || "none"}], ${router}, ${times}`,
      ];
    }
    case "neighbour-solicitation":
      return ["neighbor solicitation", `who has ${formatIpv6(message.target)}`];
    case "neighbour-advertisement":
      return ["neighbor advertisement", `tgt is ${formatIpv6(message.target)}`];
    case "redirect":
      return ["redirect", `${formatIpv6(message.destination)} to ${formatIpv6(message.target)}`];
  }
}
