import { type BridgeStation, familyOf, type InterfaceAddress, type Neighbour, type Route } from "../base/kernel-objects.js";
import { bridgeLinks, wantedBridges } from "./bridge.js";
import type { Ruleset } from "./kernel.js";
import { answersOnUplink, type Model, type Network, type Port } from "./model.js";
import { composeRuleset } from "./ruleset.js";
import {
  bindingState,
  bridgePortSettings,
  clientPrefixState,
  gatewayAddresses,
  hasIpv6,
  poolRoutes,
  portAddresses,
  portSettings,
  publicStates,
  type Station,
  stationStates,
} from "./state.js";
import { NO_TRAFFIC, type Traffic } from "./traffic.js";
import { vlanLinks, wantedVlans } from "./vlan.js";
import type { WantedBridge, WantedLink, WantedSysctl, WantedVlan } from "./wanted.js";

/** Everything that the kernel should hold for a model: what of it is missing or different, `reconcile` puts right. */
export interface KernelState {
  readonly networks: readonly Network[];
  readonly sysctls: readonly WantedSysctl[];
  readonly vlans: readonly WantedVlan[];
  readonly bridges: readonly WantedBridge[];
  readonly links: readonly WantedLink[];
  readonly addresses: readonly InterfaceAddress[];
  readonly routes: readonly Route[];
  readonly neighbours: readonly Neighbour[];
  readonly bridgeStations: readonly BridgeStation[];
  readonly stations: readonly Station[];
  readonly traffic: Traffic;
  readonly ruleset: Ruleset;
}

/** Setting it makes the host a router in IPv6; links that take router advertisements stop doing so unless told otherwise. */
export const IPV6_FORWARDING = "net/ipv6/conf/all/forwarding";

/** The kernel's state that follows from a model. Nothing else goes into it. */
export function plan(model: Model): KernelState {
  const { networks, ports, interfaces, clientPrefixes = [], traffic = NO_TRAFFIC } = model;
  const bindings = ports.flatMap((port) => port.bindings.map((binding) => bindingState(port, binding, interfaces)));
  const delegated = clientPrefixes.flatMap((one) => clientPrefixState(one, networks, interfaces) ?? []);
  const macs = ports.flatMap(stationStates);
  const publics = ports.flatMap((port) => publicStates(port, interfaces));
  const stations = [...bindings, ...macs].map(({ station }) => station);
  return {
    networks,
    sysctls: hostSysctls(networks),
    vlans: wantedVlans(networks, interfaces),
    bridges: wantedBridges(networks),
    links: [
      ...vlanLinks(networks, interfaces),
      ...bridgeLinks(networks, interfaces),
      ...ports.map((port) => wantedPort(port, interfaces)),
    ],
    addresses: [...networks.flatMap((network) => gatewayAddresses(network, interfaces)), ...ports.flatMap(portAddresses)],
    routes: [
      ...networks.flatMap((network) => poolRoutes(network, interfaces)),
      ...[...bindings, ...delegated, ...publics].flatMap(({ route }) => route ?? []),
    ],
    neighbours: [
      ...[...bindings, ...delegated].flatMap(({ neighbour, proxies }) =>
        neighbour === undefined ? proxies : [neighbour, ...proxies],
      ),
      ...publics.flatMap(({ proxies }) => proxies),
    ],
    bridgeStations: macs.map(({ bridgeStation }) => bridgeStation),
    stations,
    traffic,
    // Composed only where it is asked for: it is the larger half of the work.
    get ruleset() {
      return composeRuleset(networks, stations, traffic);
    },
  };
}

/** A guest's link as it should be. On a bridge it is no more than a port of that. */
export function wantedPort(
  port: Pick<Port, "ifindex" | "guest" | "network">,
  interfaces: ReadonlyMap<string, number>,
): WantedLink {
  const { ifindex, network } = port;
  const settings = portSettings(port, interfaces);
  if (network.bridge === undefined) return { ifindex, settings, ipv6: hasIpv6(network) };
  return { ifindex, settings, ipv6: false, bridgePort: settings.master === undefined ? undefined : bridgePortSettings(network) };
}

/** Ports forward by their own setting; what comes back by the uplink's, or by every link's where any may be the uplink. */
export function hostSysctls(networks: readonly Network[]): WantedSysctl[] {
  const wanted = new Map<string, string>();
  const on = (path: string): void => void wanted.set(path, "1");
  // Where we answer for others; otherwise the first answer waits for up to 0.8 s.
  const answerAtOnce = (family: 4 | 6, ifname: string): void =>
    void wanted.set(`net/ipv${family}/neigh/${ifname}/proxy_delay`, "0");
  for (const network of networks) {
    const { wayOut, bridge, uplink, serve, ipv4, ipv6 } = network;
    for (const ifname of ipv4 === undefined ? [] : serve) {
      on(`net/ipv4/conf/${ifname}/forwarding`);
      answerAtOnce(4, ifname);
    }
    if (wayOut !== "none" && ipv4 !== undefined)
      on(uplink === undefined ? "net/ipv4/ip_forward" : `net/ipv4/conf/${uplink}/forwarding`);
    // Guests of a bridge reach each other without us.
    if (ipv6 !== undefined && (bridge === undefined || wayOut !== "none")) on(IPV6_FORWARDING);
    if (uplink === undefined) continue;
    for (const family of [4, 6] as const) {
      if (answersThere(network, family)) answerAtOnce(family, uplink);
    }
    if (!answersThere(network, 6)) continue;
    // Both: with one of them the host answers, but late each time its neighbours ask whether we are still there.
    for (const which of ["all", uplink]) on(`net/ipv6/conf/${which}/proxy_ndp`);
  }
  return [...wanted].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([path, value]) => ({ path, value }));
}

/** Whether the host answers on the uplink for any address of a family: guests' own, or their public ones. */
function answersThere(network: Network, family: 4 | 6): boolean {
  if (network[`ipv${family}`] === undefined) return false;
  return answersOnUplink(network, family) || [...network.publics.values()].flat().some((address) => familyOf(address) === family);
}
