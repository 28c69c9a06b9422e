/**
 * Theory of operation
 *
 * A network of kind `bridge` is one link that its guests share: their TAPs are ports of a Linux bridge. Either the bridge is
 * ours: made here, known again by its alias, with a MAC address of its own that no port changes, our gateway's addresses on
 * it, and removed with its network. Or it exists, made by whoever runs the host's network: then only the guests' ports are
 * ours.
 *
 * Further interfaces become ports of our bridge where the configuration names them, and are marked like it. One that has
 * addresses of its own is left alone and complained about: as a port it would stop using them, and the host might be cut off.
 *
 * Pure: what it finds are operations and complaints.
 */

import { isLinkLocalIpv6 } from "../base/ipv6-address.js";
import type { InterfaceAddress, LinkState } from "../base/kernel-objects.js";
import {
  formatBridgeAlias,
  formatBridgePortAlias,
  formatVlanAlias,
  isVlanAlias,
  parseBridgeAlias,
  parseBridgePortAlias,
} from "./alias.js";
import type { Bridge, Network } from "./model.js";
import type { Operation } from "./operation.js";
import { hasIpv6 } from "./state.js";
import type { WantedBridge, WantedLink } from "./wanted.js";

type OwnNetwork = Network & { readonly bridge: Bridge };

/** Networks whose bridge is ours. */
function ownBridges(networks: readonly Network[]): OwnNetwork[] {
  return networks.filter((network): network is OwnNetwork => network.bridge?.existing === false);
}

/** The bridges that are to be there, whether they are or not. */
export function wantedBridges(networks: readonly Network[]): WantedBridge[] {
  return ownBridges(networks).map(({ name, bridge, gatewayMac, mtu, group }) => ({
    settings: { name: bridge.name, mac: gatewayMac, mtu, group, alias: formatBridgeAlias(name) },
    bridge: { stp: bridge.stp, forwardDelayMs: bridge.forwardDelayMs },
  }));
}

/** Our bridges that exist, and the further interfaces that are their ports, as they should be. */
export function bridgeLinks(networks: readonly Network[], interfaces: ReadonlyMap<string, number>): WantedLink[] {
  return ownBridges(networks).flatMap((network) => {
    const ifindex = interfaces.get(network.bridge.name);
    return ifindex === undefined ? [] : [bridgeLink(network, ifindex), ...portLinks(network, ifindex, interfaces)];
  });
}

function bridgeLink(network: OwnNetwork, ifindex: number): WantedLink {
  const { name, bridge, gatewayMac, mtu, group, wayOut } = network;
  const forwarding = wayOut === "none" ? 0 : 1;
  return {
    ifindex,
    settings: {
      mac: gatewayMac,
      mtu,
      group,
      alias: formatBridgeAlias(name),
      ipv4: { forwarding, proxyArp: 0, rpFilter: 1, acceptRedirects: 0, sendRedirects: 0, acceptSourceRoute: 0 },
      ipv6AddressGeneration: "none",
    },
    ipv6: hasIpv6(network),
    bridge: { stp: bridge.stp, forwardDelayMs: bridge.forwardDelayMs },
  };
}

function portLinks(network: OwnNetwork, master: number, interfaces: ReadonlyMap<string, number>): WantedLink[] {
  const { name, bridge, vlans } = network;
  return bridge.ports.flatMap((port) => {
    const ifindex = interfaces.get(port);
    const isVlan = vlans.some((vlan) => vlan.name === port);
    const alias = isVlan ? formatVlanAlias() : formatBridgePortAlias(name);
    return ifindex === undefined ? [] : [{ ifindex, settings: { master, alias } }];
  });
}

/** What is too much: bridges of networks that are gone, and interfaces that are no ports of ours any more. */
export function surplusBridges(networks: readonly Network[], links: readonly LinkState[]): Operation[] {
  const own = new Map(ownBridges(networks).map((network) => [network.name, network.bridge]));
  return links.flatMap((link): Operation[] => {
    const bridgeOf = parseBridgeAlias(link.alias);
    if (bridgeOf !== undefined && own.get(bridgeOf)?.name !== link.name) return [{ do: "deleteLink", ifindex: link.ifindex }];
    const portOf = parseBridgePortAlias(link.alias);
    if (portOf === undefined || own.get(portOf)?.ports.includes(link.name) === true) return [];
    return [{ do: "setLink", ifindex: link.ifindex, settings: { master: 0, alias: "" } }];
  });
}

/** Indices of the bridges and of their further ports that may be used as the configuration says, by name. */
export function usableBridgeLinks(
  networks: readonly Network[],
  links: readonly LinkState[],
  addresses: readonly InterfaceAddress[],
): { readonly usable: ReadonlyMap<string, number>; readonly complaints: readonly string[] } {
  const usable = new Map<string, number>();
  const complaints: string[] = [];
  const byName = new Map(links.map((link) => [link.name, link]));
  const addressed = new Set(addresses.filter(hasMeaning).map(({ ifindex }) => ifindex));
  for (const { name, bridge } of networks) {
    if (bridge === undefined) continue;
    const link = byName.get(bridge.name);
    const complaint = link === undefined ? explainMissing(name, bridge) : explainUnusable(name, bridge, link);
    if (complaint !== undefined) complaints.push(complaint);
    else if (link !== undefined) usable.set(bridge.name, link.ifindex);
    for (const port of bridge.ports) {
      const found = byName.get(port);
      const refusal = explainPort(name, bridge, port, found, found !== undefined && addressed.has(found.ifindex));
      if (refusal !== undefined) complaints.push(refusal);
      else if (found !== undefined) usable.set(port, found.ifindex);
    }
  }
  return { usable, complaints };
}

/** An address that somebody uses the interface by. */
function hasMeaning({ address }: InterfaceAddress): boolean {
  return typeof address === "number" || !isLinkLocalIpv6(address);
}

function explainMissing(network: string, { name, existing }: Bridge): string | undefined {
  if (!existing) return undefined;
  return `network ${network}: there is no bridge ${name} yet; it is waited for, since existing: true says that others make it`;
}

function explainUnusable(network: string, { name, existing }: Bridge, link: LinkState): string | undefined {
  if (link.kind !== "bridge") return `network ${network}: ${name} is no bridge: name another one`;
  if (existing || parseBridgeAlias(link.alias) === network) return undefined;
  return `network ${network}: the bridge ${name} exists and was not made by tapnet: say existing: true to use it as it is`;
}

function explainPort(
  network: string,
  bridge: Bridge,
  port: string,
  link: LinkState | undefined,
  addressed: boolean,
): string | undefined {
  if (link === undefined) return `network ${network}: there is no interface ${port} yet to be a port of ${bridge.name}`;
  if (parseBridgePortAlias(link.alias) === network || isVlanAlias(link.alias)) return undefined;
  if (link.master !== 0) return `network ${network}: ${port} is a port of something else already: take it out there first`;
  if (!addressed) return undefined;
  return (
    `network ${network}: ${port} has addresses, which it would lose the use of as a port of ${bridge.name}: ` +
    "remove them first, or name another interface"
  );
}
