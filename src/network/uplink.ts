import type { Network } from "./model.js";

/** How links on a VLAN are mostly called: `eth0.100`. */
const VLAN = /^(?<parent>.+)\.(?<id>[1-9]\d{0,3})$/;
/** IEEE 802.1Q: 4095 is reserved. */
const LAST_VLAN = 4094;

/** What to say of networks whose uplink is not there, in sentences; `interfaces` are those that exist, by name. */
export function missingUplinks(networks: readonly Network[], interfaces: ReadonlyMap<string, number>): string[] {
  return networks.flatMap(({ name, uplink, vlans }) => {
    // Of a VLAN that we make ourselves it is known what keeps it away.
    if (uplink === undefined || interfaces.has(uplink) || vlans.some((vlan) => vlan.name === uplink)) return [];
    return [`network ${name}: its uplink ${uplink} is not there, so nothing outside is reached until it is${adviceFor(uplink)}`];
  });
}

function adviceFor(uplink: string): string {
  const { parent, id } = VLAN.exec(uplink)?.groups ?? {};
  if (parent === undefined || Number(id) > LAST_VLAN) return "";
  return `; tapnetd makes a VLAN itself with uplink: ${parent}, vlan: ${id}`;
}
