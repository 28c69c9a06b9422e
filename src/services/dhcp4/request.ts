import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Verdict } from "../../frame/datagram.js";
import type { Lease } from "../../lease/lease-entry.js";
import { OPTION } from "../../wire/dhcp4/codes.js";
import type { Exchange } from "./exchange.js";
import type { Dhcp4Server } from "./server.js";

/**
 * DHCPREQUEST (RFC 2131 §4.3.2). Which of the four it is follows from its fields (table 4):
 *
 * | state      | option 54 | option 50 | ciaddr |
 * |------------|-----------|-----------|--------|
 * | SELECTING  | set       | set       | 0      |
 * | INIT-REBOOT| absent    | set       | 0      |
 * | RENEWING, REBINDING | absent | absent | set |
 */
export function onRequest(exchange: Exchange, server: Dhcp4Server): Verdict {
  server.count("request");
  const { request } = exchange;
  const requested = exchange.requestedAddress;
  if (request.has(OPTION.serverIdentifier)) {
    if (!isForUs(exchange)) {
      exchange.book.withdraw(exchange.identity);
      return server.silent("silent-other-server");
    }
    if (requested !== 0) return onSelecting(exchange, server, requested);
  } else if (requested !== 0 && request.ciaddr === 0) {
    return onInitReboot(exchange, server, requested);
  }
  return request.ciaddr === 0 ? server.silent("silent-no-address") : onRenewing(exchange, server, request.ciaddr);
}

/** Whether option 54 names us: our address on the link, or the one that a relay has put there for us. */
export function isForUs(exchange: Exchange): boolean {
  const named = exchange.addressOption(OPTION.serverIdentifier);
  return named !== 0 && (named === exchange.serverId || named === exchange.datagram.link.gatewayIpv4);
}

/** The client takes an offer. Ours may be forgotten (a restart): the address is still given if it is free. */
function onSelecting(exchange: Exchange, server: Dhcp4Server, requested: Ipv4Address): Verdict {
  const lease = heldLease(exchange, requested) ?? claimFree(exchange, requested);
  if (lease === undefined || !mayHave(exchange, requested)) return server.nak(exchange, "address not available");
  return server.acknowledge(exchange, lease);
}

/** The client has booted again and wants to keep its address. */
function onInitReboot(exchange: Exchange, server: Dhcp4Server, requested: Ipv4Address): Verdict {
  const isHere = exchange.served.contains(requested) || exchange.reservation?.address === requested;
  if (!isHere) return server.refuse(exchange, "wrong network");
  return onKeeping(exchange, server, requested);
}

/** The client extends its lease: it asks us (unicast), or anybody (broadcast). What counts for us is the same. */
function onRenewing(exchange: Exchange, server: Dhcp4Server, address: Ipv4Address): Verdict {
  return onKeeping(exchange, server, address);
}

function onKeeping(exchange: Exchange, server: Dhcp4Server, address: Ipv4Address): Verdict {
  const lease = heldLease(exchange, address);
  if (lease !== undefined)
    return mayHave(exchange, address) ? server.acknowledge(exchange, lease) : server.nak(exchange, "address withdrawn");
  const isKnown = exchange.book.find(exchange.identity) !== undefined;
  return isKnown ? server.nak(exchange, "not your address") : server.refuse(exchange, "unknown lease");
}

/** The client's lease or offer of exactly this address. */
function heldLease(exchange: Exchange, address: Ipv4Address): Lease | undefined {
  const { book, identity } = exchange;
  const offered = book.findOffer(identity);
  if (offered?.address === address) return offered;
  const main = book.find(identity);
  return main?.address === address ? main : undefined;
}

function claimFree(exchange: Exchange, address: Ipv4Address): Lease | undefined {
  if (!mayHave(exchange, address)) return undefined;
  return exchange.book.claim(exchange.identity, address, exchange.served.config.offerSeconds * 1000);
}

/**
 * Whether the configuration, as it is now, gives this client this address. A client that has a reservation must move to it as
 * soon as nobody else is there.
 */
function mayHave(exchange: Exchange, address: Ipv4Address): boolean {
  const reserved = exchange.reservation?.address;
  if (reserved === address) return true;
  if (reserved !== undefined && isWithinReach(exchange, reserved)) return false;
  return exchange.pool.contains(address) && exchange.served.contains(address);
}

function isWithinReach(exchange: Exchange, address: Ipv4Address): boolean {
  const holder = exchange.book.at(address);
  if (holder === undefined || holder.state === "released" || holder.state === "expired") return true;
  return holder.identity === exchange.identity && holder.state !== "declined";
}
