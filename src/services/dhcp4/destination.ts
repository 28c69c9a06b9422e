import { IPV4_BROADCAST } from "../../base/ipv4-address.js";
import { MAC_BROADCAST } from "../../base/mac.js";
import { RELAY_SUBOPTION } from "../../wire/dhcp4/codes.js";
import { FLAG_BROADCAST } from "../../wire/dhcp4/header.js";
import type { Exchange } from "./exchange.js";

export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;

/** What a reply is, as far as its destination depends on it. */
export type ReplyKind = "lease" | "nak" | "inform";

/**
 * Where a reply goes: the only place that decides (RFC 2131 §4.1, §4.3.2, §4.3.5; RFC 1542 §5.4).
 *
 * | reply  | giaddr | ciaddr | broadcast flag | goes to |
 * |--------|--------|--------|----------------|---------|
 * | lease  | set    |        |                | the relay, server port |
 * | lease  | 0      | set    |                | ciaddr |
 * | lease  | 0      | 0      | set            | everybody on the link |
 * | lease  | 0      | 0      | clear          | yiaddr, at the client's MAC: it cannot answer ARP yet |
 * | nak    | set    |        |                | the relay (with the flag set, so that it broadcasts) |
 * | nak    | 0      |        |                | everybody on the link |
 * | inform |        | set    |                | ciaddr, relay or not |
 * | inform | set    | 0      |                | the relay (with the flag set: it has no address to send to) |
 * | inform | 0      | 0      |                | where the request came from |
 *
 * A relay that says so gets it at the port that it sent from (RFC 8357).
 *
 * Frames to a relay, to a ciaddr from which the request came, and to one behind a relay go back to the station that sent it: it
 * may be a router.
 */
export function setDestination(exchange: Exchange, kind: ReplyKind, yiaddr: number): void {
  const { request, datagram, reply } = exchange;
  const { link } = datagram;
  reply.ifindex = link.ifindex;
  reply.etherSource = link.gatewayMac;
  reply.ipSource = link.gatewayIpv4;
  reply.udpSource = SERVER_PORT;
  reply.udpDestination = CLIENT_PORT;
  if (kind === "inform" && request.ciaddr !== 0) toAddress(exchange, request.ciaddr);
  else if (request.giaddr !== 0) toRelay(exchange);
  else if (kind === "nak") toEverybody(exchange);
  else if (request.ciaddr !== 0) toAddress(exchange, request.ciaddr);
  else if (kind === "inform" && datagram.ipSource !== 0) toAddress(exchange, datagram.ipSource);
  else if ((request.flags & FLAG_BROADCAST) !== 0 || !request.isEthernet || yiaddr === 0) toEverybody(exchange);
  else toStation(exchange, yiaddr);
}

function toRelay(exchange: Exchange): void {
  const { request, datagram, reply } = exchange;
  reply.udpDestination = exchange.hasRelaySuboption(RELAY_SUBOPTION.sourcePort) ? datagram.udpSource : SERVER_PORT;
  reply.etherDestination = datagram.etherSource;
  reply.ipDestination = request.giaddr;
}

function toStation(exchange: Exchange, yiaddr: number): void {
  exchange.reply.etherDestination = exchange.request.mac;
  exchange.reply.ipDestination = yiaddr;
}

function toAddress(exchange: Exchange, address: number): void {
  const { request, datagram, reply } = exchange;
  reply.ipDestination = address;
  const isBehindSender = datagram.ipSource === address || request.giaddr !== 0 || !request.isEthernet;
  reply.etherDestination = isBehindSender ? datagram.etherSource : request.mac;
}

function toEverybody(exchange: Exchange): void {
  exchange.reply.etherDestination = MAC_BROADCAST;
  exchange.reply.ipDestination = IPV4_BROADCAST;
}
