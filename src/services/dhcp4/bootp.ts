import { VERDICT, type Verdict } from "../../frame/datagram.js";
import { holdAddress, holdReserved } from "./discover.js";
import type { Exchange } from "./exchange.js";
import { INFINITE_SECONDS } from "./network.js";
import type { Dhcp4Server } from "./server.js";

/**
 * BOOTREQUEST without a message type (RFC 951, RFC 1534). Such a client never renews, so its lease has no end; therefore only a
 * guest on its own port gets one, or a client with a reservation the address that is kept for it: on a shared link anybody could
 * use up the pool for ever.
 */
export function onBootp(exchange: Exchange, server: Dhcp4Server): Verdict {
  server.count("bootp");
  const isGuest = exchange.datagram.link.guest !== undefined;
  const lease = isGuest ? holdAddress(exchange) : holdReserved(exchange);
  if (lease === undefined) return isGuest ? server.full(exchange) : server.silent("silent-bootp");
  if (!server.composer.bootp(exchange, Number(lease.address))) return server.silent("drop-reply-too-long");
  server.bind(exchange, lease, INFINITE_SECONDS);
  server.countReply("bootp-reply");
  return VERDICT.replyAfterCommit;
}
