import { OPTION } from "./codes.js";

/** What an option's data looks like. Several options share a shape. */
export type Kind =
  | "duid"
  | "ia"
  | "temporary-ia"
  | "ia-address"
  | "ia-prefix"
  | "status"
  | "flag"
  | "uint8"
  | "uint16"
  | "uint32"
  | "codes"
  | "addresses"
  | "domains"
  | "fqdn"
  | "ntp"
  | "items"
  | "vendor-class"
  | "vendor-options"
  | "remote-id"
  | "link-layer-address"
  | "opaque";

/** The shape of an option by its code; `opaque` for what has none here. */
export function kindOf(code: number): Kind {
  switch (code) {
    case OPTION.clientId:
    case OPTION.serverId:
      return "duid";
    case OPTION.iaNa:
    case OPTION.iaPd:
      return "ia";
    case OPTION.iaTa:
      return "temporary-ia";
    case OPTION.iaAddress:
      return "ia-address";
    case OPTION.iaPrefix:
      return "ia-prefix";
    case OPTION.statusCode:
      return "status";
    case OPTION.rapidCommit:
    case OPTION.reconfigureAccept:
      return "flag";
    case OPTION.preference:
    case OPTION.reconfigureMessage:
      return "uint8";
    case OPTION.elapsedTime:
    case OPTION.relaySourcePort:
      return "uint16";
    case OPTION.informationRefreshTime:
    case OPTION.solMaxRt:
    case OPTION.infMaxRt:
      return "uint32";
    case OPTION.optionRequest:
    case OPTION.echoRequest:
    case OPTION.clientArchitecture:
      return "codes";
    case OPTION.dnsServers:
    case OPTION.sntpServers:
      return "addresses";
    case OPTION.domainList:
      return "domains";
    case OPTION.clientFqdn:
      return "fqdn";
    case OPTION.ntpServer:
      return "ntp";
    case OPTION.userClass:
    case OPTION.bootFileParameters:
      return "items";
    case OPTION.vendorClass:
      return "vendor-class";
    case OPTION.vendorOptions:
      return "vendor-options";
    case OPTION.remoteId:
      return "remote-id";
    case OPTION.clientLinkLayerAddress:
      return "link-layer-address";
    default:
      return "opaque";
  }
}
