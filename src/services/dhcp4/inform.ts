import type { Verdict } from "../../frame/datagram.js";
import type { Exchange } from "./exchange.js";
import type { Dhcp4Server } from "./server.js";

/** DHCPINFORM (RFC 2131 §4.3.5): everything but an address, for a client that has one from elsewhere. No lease is looked at. */
export function onInform(exchange: Exchange, server: Dhcp4Server): Verdict {
  server.count("inform");
  return server.answer(server.composer.inform(exchange), "inform-ack");
}
