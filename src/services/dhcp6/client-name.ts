import * as clientFqdn from "../../wire/dhcp6/client-fqdn.js";
import type { Dhcp6Request } from "../../wire/dhcp6/request.js";

/**
 * The host name that a client asks for (RFC 4704), as one label of letters, digits and hyphens (RFC 1123 §2.1); empty when
 * nothing of it is left. What domain it claims does not matter: the network's is ours.
 */
export function clientName(request: Dhcp6Request): string {
  if (request.fqdnOffset < 0) return "";
  const { name } = clientFqdn.parse(request.view, request.fqdnOffset, request.fqdnLength);
  const [label] = name
    .replaceAll(/\\\d{3}/g, "-")
    .toLowerCase()
    .split(".", 1);
  return label.replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
}

/**
 * The flags of our answer (RFC 4704 §6): we keep the AAAA record, unless the client wants none kept at all. Where it wanted to
 * keep it itself, we say that we overrode that.
 */
export function answeredFlags(asked: number): number {
  const { serverUpdates, overridden, noUpdate } = clientFqdn.FLAG;
  if ((asked & noUpdate) !== 0) return noUpdate;
  return (asked & serverUpdates) !== 0 ? serverUpdates : serverUpdates | overridden;
}
