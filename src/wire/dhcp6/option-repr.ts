/**
 * Every option as a plain object, one `kind` a shape: what a library user, a test or a client works with. A service reads the
 * bytes in place instead. An option whose code has no shape here keeps its octets and survives a round trip.
 */

import type { Ipv6Address } from "../../base/ipv6-address.js";
import * as domainList from "../domain-list.js";
import { copyIn, copyOut } from "../octets.js";
import * as addressList from "./address-list.js";
import * as clientFqdn from "./client-fqdn.js";
import * as codeList from "./code-list.js";
import * as ia from "./ia.js";
import * as iaAddress from "./ia-address.js";
import * as iaPrefix from "./ia-prefix.js";
import { type Kind, kindOf } from "./kind.js";
import * as ntpServer from "./ntp-server.js";
import * as opaqueList from "./opaque-list.js";
import * as option from "./option.js";
import * as statusCode from "./status-code.js";

/** A suboption of vendor-specific information: only the vendor knows what it means. */
export interface VendorSuboption {
  readonly code: number;
  readonly data: Uint8Array;
}

interface Shapes extends Record<Kind, object> {
  readonly duid: { readonly duid: Uint8Array };
  readonly ia: ia.Ia & { readonly options: readonly Option[] };
  readonly "temporary-ia": { readonly iaid: number; readonly options: readonly Option[] };
  readonly "ia-address": iaAddress.IaAddress & { readonly options: readonly Option[] };
  readonly "ia-prefix": iaPrefix.IaPrefix & { readonly options: readonly Option[] };
  readonly status: statusCode.StatusCode;
  readonly flag: object;
  readonly uint8: { readonly value: number };
  readonly uint16: { readonly value: number };
  readonly uint32: { readonly value: number };
  readonly codes: { readonly codes: readonly number[] };
  readonly addresses: { readonly addresses: readonly Ipv6Address[] };
  readonly domains: { readonly names: readonly string[] };
  readonly fqdn: clientFqdn.ClientFqdn;
  readonly ntp: { readonly sources: readonly ntpServer.NtpSource[] };
  readonly items: { readonly items: readonly Uint8Array[] };
  readonly "vendor-class": { readonly enterprise: number; readonly items: readonly Uint8Array[] };
  readonly "vendor-options": { readonly enterprise: number; readonly suboptions: readonly VendorSuboption[] };
  readonly "remote-id": { readonly enterprise: number; readonly data: Uint8Array };
  readonly "link-layer-address": { readonly hardwareType: number; readonly address: Uint8Array };
  readonly opaque: { readonly data: Uint8Array };
}

export type Option = { [K in Kind]: { readonly kind: K; readonly code: number } & Shapes[K] }[Kind];

/** The options between `offset` and `end`; the area was checked by `options.check`. */
export function parseAll(view: DataView, offset: number, end: number): Option[] {
  const list: Option[] = [];
  for (let at = offset; at < end; at = option.next(view, at)) list.push(parse(view, at));
  return list;
}

/** The option at `at`. */
export function parse(view: DataView, at: number): Option {
  const code = option.code(view, at);
  const data = at + option.HEADER_BYTES;
  const length = option.dataBytes(view, at);
  const kind = kindOf(code);
  switch (kind) {
    case "ia":
    case "temporary-ia":
    case "ia-address":
    case "ia-prefix":
      return parseContainer(kind, code, view, data, data + length);
    case "duid":
      return { kind, code, duid: copyOut(view, data, length) };
    case "status":
      return { kind, code, status: statusCode.status(view, data), message: statusCode.message(view, data, length) };
    case "flag":
      return { kind, code };
    case "uint8":
      return { kind, code, value: view.getUint8(data) };
    case "uint16":
      return { kind, code, value: view.getUint16(data) };
    case "uint32":
      return { kind, code, value: view.getUint32(data) };
    case "codes":
      return { kind, code, codes: codeList.parse(view, data, length) };
    case "addresses":
      return { kind, code, addresses: addressList.parse(view, data, length) };
    case "domains":
      return { kind, code, names: domainList.parse(view, data, length) as string[] };
    case "fqdn":
      return { kind, code, ...clientFqdn.parse(view, data, length) };
    case "ntp":
      return { kind, code, sources: ntpServer.parse(view, data, length) };
    case "items":
      return { kind, code, items: opaqueList.parse(view, data, length) };
    case "vendor-class":
      return { kind, code, enterprise: view.getUint32(data), items: opaqueList.parse(view, data + 4, length - 4) };
    case "vendor-options":
      return { kind, code, enterprise: view.getUint32(data), suboptions: parseSuboptions(view, data + 4, data + length) };
    case "remote-id":
      return { kind, code, enterprise: view.getUint32(data), data: copyOut(view, data + 4, length - 4) };
    case "link-layer-address":
      return { kind, code, hardwareType: view.getUint16(data), address: copyOut(view, data + 2, length - 2) };
    case "opaque":
      return { kind, code, data: copyOut(view, data, length) };
  }
}

function parseContainer(
  kind: "ia" | "temporary-ia" | "ia-address" | "ia-prefix",
  code: number,
  view: DataView,
  data: number,
  end: number,
): Option {
  switch (kind) {
    case "ia": {
      const options = parseAll(view, data + ia.HEADER_BYTES, end);
      const times = { t1Seconds: ia.t1Seconds(view, data), t2Seconds: ia.t2Seconds(view, data) };
      return { kind, code, iaid: ia.iaid(view, data), ...times, options };
    }
    case "temporary-ia":
      return { kind, code, iaid: ia.iaid(view, data), options: parseAll(view, data + ia.TEMPORARY_HEADER_BYTES, end) };
    case "ia-address":
      return { kind, code, ...iaAddress.parse(view, data), options: parseAll(view, data + iaAddress.HEADER_BYTES, end) };
    case "ia-prefix":
      return { kind, code, ...iaPrefix.parse(view, data), options: parseAll(view, data + iaPrefix.HEADER_BYTES, end) };
  }
}

