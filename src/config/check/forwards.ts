/** What leads from outside to a guest: ports of the host (`forwards:`), and addresses as a whole (`public:`). */
import { formatAddress, type IpAddress, isLoopback } from "../../base/kernel-objects.js";
import { formatPrefix, ipv4InPrefix, ipv6InPrefix, type Prefix } from "../../base/prefix.js";
import type { GuestConfiguration, NetworkConfiguration } from "../configuration.js";
import type { ConfigDocument } from "../document.js";
import type { KnownNetworks } from "./nics.js";

/** Where nothing enters from outside, a forward would be a way in. */
export function checkForwards(
  guest: GuestConfiguration,
  network: NetworkConfiguration | undefined,
  rootless: boolean,
  document: ConfigDocument,
): void {
  const path = ["guests", guest.name, "forwards"];
  if (network === undefined || guest.forwards.length === 0) return;
  const refusal = explainNoForwards(network) ?? (rootless ? explainUnasked(guest) : undefined);
  if (refusal !== undefined) document.problem(path, refusal, "key");
  // Without root a guest is reached by whichever family it has.
  if (rootless) return;
  for (const [index, { address }] of guest.forwards.entries()) {
    const loopback = explainLoopback(address);
    if (loopback !== undefined) document.problem([...path, index], loopback);
    if (loopback !== undefined || address === undefined) continue;
    if (network[typeof address === "number" ? "ipv4" : "ipv6"] !== undefined) continue;
    const family = typeof address === "number" ? "IPv4" : "IPv6";
    document.problem([...path, index], `network ${network.name} has no ${family}, which ${formatAddress(address)} would need`);
  }
}

/** Why guests of a network cannot have forwards; undefined where they can. */
export function explainNoForwards({
  name,
  kind,
  wayOut,
}: Pick<NetworkConfiguration, "name" | "kind" | "wayOut">): string | undefined {
  if (kind === "bridge" && wayOut === "none")
    return `lead into network ${name}, whose guests the host is not the router of; remove them, or give it way-out: nat`;
  if (kind === "isolated" || kind === "private")
    return `lead into network ${name} of kind ${kind}, which nothing enters; remove them, or take kind: nat`;
  return undefined;
}

/** Why a forward cannot be from this address of the host; undefined where it can. */
export function explainLoopback(address: IpAddress | undefined): string | undefined {
  if (address === undefined || !isLoopback(address)) return undefined;
  return `${formatAddress(address)} is the loopback, which leads to no guest where root's tapnetd serves; name another address of the host`;
}

/** Why guests with `ingress:` have no forwards without root: who comes by one, comes from the host there. */
export function explainUnasked({ ingress }: Pick<GuestConfiguration, "ingress">): string | undefined {
  if (ingress === undefined) return undefined;
  return "would pass by ingress:, which a tapnetd without root cannot ask of clients from outside; remove one of the two";
}

/** Public addresses, against all that other guests and networks have. */
export function checkPublics(
  guests: readonly GuestConfiguration[],
  networks: KnownNetworks,
  rootless: boolean,
  document: ConfigDocument,
): void {
  const owners = new Map<string, string>();
  for (const guest of guests) {
    const path = ["guests", guest.name, "public"];
    const network = networks.sound.get(guest.network);
    const refusal = guest.publics.length === 0 ? undefined : explainNoPublics(network, rootless);
    if (refusal !== undefined) document.problem(path, refusal, "key");
    for (const address of guest.publics) {
      const text = formatAddress(address);
      const problem = explainTaken(address, owners.get(text), networks) ?? explainFamily(address, network);
      if (problem !== undefined) document.problem(path, `${text} ${problem}`);
      if (!owners.has(text)) owners.set(text, guest.name);
    }
  }
  for (const { name, forwards } of guests) checkForwardedPublics(name, forwards, owners, document);
}

/**
 * What is lost by public addresses that the host has itself, where they are all that it has of a family on an interface: one that
 * it has besides is given away on purpose. `own` has the addresses of each interface.
 */
export function explainOwnPublics(guests: readonly GuestConfiguration[], own: readonly (readonly string[])[]): string[] {
  const given = new Map(guests.flatMap(({ name, publics }) => publics.map((address) => [formatAddress(address), name] as const)));
  if (given.size === 0) return [];
  return own.flatMap((addresses) =>
    [addresses.filter((address) => !address.includes(":")), addresses.filter(isGlobalIpv6)]
      .filter((ofFamily) => ofFamily.every((address) => given.has(address)))
      .flat()
      .map(
        (address) =>
          `${address} is this host's own address and leads to guest ${given.get(address)} as a whole (public:): ` +
          "nobody outside reaches the host there any more, by ssh neither; take another address, or write forwards:",
      ),
  );
}

function isGlobalIpv6(address: string): boolean {
  return address.includes(":") && !address.toLowerCase().startsWith("fe80:");
}

function explainNoPublics(network: NetworkConfiguration | undefined, rootless: boolean): string | undefined {
  if (rootless) return "is not for a tapnetd without root, which has no address of the host to itself; write forwards: instead";
  return network === undefined ? undefined : explainNoForwards(network);
}

function explainTaken(address: IpAddress, owner: string | undefined, networks: KnownNetworks): string | undefined {
  if (owner !== undefined) return `is the public address of guest ${owner} already; each needs its own`;
  for (const { name, gatewayIpv4, gatewayIpv6, ipv4, ipv6 } of networks.sound.values()) {
    if (address === gatewayIpv4 || address === gatewayIpv6) return `is the gateway of network ${name}; take another address`;
    const within = [ipv4, ipv6].find((prefix) => prefix !== undefined && contains(prefix, address));
    if (within !== undefined)
      return `is of network ${name}, whose guests have ${formatPrefix(within)} as their own; take an address outside it`;
  }
  return undefined;
}

function explainFamily(address: IpAddress, network: NetworkConfiguration | undefined): string | undefined {
  if (network === undefined) return undefined;
  if (typeof address === "number")
    return network.ipv4 === undefined ? `needs a network with IPv4: ${network.name} has none` : undefined;
  const has = network.ipv6 !== undefined || network.ipv6Source !== "own";
  return has ? undefined : `needs a network with IPv6: ${network.name} has none`;
}

/** All of the address leads to its guest: a forward from there would do nothing. */
function checkForwardedPublics(
  name: string,
  forwards: GuestConfiguration["forwards"],
  owners: ReadonlyMap<string, string>,
  document: ConfigDocument,
): void {
  for (const [index, { address }] of forwards.entries()) {
    const text = address === undefined ? "" : formatAddress(address);
    const owner = owners.get(text);
    if (owner === undefined) continue;
    document.problem(
      ["guests", name, "forwards", index],
      `${text} leads to guest ${owner} as a whole (public:); take another address, or remove it there`,
    );
  }
}

function contains(prefix: Prefix, address: IpAddress): boolean {
  if (prefix.family === 4) return typeof address === "number" && ipv4InPrefix(address, prefix);
  return typeof address === "bigint" && ipv6InPrefix(address, prefix);
}
