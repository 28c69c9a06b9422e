/**
 * Every option as a plain object, one `kind` a shape: what a library user, a test or a client works with. A service reads the
 * bytes in place instead. Unknown options are `octets`; known ones whose value breaks their RFC are `malformed`; both keep their
 * bytes and survive a round trip.
 */

import { formatIpv4, type Ipv4Address } from "../../base/ipv4-address.js";
import { formatPrefix } from "../../base/prefix.js";
import { hex } from "../octets.js";
import * as addresses from "./addresses.js";
import * as classlessRoutes from "./classless-routes.js";
import * as clientFqdn from "./client-fqdn.js";
import * as clientIdentifier from "./client-identifier.js";
import { messageName, OPTION } from "./codes.js";
import * as domainSearch from "./domain-search.js";
import { type Kind, kindOf, optionName } from "./kind.js";
import * as relayAgent from "./relay-agent.js";
import * as userClass from "./user-class.js";
import * as vendorItems from "./vendor-items.js";

interface Shapes extends Record<Kind | "malformed", object> {
  readonly address: { readonly address: Ipv4Address };
  readonly addresses: { readonly addresses: readonly Ipv4Address[] };
  readonly uint8: { readonly value: number };
  readonly uint16: { readonly value: number };
  readonly uint16s: { readonly values: readonly number[] };
  readonly uint32: { readonly value: number };
  readonly int32: { readonly value: number };
  readonly flag: { readonly value: boolean };
  readonly present: object;
  /** Octets as Latin-1, so that every value survives. */
  readonly text: { readonly text: string };
  readonly codes: { readonly codes: readonly number[] };
  readonly "client-identifier": { readonly id: clientIdentifier.ClientIdentifier };
  readonly routes: { readonly routes: readonly classlessRoutes.ClasslessRoute[] };
  readonly domains: { readonly names: readonly string[] };
  readonly fqdn: clientFqdn.ClientFqdn;
  readonly suboptions: { readonly suboptions: readonly relayAgent.Suboption[] };
  readonly classes: userClass.UserClass;
  readonly "vendor-items": { readonly items: readonly vendorItems.VendorItem[] };
  readonly octets: { readonly data: Uint8Array };
  readonly malformed: { readonly data: Uint8Array };
}

export type Option = { [K in keyof Shapes]: { readonly kind: K; readonly code: number } & Shapes[K] }[keyof Shapes];

/** The option with this code and value; the value is copied where it is kept. */
export function parse(code: number, value: Uint8Array): Option {
  return parseKind(kindOf(code), code, value) ?? { kind: "malformed", code, data: value.slice() };
}

function parseKind(kind: Kind, code: number, value: Uint8Array): Option | undefined {
  switch (kind) {
    case "address":
      return value.length === addresses.ADDRESS_BYTES ? { kind, code, address: addresses.read(value, 0) } : undefined;
    case "addresses":
      return wrap(addresses.parse(value), (list) => ({ kind, code, addresses: list }));
    case "uint8":
      return value.length === 1 ? { kind, code, value: value[0] } : undefined;
    case "uint16":
      return value.length === 2 ? { kind, code, value: viewOf(value).getUint16(0) } : undefined;
    case "uint16s":
      return wrap(parseUint16s(value), (values) => ({ kind, code, values }));
    case "uint32":
      return value.length === 4 ? { kind, code, value: viewOf(value).getUint32(0) } : undefined;
    case "int32":
      return value.length === 4 ? { kind, code, value: viewOf(value).getInt32(0) } : undefined;
    case "flag":
      return value.length === 1 && value[0] <= 1 ? { kind, code, value: value[0] === 1 } : undefined;
    case "present":
      return value.length === 0 ? { kind, code } : undefined;
    case "text":
      return value.length > 0 ? { kind, code, text: latin1(value) } : undefined;
    case "codes":
      return value.length > 0 ? { kind, code, codes: [...value] } : undefined;
    default:
      return parseStructure(kind, code, value);
  }
}

