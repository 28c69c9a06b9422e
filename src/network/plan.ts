import type { InterfaceAddress, LinkSettings, Neighbour, Route } from "../base/kernel-objects.js";
import type { Ruleset } from "./kernel.js";
import type { Model, Network } from "./model.js";
import { composeRuleset } from "./ruleset.js";
import { bindingState, gatewayAddresses, hasIpv6, poolRoutes, portAddresses, portSettings, type Station } from "./state.js";
import { NO_TRAFFIC, type Traffic } from "./traffic.js";

/** A setting of the whole host, by path below `/proc/sys`. */
export interface WantedSysctl {
  readonly path: string;
  readonly value: string;
}

/** A port's link as it should be; it also has to be up. */
export interface WantedLink {
  readonly ifindex: number;
  readonly settings: LinkSettings;
  /** Whether it takes part in IPv6 at all. */
  readonly ipv6: boolean;
}

/** Everything that the kernel should hold for a model: what of it is missing or different, `reconcile` puts right. */
export interface KernelState {
  readonly sysctls: readonly WantedSysctl[];
  readonly links: readonly WantedLink[];
  readonly addresses: readonly InterfaceAddress[];
  readonly routes: readonly Route[];
  readonly neighbours: readonly Neighbour[];
  readonly stations: readonly Station[];
  readonly traffic: Traffic;
  readonly ruleset: Ruleset;
}

/** Setting it makes the host a router in IPv6; links that take router advertisements stop doing so unless told otherwise. */
export const IPV6_FORWARDING = "net/ipv6/conf/all/forwarding";

/** The kernel's state that follows from a model. Nothing else goes into it. */
export function plan(model: Model): KernelState {
  const { networks, ports, uplinks, traffic = NO_TRAFFIC } = model;
  const bindings = ports.flatMap((port) => port.bindings.map((binding) => bindingState(port, binding, uplinks)));
  const stations = bindings.map(({ station }) => station);
  return {
    sysctls: hostSysctls(networks),
    links: ports.map((port) => ({ ifindex: port.ifindex, settings: portSettings(port), ipv6: hasIpv6(port.network) })),
    addresses: [...networks.flatMap(gatewayAddresses), ...ports.flatMap(portAddresses)],
    routes: [...networks.flatMap(poolRoutes), ...bindings.map(({ route }) => route)],
    neighbours: bindings.flatMap(({ neighbour, proxy }) => (proxy === undefined ? [neighbour] : [neighbour, proxy])),
    stations,
    traffic,
    // Composed only where it is asked for: it is the larger half of the work.
    get ruleset() {
      return composeRuleset(networks, stations, traffic);
    },
  };
}

/** Ports forward by their own setting; what comes back by the uplink's, or by every link's where any may be the uplink. */
export function hostSysctls(networks: readonly Network[]): WantedSysctl[] {
  const paths = new Set<string>();
  for (const { kind, uplink, ipv4, ipv6, answerOnUplink } of networks) {
    const leadsOut = kind === "nat" || kind === "routed";
    if (leadsOut && ipv4 !== undefined)
      paths.add(uplink === undefined ? "net/ipv4/ip_forward" : `net/ipv4/conf/${uplink}/forwarding`);
    if (ipv6 !== undefined) paths.add(IPV6_FORWARDING);
    if (ipv6 !== undefined && answerOnUplink && uplink !== undefined) {
      // Both: with one of them the host answers, but late each time its neighbours ask whether we are still there.
      for (const which of ["all", uplink]) paths.add(`net/ipv6/conf/${which}/proxy_ndp`);
    }
  }
  return [...paths].toSorted().map((path) => ({ path, value: "1" }));
}
