import type { GuestConfiguration, NetworkConfiguration, TrafficRule } from "../configuration.js";
import type { ConfigDocument } from "../document.js";
import type { KeyPath } from "../problems.js";
import { suggestion } from "../spelling.js";
import type { KnownNetworks } from "./nics.js";

const DIRECTIONS = ["egress", "ingress"] as const;

/** Whom rules name, against who there is. `guestNames` are all that are written, also those with mistakes of their own. */
export function checkRules(
  networks: KnownNetworks,
  guests: readonly GuestConfiguration[],
  guestNames: readonly string[],
  document: ConfigDocument,
): void {
  const check = (rules: readonly TrafficRule[] | undefined, path: KeyPath): void => {
    for (const [index, { target }] of (rules ?? []).entries()) {
      if (target.kind !== "network" && target.kind !== "guest") continue;
      const known = target.kind === "network" ? networks.names : guestNames;
      if (known.includes(target.name)) continue;
      document.problem([...path, index], `there is no ${target.kind} ${target.name}; ${suggestion(target.name, known)}`);
    }
  };
  for (const direction of DIRECTIONS) {
    for (const network of networks.sound.values()) check(network[direction], ["networks", network.name, direction]);
    for (const guest of guests) {
      // What it has from its network is that one's mistake.
      if (guest[direction] === networks.sound.get(guest.network)?.[direction]) continue;
      check(guest[direction], ["guests", guest.name, ...(guest.nic === undefined ? [] : ["nics", guest.nic]), direction]);
    }
  }
  for (const network of networks.sound.values())
    refuseOnBridge(network, undefined, network.kind, ["networks", network.name], document);
  for (const guest of guests) {
    const network = networks.sound.get(guest.network);
    if (network === undefined) continue;
    const path = ["guests", guest.name, ...(guest.nic === undefined ? [] : ["nics", guest.nic])];
    refuseOnBridge(guest, network, network.kind, path, document);
  }
  for (const network of networks.sound.values()) refuseNamesIn(network.ingress, ["networks", network.name], document);
  for (const guest of guests) {
    if (guest.ingress !== networks.sound.get(guest.network)?.ingress)
      refuseNamesIn(guest.ingress, ["guests", guest.name], document);
  }
}

/**
 * Connections are counted where the host forwards, by the guest's link: what comes from a bridge comes from the bridge, and from
 * port to port nobody tracks them. A limit that does not hold is worse than none. `over`: where the rest comes from.
 */
function refuseOnBridge(
  { limit }: Pick<GuestConfiguration, "limit">,
  over: Pick<NetworkConfiguration, "limit"> | undefined,
  kind: NetworkConfiguration["kind"],
  path: KeyPath,
  document: ConfigDocument,
): void {
  const written = limit?.connections;
  if (kind !== "bridge" || written === undefined || written === over?.limit?.connections) return;
  const advice = "limit packets instead, or take kind: nat or routed";
  document.problem([...path, "limit", "connections"], `connections cannot be counted on a bridge; ${advice}`, "key");
}

/** Whoever comes shows an address; which names lead to that nobody can tell. */
function refuseNamesIn(rules: readonly TrafficRule[] | undefined, path: KeyPath, document: ConfigDocument): void {
  for (const [index, { target }] of (rules ?? []).entries()) {
    if (target.kind === "name")
      document.problem([...path, "ingress", index], "names serve for egress only; write addresses, a network or a guest");
  }
}
