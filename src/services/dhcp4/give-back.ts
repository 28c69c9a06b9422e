import { VERDICT, type Verdict } from "../../frame/datagram.js";
import type { Lease } from "../../lease/lease-entry.js";
import { OPTION } from "../../wire/dhcp4/codes.js";
import type { Exchange } from "./exchange.js";
import { clientIdOf } from "./identity.js";
import { isForUs } from "./request.js";
import type { Dhcp4Server } from "./server.js";

/** DHCPRELEASE (RFC 2131 §4.3.4): the lease is over, the address remembered for the client. Never answered. */
export function onRelease(exchange: Exchange, server: Dhcp4Server): Verdict {
  server.count("release");
  const { request, book, identity } = exchange;
  if (request.has(OPTION.serverIdentifier) && !isForUs(exchange)) return server.silent("silent-other-server");
  const lease = book.find(identity);
  if (lease?.state !== "bound" || lease.address !== request.ciaddr || !isHolder(exchange, lease)) {
    return server.silent("silent-not-its-lease");
  }
  book.release(lease);
  return VERDICT.silent;
}

/** DHCPDECLINE (RFC 2131 §4.3.3): somebody else uses the address, so it goes into quarantine. Never answered. */
export function onDecline(exchange: Exchange, server: Dhcp4Server): Verdict {
  server.count("decline");
  const { request, book, identity } = exchange;
  if (request.has(OPTION.serverIdentifier) && !isForUs(exchange)) return server.silent("silent-other-server");
  const address = exchange.requestedAddress;
  const offered = book.findOffer(identity);
  const lease = offered?.address === address ? offered : book.find(identity);
  if (lease === undefined || lease.address !== address || !isTaken(lease) || !isHolder(exchange, lease)) {
    return server.silent("silent-not-its-lease");
  }
  server.quarantine(exchange, lease);
  return VERDICT.silent;
}

function isTaken(lease: Lease): boolean {
  return lease.state === "bound" || lease.state === "offered";
}

/**
 * Two clients may run one after another behind one port, or on a station with a reservation (an initramfs and the system that it
 * starts), and share its lease. Only the one that was answered last may give it back: the other's farewell must not cut it off.
 */
function isHolder({ request, mac }: Exchange, { record }: Lease): boolean {
  if (record === undefined) return true;
  return record.clientId === "" ? record.mac === mac : record.clientId === clientIdOf(request);
}
