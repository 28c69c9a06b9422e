import type { Ipv4Prefix } from "../../base/prefix.js";
import type { ClasslessRoute } from "../../wire/dhcp4/classless-routes.js";
import type { Dhcp4Network } from "./network.js";

const ON_LINK = 0;
const EVERYWHERE: Ipv4Prefix = { family: 4, address: 0, prefixLength: 0 };

/**
 * Options 121 and 249 of a network; empty when it needs none. A client that follows them ignores option 3 (RFC 3442), so the
 * default route is among them; with netmask `host` also the way to the gateway itself, first, because the others go through it.
 * Without a default route, the network's own addresses take its place there.
 */
export function classlessRoutesOf(network: Dhcp4Network, defaultRoute = true): ClasslessRoute[] {
  const isHost = network.netmask === "host";
  if (!isHost && network.routes.length === 0) return [];
  const routes: ClasslessRoute[] = [];
  if (isHost && network.gateway !== 0) {
    routes.push({ to: { family: 4, address: network.gateway, prefixLength: 32 }, router: ON_LINK });
  }
  for (const route of network.routes) {
    const router = route.via ?? network.gateway;
    if (router !== 0 || route.via !== undefined) routes.push({ to: route.to, router });
  }
  if (!defaultRoute) {
    if (isHost && network.gateway !== 0) routes.push({ to: network.subnet, router: network.gateway });
    return routes.filter(({ to }) => to.prefixLength !== 0);
  }
  const hasDefault = routes.some(({ to }) => to.prefixLength === 0);
  if (!hasDefault && network.gateway !== 0) routes.push({ to: EVERYWHERE, router: network.gateway });
  return routes;
}