function parseSuboptions(view: DataView, offset: number, end: number): VendorSuboption[] {
  const list: VendorSuboption[] = [];
  for (let at = offset; at < end; at = option.next(view, at)) {
    list.push({ code: option.code(view, at), data: copyOut(view, at + option.HEADER_BYTES, option.dataBytes(view, at)) });
  }
  return list;
}

/** Bytes of all of them, headers included. */
export function emittedBytesOfAll(list: readonly Option[]): number {
  let total = 0;
  for (const one of list) total += option.HEADER_BYTES + dataBytes(one);
  return total;
}

/** Writes them one behind the other; returns the bytes written. The caller made room. */
export function emitAll(list: readonly Option[], view: DataView, offset: number): number {
  let at = offset;
  for (const one of list) {
    at += option.emitHeader(one.code, dataBytes(one), view, at);
    at += emitData(one, view, at);
  }
  return at - offset;
}

/** Bytes of an option's data, its header left out. */
export function dataBytes(one: Option): number {
  switch (one.kind) {
    case "duid":
      return one.duid.length;
    case "ia":
      return ia.HEADER_BYTES + emittedBytesOfAll(one.options);
    case "temporary-ia":
      return ia.TEMPORARY_HEADER_BYTES + emittedBytesOfAll(one.options);
    case "ia-address":
      return iaAddress.HEADER_BYTES + emittedBytesOfAll(one.options);
    case "ia-prefix":
      return iaPrefix.HEADER_BYTES + emittedBytesOfAll(one.options);
    case "status":
      return statusCode.emittedBytes(one);
    case "flag":
      return 0;
    case "uint8":
      return 1;
    case "uint16":
      return 2;
    case "uint32":
      return 4;
    case "codes":
      return codeList.emittedBytes(one.codes);
    case "addresses":
      return addressList.emittedBytes(one.addresses);
    case "domains":
      return domainList.emittedBytes(one.names);
    case "fqdn":
      return clientFqdn.emittedBytes(one);
    case "ntp":
      return ntpServer.emittedBytes(one.sources);
    case "items":
      return opaqueList.emittedBytes(one.items);
    case "vendor-class":
      return 4 + opaqueList.emittedBytes(one.items);
    case "vendor-options":
      return one.suboptions.reduce((total, each) => total + option.HEADER_BYTES + each.data.length, 4);
    case "remote-id":
      return 4 + one.data.length;
    case "link-layer-address":
      return 2 + one.address.length;
    case "opaque":
      return one.data.length;
  }
}

function emitData(one: Option, view: DataView, at: number): number {
  switch (one.kind) {
    case "duid":
      return copyIn(one.duid, view, at);
    case "ia":
      ia.emit(one, view, at);
      return ia.HEADER_BYTES + emitAll(one.options, view, at + ia.HEADER_BYTES);
    case "temporary-ia":
      view.setUint32(at, one.iaid);
      return ia.TEMPORARY_HEADER_BYTES + emitAll(one.options, view, at + ia.TEMPORARY_HEADER_BYTES);
    case "ia-address":
      iaAddress.emit(one, view, at);
      return iaAddress.HEADER_BYTES + emitAll(one.options, view, at + iaAddress.HEADER_BYTES);
    case "ia-prefix":
      iaPrefix.emit(one, view, at);
      return iaPrefix.HEADER_BYTES + emitAll(one.options, view, at + iaPrefix.HEADER_BYTES);
    case "status":
      return statusCode.emit(one, view, at);
    case "codes":
      return codeList.emit(one.codes, view, at);
    case "addresses":
      return addressList.emit(one.addresses, view, at);
    case "domains":
      return domainList.emit(one.names, view, at);
    case "fqdn":
      return clientFqdn.emit(one, view, at);
    case "ntp":
      return ntpServer.emit(one.sources, view, at);
    case "items":
      return opaqueList.emit(one.items, view, at);
    default:
      return emitFlat(one, view, at);
  }
}

type Flat =
  | "flag"
  | "uint8"
  | "uint16"
  | "uint32"
  | "vendor-class"
  | "vendor-options"
  | "remote-id"
  | "link-layer-address"
  | "opaque";

function emitFlat(one: Extract<Option, { kind: Flat }>, view: DataView, at: number): number {
  switch (one.kind) {
    case "flag":
      return 0;
    case "uint8":
      view.setUint8(at, one.value);
      return 1;
    case "uint16":
      view.setUint16(at, one.value);
      return 2;
    case "uint32":
      view.setUint32(at, one.value);
      return 4;
    case "vendor-class":
      view.setUint32(at, one.enterprise);
      return 4 + opaqueList.emit(one.items, view, at + 4);
    case "vendor-options":
      view.setUint32(at, one.enterprise);
      return 4 + emitSuboptions(one.suboptions, view, at + 4);
    case "remote-id":
      view.setUint32(at, one.enterprise);
      return 4 + copyIn(one.data, view, at + 4);
    case "link-layer-address":
      view.setUint16(at, one.hardwareType);
      return 2 + copyIn(one.address, view, at + 2);
    case "opaque":
      return copyIn(one.data, view, at);
  }
}

function emitSuboptions(suboptions: readonly VendorSuboption[], view: DataView, offset: number): number {
  let at = offset;
  for (const { code, data } of suboptions) {
    at += option.emitHeader(code, data.length, view, at);
    at += copyIn(data, view, at);
  }
  return at - offset;
}
