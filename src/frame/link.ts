import type { Ipv4Address } from "../base/ipv4-address.js";
import type { Ipv6Address } from "../base/ipv6-address.js";
import type { Mac } from "../base/mac.js";

/**
 * Where control frames come from and replies go to.
 *
 * On a *port* there is one guest: identity is the port's. On a *shared* link (a bridge, a veth, a physical interface) there
 * are many clients: identity is the client's own.
 */
export interface Link {
  /** Index of this link in the frame socket and in every per-link table; reused after the link is gone. */
  readonly slot: number;
  readonly ifindex: number;
  readonly ifname: string;
  /** Name of the network that the link belongs to. */
  readonly network: string;
  /** The guest behind a port; undefined on a shared link. */
  readonly guest: string | undefined;
  /** Our own addresses on this link; zero where the network has none of that family. */
  readonly gatewayMac: Mac;
  readonly gatewayIpv4: Ipv4Address;
  readonly gatewayIpv6: Ipv6Address;
  /** False: the guest has its default route elsewhere, and we are no router for it here. */
  readonly defaultRoute?: boolean | undefined;
  /** The port is one of a bridge: who else is on that answers there for itself. */
  readonly bridged?: boolean | undefined;
  /** Our link-local address, where it is not the `fe80::1` of every port. */
  readonly linkLocalIpv6?: Ipv6Address | undefined;
}

/**
 * A link as services are to see it, with all its properties in one order, whatever it is made of: code that reads links often is
 * compiled for one shape, and again for each other.
 */
export function makeLink(link: Link): Link {
  const { slot, ifindex, ifname, network, guest, gatewayMac, gatewayIpv4, gatewayIpv6 } = link;
  const { defaultRoute, bridged, linkLocalIpv6 } = link;
  const named = { slot, ifindex, ifname, network, guest, gatewayMac, gatewayIpv4, gatewayIpv6 };
  return { ...named, defaultRoute, bridged, linkLocalIpv6 };
}
