/** `vlan:`: the uplink, and the ports of a bridge, are VLANs of the interfaces that are named. */
import type { NetworkConfiguration } from "../configuration.js";
import type { ConfigDocument } from "../document.js";
import type { KeyPath } from "../problems.js";
import type { NetworkInput } from "../schema/network.js";

/** IFNAMSIZ of linux/if.h, without its last zero. */
const MOST_IFNAME_CHARACTERS = 15;

/** What the link of a VLAN on an interface is called: as everybody calls it. */
export function nameOnVlan(ifname: string, vlan: number | undefined): string {
  return vlan === undefined ? ifname : `${ifname}.${vlan}`;
}

export function checkVlan(
  { vlan: id, uplink, bridge }: NetworkInput,
  path: KeyPath,
  document: ConfigDocument,
): NetworkConfiguration["vlans"] {
  if (id === undefined) return [];
  const links = [...new Set([...(uplink === undefined ? [] : [uplink]), ...(bridge?.ports ?? [])])];
  const place = [...path, "vlan"];
  if (links.length === 0)
    document.problem(place, "needs uplink: beside it, or bridge: { ports: … }: the interface that it is on");
  for (const link of links) {
    const name = nameOnVlan(link, id);
    if (name.length <= MOST_IFNAME_CHARACTERS) continue;
    document.problem(
      place,
      `makes the interface ${name}, whose name is too long; make the VLAN elsewhere by a name of ${MOST_IFNAME_CHARACTERS} ` +
        "characters at most, write that name, and leave out vlan:",
    );
  }
  return links.map((link) => ({ name: nameOnVlan(link, id), link, id }));
}
