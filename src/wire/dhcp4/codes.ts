/** Every number of DHCPv4 that has a name here. */

/** Message types (RFC 2132 §9.6, RFC 3203, RFC 4388). */
export const MESSAGE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
  forceRenew: 9,
  leaseQuery: 10,
} as const;

export const OP = { request: 1, reply: 2 } as const;

/** Options of the protocol itself, and those that the server fills in; the rest is in `OPTION_NAMES`. */
export const OPTION = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  dnsServer: 6,
  hostName: 12,
  domainName: 15,
  mtu: 26,
  broadcast: 28,
  staticRoutes: 33,
  vendorSpecific: 43,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverIdentifier: 54,
  parameterList: 55,
  message: 56,
  maximumSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientIdentifier: 61,
  tftpServer: 66,
  bootFile: 67,
  userClass: 77,
  rapidCommit: 80,
  clientFqdn: 81,
  relayAgent: 82,
  clientArchitecture: 93,
  clientInterface: 94,
  clientUuid: 97,
  ipv6OnlyPreferred: 108,
  captivePortal: 114,
  subnetSelection: 118,
  domainSearch: 119,
  classlessRoutes: 121,
  etherboot: 175,
  microsoftRoutes: 249,
  end: 255,
} as const;

/** Suboptions of option 82 (RFC 3046, 3527, 5107, 8357). */
export const RELAY_SUBOPTION = { circuitId: 1, remoteId: 2, linkSelection: 5, serverIdOverride: 11, sourcePort: 19 } as const;

/** What is wrong with a message as a whole. */
export type Dhcp4Fault =
  | "dhcp4-truncated"
  | "dhcp4-op"
  | "dhcp4-hardware-length"
  | "dhcp4-option-overrun"
  | "dhcp4-option-length";

const MESSAGE_NAMES: readonly string[] = Object.keys(MESSAGE).map((name) => name.toUpperCase());

/** `DISCOVER`, or `TYPE-17` for a number without a name. */
export function messageName(type: number): string {
  return MESSAGE_NAMES[type - 1] ?? `TYPE-${type}`;
}
