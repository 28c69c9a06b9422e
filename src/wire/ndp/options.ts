/** The options of a message: a run of them up to its end (RFC 4861 §4.6). */

import { type NdpFault, OPTION } from "./codes.js";
import * as dnssl from "./dnssl.js";
import * as option from "./option.js";
import * as pref64 from "./pref64.js";
import * as prefixInformation from "./prefix-information.js";
import * as rdnss from "./rdnss.js";
import * as routeInformation from "./route-information.js";

/** Checks every option from `offset` to `end`; after that every accessor of every option file is safe. Unknown types pass. */
export function check(view: DataView, offset: number, end: number): NdpFault | undefined {
  for (let at = offset; at < end; at = option.next(view, at)) {
    const fault = option.check(view, at, end) ?? checkBody(view, at);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function checkBody(view: DataView, at: number): "ndp-option-malformed" | undefined {
  switch (option.type(view, at)) {
    case OPTION.sourceLinkLayerAddress:
    case OPTION.targetLinkLayerAddress:
    case OPTION.mtu:
      return option.bytes(view, at) === 8 ? undefined : "ndp-option-malformed";
    case OPTION.prefixInformation:
      return prefixInformation.check(view, at);
    case OPTION.routeInformation:
      return routeInformation.check(view, at);
    case OPTION.recursiveDns:
      return rdnss.check(view, at);
    case OPTION.dnsSearchList:
      return dnssl.check(view, at);
    case OPTION.pref64:
      return pref64.check(view, at);
    default:
      return undefined;
  }
}
