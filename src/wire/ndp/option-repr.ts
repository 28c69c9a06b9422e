/** Every option as a plain object; an option that has no shape here keeps its octets and survives a round trip. */

import { formatIpv6 } from "../../base/ipv6-address.js";
import { formatMac, type Mac, readMac, writeMac } from "../../base/mac.js";
import { copyIn, copyOut, hex } from "../octets.js";
import { OPTION } from "./codes.js";
import * as dnssl from "./dnssl.js";
import * as option from "./option.js";
import * as pref64 from "./pref64.js";
import * as prefixInformation from "./prefix-information.js";
import * as rdnss from "./rdnss.js";
import * as routeInformation from "./route-information.js";

export type Option =
  | { readonly kind: "source-link-layer-address"; readonly mac: Mac }
  | { readonly kind: "target-link-layer-address"; readonly mac: Mac }
  | ({ readonly kind: "prefix-information" } & prefixInformation.PrefixInformation)
  | { readonly kind: "mtu"; readonly mtu: number }
  | ({ readonly kind: "route-information" } & routeInformation.RouteInformation)
  | ({ readonly kind: "recursive-dns" } & rdnss.RecursiveDns)
  | ({ readonly kind: "dns-search-list" } & dnssl.DnsSearchList)
  | ({ readonly kind: "pref64" } & pref64.Pref64)
  /** `data` is everything behind type and length: six bytes, or eight more for every unit. */
  | { readonly kind: "unknown"; readonly type: number; readonly data: Uint8Array };

const ADDRESS_BYTES = 8;
const MTU_FIELD = { reserved: 2, mtu: 4 } as const;

/** The link-layer address of an option of either kind. The option was checked. */
export function linkLayerAddress(view: DataView, offset: number): Mac {
  return readMac(view, offset + option.HEADER_BYTES);
}

/** The options between `offset` and `end`; the area was checked by `options.check`. */
export function parseAll(view: DataView, offset: number, end: number): Option[] {
  const list: Option[] = [];
  for (let at = offset; at < end; at = option.next(view, at)) list.push(parse(view, at));
  return list;
}

/** The option at `at`. */
export function parse(view: DataView, at: number): Option {
  const type = option.type(view, at);
  switch (type) {
    case OPTION.sourceLinkLayerAddress:
      return { kind: "source-link-layer-address", mac: linkLayerAddress(view, at) };
    case OPTION.targetLinkLayerAddress:
      return { kind: "target-link-layer-address", mac: linkLayerAddress(view, at) };
    case OPTION.prefixInformation:
      return { kind: "prefix-information", ...prefixInformation.parse(view, at) };
    case OPTION.mtu:
      return { kind: "mtu", mtu: view.getUint32(at + MTU_FIELD.mtu) };
    case OPTION.routeInformation:
      return { kind: "route-information", ...routeInformation.parse(view, at) };
    case OPTION.recursiveDns:
      return { kind: "recursive-dns", ...rdnss.parse(view, at) };
    case OPTION.dnsSearchList:
      return { kind: "dns-search-list", ...dnssl.parse(view, at) };
    case OPTION.pref64:
      return { kind: "pref64", ...pref64.parse(view, at) };
    default:
      return {
        kind: "unknown",
        type,
        data: copyOut(view, at + option.HEADER_BYTES, option.bytes(view, at) - option.HEADER_BYTES),
      };
  }
}

/** Bytes of the whole option, padding included. */
export function emittedBytes(one: Option): number {
  switch (one.kind) {
    case "source-link-layer-address":
    case "target-link-layer-address":
    case "mtu":
      return ADDRESS_BYTES;
    case "prefix-information":
      return prefixInformation.BYTES;
    case "route-information":
      return routeInformation.emittedBytes(one);
    case "recursive-dns":
      return rdnss.emittedBytes(one);
    case "dns-search-list":
      return dnssl.emittedBytes(one);
    case "pref64":
      return pref64.BYTES;
    case "unknown":
      return option.padded(option.HEADER_BYTES + one.data.length);
  }
}

/** Writes one option; returns the bytes written. */
export function emit(one: Option, view: DataView, offset: number): number {
  switch (one.kind) {
    case "source-link-layer-address":
      return emitLinkLayerAddress(OPTION.sourceLinkLayerAddress, one.mac, view, offset);
    case "target-link-layer-address":
      return emitLinkLayerAddress(OPTION.targetLinkLayerAddress, one.mac, view, offset);
    case "prefix-information":
      return prefixInformation.emit(one, view, offset);
    case "mtu":
      option.emitHeader(OPTION.mtu, ADDRESS_BYTES, view, offset);
      view.setUint16(offset + MTU_FIELD.reserved, 0);
      view.setUint32(offset + MTU_FIELD.mtu, one.mtu);
      return ADDRESS_BYTES;
    case "route-information":
      return routeInformation.emit(one, view, offset);
    case "recursive-dns":
      return rdnss.emit(one, view, offset);
    case "dns-search-list":
      return dnssl.emit(one, view, offset);
    case "pref64":
      return pref64.emit(one, view, offset);
    case "unknown":
      return emitUnknown(one.type, one.data, view, offset);
  }
}

/** Writes a link-layer address option of either kind. */
export function emitLinkLayerAddress(type: number, mac: Mac, view: DataView, offset: number): number {
  option.emitHeader(type, ADDRESS_BYTES, view, offset);
  writeMac(view, offset + option.HEADER_BYTES, mac);
  return ADDRESS_BYTES;
}

function emitUnknown(type: number, data: Uint8Array, view: DataView, offset: number): number {
  const total = option.padded(option.HEADER_BYTES + data.length);
  option.emitHeader(type, total, view, offset);
  let at = offset + option.HEADER_BYTES + copyIn(data, view, offset + option.HEADER_BYTES);
  while (at < offset + total) view.setUint8(at++, 0);
  return total;
}

/** `prefix info option fd00:77::/64, Flags [auto], valid time 7200s, pref. time 3600s`, after tcpdump. */
export function describe(one: Option): string {
  switch (one.kind) {
    case "source-link-layer-address":
      return `source link-address option ${formatMac(one.mac)}`;
    case "target-link-layer-address":
      return `destination link-address option ${formatMac(one.mac)}`;
    case "prefix-information": {
      const flags = [one.onLink ? "onlink" : "", one.autonomous ? "auto" : ""].filter((flag) => flag !== "").join(", ");
      const times = `valid time ${one.validSeconds}s, pref. time ${one.preferredSeconds}s`;
      return `prefix info option ${formatIpv6(one.prefix)}/${one.prefixLength}, Flags [${flags}], ${times}`;
    }
    case "mtu":
      return `mtu option ${one.mtu}`;
    case "route-information":
      return `route info option ${formatIpv6(one.prefix)}/${one.prefixLength}, pref=${one.preference}, lifetime=${one.lifetimeSeconds}s`;
    case "recursive-dns":
      return `rdnss option lifetime ${one.lifetimeSeconds}s, addr: ${one.addresses.map(formatIpv6).join(" addr: ")}`;
    case "dns-search-list":
      return `dnssl option lifetime ${one.lifetimeSeconds}s, domain(s): ${one.names.map((name) => `${name}.`).join(" ")}`;
    case "pref64":
      return `pref64 option ${formatIpv6(one.prefix)}/${one.prefixLength}, lifetime ${one.lifetimeSeconds}s`;
    case "unknown":
      return `unknown option ${one.type}: ${hex(one.data)}`;
  }
}
