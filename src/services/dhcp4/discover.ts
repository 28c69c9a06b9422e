import type { Verdict } from "../../frame/datagram.js";
import type { Lease } from "../../lease/lease-entry.js";
import { OPTION } from "../../wire/dhcp4/codes.js";
import type { Exchange } from "./exchange.js";
import type { Dhcp4Server } from "./server.js";

/**
 * DHCPDISCOVER (RFC 2131 §4.3.1): an offer, held for this client; a lease at once where both sides want it (RFC 4039). Nothing is
 * stored for an offer, so a flood of them costs no disk.
 */
export function onDiscover(exchange: Exchange, server: Dhcp4Server): Verdict {
  server.count("discover");
  const lease = holdAddress(exchange);
  if (lease === undefined) return server.full(exchange);
  if (server.conflicts?.isNeeded(exchange, lease) === true) {
    server.conflicts.begin(exchange, lease);
    return server.silent("silent-probing");
  }
  return wantsRapidCommit(exchange) ? server.acknowledge(exchange, lease, true) : server.offer(exchange, lease);
}

/**
 * The address for a client, in the order of RFC 2131 §4.3.1: the one reserved for it, its present one, its former one, the one
 * that it asks for, any free one. A reserved address that somebody else still has is not waited for.
 */
export function holdAddress(exchange: Exchange): Lease | undefined {
  const { book, identity, served } = exchange;
  const holdMs = served.config.offerSeconds * 1000;
  return holdReserved(exchange) ?? book.offer(identity, exchange.requestedAddress || undefined, holdMs, exchange.pool);
}

/** The address that is kept for the client; undefined where none is, or somebody else still has it. */
export function holdReserved({ book, identity, reservation, served }: Exchange): Lease | undefined {
  if (reservation?.address === undefined) return undefined;
  return book.claim(identity, reservation.address, served.config.offerSeconds * 1000);
}

/** A client that may do without IPv4 gets an offer all the same: an address is used up only if it takes it (RFC 8925 §3.3). */
function wantsRapidCommit(exchange: Exchange): boolean {
  const { request, served } = exchange;
  if (!served.config.rapidCommit || !request.has(OPTION.rapidCommit)) return false;
  return !(served.options.has(OPTION.ipv6OnlyPreferred) && exchange.asksFor(OPTION.ipv6OnlyPreferred));
}
