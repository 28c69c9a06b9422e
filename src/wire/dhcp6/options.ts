/**
 * An options area: a run of options, in a message or inside another option (RFC 8415 §21.1).
 *
 * `check` walks it once, with everything nested in it. After that, every accessor of every option file is safe on it.
 */

import * as domainList from "../domain-list.js";
import * as addressList from "./address-list.js";
import * as clientFqdn from "./client-fqdn.js";
import * as codeList from "./code-list.js";
import type { Dhcp6Fault } from "./codes.js";
import * as duid from "./duid.js";
import * as ia from "./ia.js";
import * as iaAddress from "./ia-address.js";
import * as iaPrefix from "./ia-prefix.js";
import { type Kind, kindOf } from "./kind.js";
import * as ntpServer from "./ntp-server.js";
import * as opaqueList from "./opaque-list.js";
import * as option from "./option.js";
import * as statusCode from "./status-code.js";

/** Deepest area that the protocol has: message → IA → IA Address or IA Prefix → Status Code. */
export const MAX_DEPTH = 3;

/** Checks the area from `offset` to `end`. `depth` is 1 for a message's own. A relayed message inside is left alone. */
export function check(view: DataView, offset: number, end: number, depth: number): Dhcp6Fault | undefined {
  if (offset < end && depth > MAX_DEPTH) return "dhcp6-nested-too-deep";
  for (let at = offset; at < end; at = option.next(view, at)) {
    const fault = option.check(view, at, end) ?? checkData(view, at, depth);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function checkData(view: DataView, at: number, depth: number): Dhcp6Fault | undefined {
  const data = at + option.HEADER_BYTES;
  const length = option.dataBytes(view, at);
  const end = data + length;
  const kind = kindOf(option.code(view, at));
  switch (kind) {
    case "duid":
      return duid.check(length);
    case "ia":
      return ia.check(length) ?? check(view, data + ia.HEADER_BYTES, end, depth + 1);
    case "temporary-ia":
      return ia.checkTemporary(length) ?? check(view, data + ia.TEMPORARY_HEADER_BYTES, end, depth + 1);
    case "ia-address":
      return iaAddress.check(length) ?? check(view, data + iaAddress.HEADER_BYTES, end, depth + 1);
    case "ia-prefix":
      return iaPrefix.check(view, data, length) ?? check(view, data + iaPrefix.HEADER_BYTES, end, depth + 1);
    default:
      return isSound(kind, view, data, length) ? undefined : "dhcp6-option-malformed";
  }
}

function isSound(kind: Kind, view: DataView, data: number, length: number): boolean {
  switch (kind) {
    case "flag":
      return length === 0;
    case "uint8":
      return length === 1;
    case "uint16":
      return length === 2;
    case "uint32":
      return length === 4;
    case "status":
      return statusCode.check(length) === undefined;
    case "codes":
      return codeList.check(length) === undefined;
    case "addresses":
      return addressList.check(length) === undefined;
    case "domains":
      return domainList.check(view, data, length) === undefined;
    case "fqdn":
      return clientFqdn.check(view, data, length) === undefined;
    case "ntp":
      return ntpServer.check(view, data, length) === undefined;
    case "items":
      return opaqueList.check(view, data, length) === undefined;
    case "vendor-class":
      return length >= 4 && opaqueList.check(view, data + 4, length - 4) === undefined;
    case "vendor-options":
      return length >= 4 && suboptionsAreSound(view, data + 4, data + length);
    case "remote-id":
      return length >= 4;
    case "link-layer-address":
      return length >= 2;
    default:
      return true;
  }
}

function suboptionsAreSound(view: DataView, offset: number, end: number): boolean {
  for (let at = offset; at < end; at = option.next(view, at)) {
    if (option.check(view, at, end) !== undefined) return false;
  }
  return true;
}
