import type { Verdict } from "../../frame/datagram.js";
import type { Exchange } from "./exchange.js";
import type { Dhcp4Server } from "./server.js";

/**
 * DHCPINFORM (RFC 2131 §4.3.5): everything but an address, for a client that has one from elsewhere. No lease is looked at,
 * but an address of another subnet is a sign that our parameters are not for this client.
 */
export function onInform(exchange: Exchange, server: Dhcp4Server): Verdict {
  server.count("inform");
  const { request, datagram, served, reservation } = exchange;
  const address = request.ciaddr || (request.giaddr === 0 ? datagram.ipSource : 0);
  if (address !== 0 && !served.contains(address) && reservation?.address !== address)
    return server.silent("silent-foreign-address");
  return server.answer(server.composer.inform(exchange), "inform-ack");
}
