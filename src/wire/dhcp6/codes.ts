import type { Ipv6Address } from "../../base/ipv6-address.js";

/** UDP ports (RFC 8415 §7.2): clients listen on one, servers and relay agents on the other. */
export const DHCP6_PORT = { client: 546, server: 547 } as const;

/** All_DHCP_Relay_Agents_and_Servers, ff02::1:2 (RFC 8415 §7.1): where clients send to. */
export const ALL_DHCP_RELAY_AGENTS_AND_SERVERS: Ipv6Address = (0xff02n << 112n) | 0x1_0002n;

/** All_DHCP_Servers, ff05::1:3 (RFC 8415 §7.1): where relay agents send to. */
export const ALL_DHCP_SERVERS: Ipv6Address = (0xff05n << 112n) | 0x1_0003n;

/**
 * Relays that may stand between a client and a server. Relay agents stop at 8 (RFC 8415 §7.6, HOP_COUNT_LIMIT); those of RFC
 * 3315 §5.6 stop at 32, and a server hears from both.
 */
export const HOP_COUNT_LIMIT = 32;

/** Lifetimes and T1 / T2 of this value never end (RFC 8415 §7.7). */
export const INFINITE_SECONDS = 0xffff_ffff;

/** Message types (RFC 8415 §7.3). */
export const MESSAGE = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  reconfigure: 10,
  informationRequest: 11,
  relayForward: 12,
  relayReply: 13,
} as const;

/** Option codes (RFC 8415 §21 and the RFC named beside each). */
export const OPTION = {
  clientId: 1,
  serverId: 2,
  iaNa: 3,
  iaTa: 4,
  iaAddress: 5,
  optionRequest: 6,
  preference: 7,
  elapsedTime: 8,
  relayMessage: 9,
  authentication: 11,
  serverUnicast: 12,
  statusCode: 13,
  rapidCommit: 14,
  userClass: 15,
  vendorClass: 16,
  vendorOptions: 17,
  interfaceId: 18,
  reconfigureMessage: 19,
  reconfigureAccept: 20,
  /** RFC 3646 */
  dnsServers: 23,
  /** RFC 3646 */
  domainList: 24,
  iaPd: 25,
  iaPrefix: 26,
  /** RFC 4075 */
  sntpServers: 31,
  informationRefreshTime: 32,
  /** RFC 4649 */
  remoteId: 37,
  /** RFC 4580 */
  subscriberId: 38,
  /** RFC 4704 */
  clientFqdn: 39,
  /** RFC 4994 */
  echoRequest: 43,
  /** RFC 5908 */
  ntpServer: 56,
  /** RFC 5970 */
  bootFileUrl: 59,
  /** RFC 5970 */
  bootFileParameters: 60,
  /** RFC 5970 */
  clientArchitecture: 61,
  /** RFC 5970 */
  networkInterfaceId: 62,
  /** RFC 6939 */
  clientLinkLayerAddress: 79,
  solMaxRt: 82,
  infMaxRt: 83,
  /** RFC 8357 */
  relaySourcePort: 135,
} as const;

/** Status codes (RFC 8415 §21.13). RFC 9915 retires `useMulticast`, which clients of RFC 8415 still understand. */
export const STATUS = {
  success: 0,
  unspecFail: 1,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  useMulticast: 5,
  noPrefixAvail: 6,
} as const;

/** What can be wrong with a message, whoever sent it. */
export const FAULTS = [
  "dhcp6-truncated",
  "dhcp6-option-overrun",
  "dhcp6-option-malformed",
  "dhcp6-option-repeated",
  "dhcp6-nested-too-deep",
  "dhcp6-duid-length",
  "dhcp6-ia-count",
  "dhcp6-relay-empty",
  "dhcp6-relay-too-deep",
] as const;
export type Dhcp6Fault = (typeof FAULTS)[number];

/** `solicit` for 1; `message-99` for what has no name here. */
export function messageName(type: number): string {
  return nameOf(MESSAGE, type) ?? `message-${type}`;
}

/** `clientId` for 1; `option-999` for what has no name here. */
export function optionName(code: number): string {
  return nameOf(OPTION, code) ?? `option-${code}`;
}

/** `noBinding` for 3; `status-99` for what has no name here. */
export function statusName(code: number): string {
  return nameOf(STATUS, code) ?? `status-${code}`;
}

function nameOf(table: Record<string, number>, wanted: number): string | undefined {
  return Object.keys(table).find((name) => table[name] === wanted);
}
