import { OPTION } from "../../wire/dhcp4/codes.js";
import type { Dhcp4Request } from "../../wire/dhcp4/request.js";
import { type Dhcp4Network, INFINITE_SECONDS } from "./network.js";

/** A client that asks for less gets this, where nothing else is said. */
const SHORTEST_SECONDS = 60;

/**
 * How long the lease lasts: what the client asks for within the network's bounds, else `usual` (RFC 2131 §4.3.1). The bounds are
 * the network's, and `usual` may be a guest's or a class's own: what is given unasked may be asked for as well.
 */
export function leaseSeconds(request: Dhcp4Request, network: Dhcp4Network, usual: number): number {
  if (request.lengthOf(OPTION.leaseTime) !== 4) return usual;
  const longest = Math.max(network.longestLeaseSeconds ?? usual, usual, 1);
  const shortest = Math.min(network.shortestLeaseSeconds ?? SHORTEST_SECONDS, usual);
  return Math.min(Math.max(request.uint32(OPTION.leaseTime), shortest), longest);
}

/** T1, when the client begins to renew. Always before T2. */
export function renewSeconds(network: Dhcp4Network, lease: number): number {
  return usesOwnTimes(network, lease) ? (network.renewSeconds ?? half(lease)) : half(lease);
}

/** T2, when it begins to ask any server. Always before the end of the lease. */
export function rebindSeconds(network: Dhcp4Network, lease: number): number {
  return usesOwnTimes(network, lease) ? (network.rebindSeconds ?? sevenEighths(lease)) : sevenEighths(lease);
}

/** Configured times count only where they come in the right order for this lease (RFC 2131 §4.4.5). */
function usesOwnTimes(network: Dhcp4Network, lease: number): boolean {
  if (lease === INFINITE_SECONDS) return false;
  const renew = network.renewSeconds ?? half(lease);
  const rebind = network.rebindSeconds ?? sevenEighths(lease);
  return renew < rebind && rebind < lease;
}

function half(lease: number): number {
  return lease === INFINITE_SECONDS ? lease : Math.floor(lease / 2);
}

function sevenEighths(lease: number): number {
  return lease === INFINITE_SECONDS ? lease : Math.floor((lease * 7) / 8);
}