function parseStructure(kind: Kind, code: number, value: Uint8Array): Option | undefined {
  switch (kind) {
    case "client-identifier":
      return wrap(clientIdentifier.parse(value), (id) => ({ kind, code, id }));
    case "routes":
      return wrap(classlessRoutes.parse(value), (routes) => ({ kind, code, routes }));
    case "domains":
      return wrap(domainSearch.parse(value), (names) => ({ kind, code, names }));
    case "fqdn":
      return wrap(clientFqdn.parse(value), (fqdn) => ({ kind, code, ...fqdn }));
    case "suboptions":
      return wrap(relayAgent.parse(value), (suboptions) => ({ kind, code, suboptions }));
    case "classes":
      return wrap(userClass.parse(value), (classes) => ({ kind, code, ...classes }));
    case "vendor-items":
      return wrap(vendorItems.parse(value), (items) => ({ kind, code, items }));
    default:
      return { kind: "octets", code, data: value.slice() };
  }
}

function wrap<Part>(part: Part | undefined, option: (part: Part) => Option): Option | undefined {
  return part === undefined ? undefined : option(part);
}

function latin1(value: Uint8Array): string {
  let text = "";
  for (let at = 0; at < value.length; at++) text += String.fromCharCode(value[at]);
  return text;
}

function octet(value: number): Uint8Array {
  const bytes = new Uint8Array(1);
  bytes[0] = value;
  return bytes;
}

function octetsOf(text: string): Uint8Array {
  const value = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) value[at] = text.charCodeAt(at);
  return value;
}

function viewOf(value: Uint8Array): DataView {
  return new DataView(value.buffer, value.byteOffset, value.length);
}

function parseUint16s(value: Uint8Array): number[] | undefined {
  if (value.length === 0 || value.length % 2 !== 0) return undefined;
  return Array.from({ length: value.length / 2 }, (_, index) => viewOf(value).getUint16(2 * index));
}

/** The value in wire form, without code and length. */
export function emit(option: Option): Uint8Array {
  switch (option.kind) {
    case "address":
      return addresses.emit([option.address]);
    case "addresses":
      return addresses.emit(option.addresses);
    case "uint8":
      return octet(option.value);
    case "uint16":
      return Uint8Array.of(option.value >>> 8, option.value);
    case "uint16s":
      return Uint8Array.from(option.values.flatMap((value) => [value >>> 8, value]));
    case "uint32":
    case "int32":
      return addresses.emit([option.value >>> 0]);
    case "flag":
      return octet(option.value ? 1 : 0);
    case "present":
      return new Uint8Array(0);
    case "text":
      return octetsOf(option.text);
    case "codes":
      return Uint8Array.from(option.codes);
    default:
      return emitStructure(option);
  }
}

function emitStructure(option: Option): Uint8Array {
  switch (option.kind) {
    case "client-identifier":
      return clientIdentifier.emit(option.id);
    case "routes":
      return classlessRoutes.emit(option.routes);
    case "domains":
      return domainSearch.emit(option.names);
    case "fqdn":
      return clientFqdn.emit(option);
    case "suboptions":
      return relayAgent.emit(option.suboptions);
    case "classes":
      return userClass.emit(option);
    case "vendor-items":
      return vendorItems.emit(option.items);
    case "octets":
    case "malformed":
      return option.data;
    default:
      throw new RangeError(`option ${option.code} of kind ${option.kind} has no encoding`);
  }
}

/** `router 10.77.0.1`. */
export function describe(option: Option): string {
  const value = describeValue(option);
  return value === "" ? optionName(option.code) : `${optionName(option.code)} ${value}`;
}

function describeValue(option: Option): string {
  switch (option.kind) {
    case "address":
      return formatIpv4(option.address);
    case "addresses":
      return option.addresses.map(formatIpv4).join(",");
    case "uint8":
      return option.code === OPTION.messageType ? messageName(option.value) : String(option.value);
    case "uint16":
    case "uint32":
    case "int32":
    case "flag":
      return String(option.value);
    case "uint16s":
      return option.values.join(",");
    case "present":
      return "";
    case "text":
      return JSON.stringify(option.text);
    case "codes":
      return option.codes.map(optionName).join(",");
    case "client-identifier":
      return hex(clientIdentifier.emit(option.id));
    case "routes":
      return option.routes.map(({ to, router }) => `${formatPrefix(to)}>${formatIpv4(router)}`).join(",");
    case "domains":
      return option.names.join(",");
    case "suboptions":
      return option.suboptions.map(({ code, data }) => `${code}:${hex(data)}`).join(",");
    case "fqdn":
      return `flags ${option.flags} ${JSON.stringify(Buffer.from(option.name).toString("latin1"))}`;
    default:
      return option.kind === "malformed" ? `malformed ${hex(option.data)}` : hex(emit(option));
  }
}
