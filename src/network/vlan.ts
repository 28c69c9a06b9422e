/**
 * Theory of operation
 *
 * A network may have its way out, or the ports of its bridge, on a VLAN of an interface (`vlan: 100`). The link for it is ours: made
 * here as `eth0.100`, known again by its alias, removed when no network names it any more. What is called so already and was not
 * made by us is complained about and left alone. Addresses and routes on it are whoever's who runs the host's network.
 *
 * A kernel without VLANs refuses to make one. That is said, with what to do, and tried again whenever the kernel is looked at.
 *
 * Pure: what it finds are operations and complaints.
 */
import type { LinkState } from "../base/kernel-objects.js";
import { formatVlanAlias, isVlanAlias } from "./alias.js";
import type { Network, Vlan } from "./model.js";
import type { Operation } from "./operation.js";
import type { WantedLink, WantedVlan } from "./wanted.js";

/** Each link once, whichever networks are on it. */
function allVlans(networks: readonly Network[]): Map<string, Vlan> {
  return new Map(networks.flatMap(({ vlans }) => vlans.map((vlan) => [vlan.name, vlan] as const)));
}

/** The VLANs that are to be there, of those whose interface is. */
export function wantedVlans(networks: readonly Network[], interfaces: ReadonlyMap<string, number>): WantedVlan[] {
  return [...allVlans(networks).values()].flatMap(({ name, link, id }) => {
    const parent = interfaces.get(link);
    return parent === undefined ? [] : [{ settings: { name, alias: formatVlanAlias() }, vlan: { parent, id } }];
  });
}

/** Our VLANs that exist, as they should be. Those that are ports of a bridge are told there. */
export function vlanLinks(networks: readonly Network[], interfaces: ReadonlyMap<string, number>): WantedLink[] {
  const ports = new Set(networks.flatMap(({ bridge }) => bridge?.ports ?? []));
  return [...allVlans(networks).keys()].flatMap((name) => {
    const ifindex = interfaces.get(name);
    return ifindex === undefined || ports.has(name) ? [] : [{ ifindex, settings: { alias: formatVlanAlias(), master: 0 } }];
  });
}

/** What is too much: VLANs of ours that no network is on any more, or that are other ones by now. */
export function surplusVlans(networks: readonly Network[], links: readonly LinkState[]): Operation[] {
  const wanted = allVlans(networks);
  const byName = new Map(links.map(({ name, ifindex }) => [name, ifindex]));
  return links.flatMap(({ name, ifindex, alias, vlan }): Operation[] => {
    if (!isVlanAlias(alias)) return [];
    const same = wanted.get(name);
    const stays = same !== undefined && same.id === vlan?.id && byName.get(same.link) === vlan.parent;
    return stays ? [] : [{ do: "deleteLink", ifindex }];
  });
}

/** What keeps VLANs from being there, by the link's name; `refused` is why the kernel did not make one, by name too. */
export function vlanComplaints(
  networks: readonly Network[],
  links: readonly LinkState[],
  refused: ReadonlyMap<string, Error>,
): Map<string, string> {
  const byName = new Map(links.map((link) => [link.name, link]));
  const complaints = new Map<string, string>();
  for (const network of networks) {
    for (const vlan of network.vlans) {
      const reason = explain(vlan, byName, refused.get(vlan.name));
      if (reason !== undefined) complaints.set(vlan.name, `network ${network.name}: ${reason}`);
    }
  }
  return complaints;
}

function explain(
  { name, link, id }: Vlan,
  links: ReadonlyMap<string, LinkState>,
  refused: Error | undefined,
): string | undefined {
  const found = links.get(name);
  const what = `VLAN ${id} of ${link}`;
  if (found !== undefined && !isVlanAlias(found.alias)) {
    return `${name} exists and was not made by tapnet: remove it, or leave out vlan: and name ${name} itself`;
  }
  if (found !== undefined) return undefined;
  if (!links.has(link)) return `${link} is not there, so neither is its VLAN ${id}`;
  if (refused === undefined) return undefined;
  if ("code" in refused && refused.code === "EOPNOTSUPP") {
    return `${what} cannot be made: this kernel has no VLANs now; as root: modprobe 8021q, then let tapnetd reload`;
  }
  return `${what} cannot be made: ${refused.message}`;
}
