import { VERDICT, type Verdict } from "../../frame/datagram.js";
import { holdAddress } from "./discover.js";
import type { Exchange } from "./exchange.js";
import { INFINITE_SECONDS } from "./network.js";
import type { Dhcp4Server } from "./server.js";

/**
 * BOOTREQUEST without a message type (RFC 951, RFC 1534). Such a client never renews, so its lease has no end; therefore only a
 * guest on its own port, or a client with a reservation, gets one: on a shared link anybody could use up the pool for ever.
 */
export function onBootp(exchange: Exchange, server: Dhcp4Server): Verdict {
  server.count("bootp");
  const isKnown = exchange.datagram.link.guest !== undefined || exchange.reservation?.address !== undefined;
  if (!isKnown) return server.silent("silent-bootp");
  const lease = holdAddress(exchange);
  if (lease === undefined) return server.full(exchange);
  if (!server.composer.bootp(exchange, Number(lease.address))) return server.silent("drop-reply-too-long");
  server.bind(exchange, lease, INFINITE_SECONDS);
  server.countReply("bootp-reply");
  return VERDICT.replyAfterCommit;
}
