/** What stands on the link of a port (`ip link` shows it): enough to know it again after a restart. */
export interface PortAlias {
  readonly guest: string;
  readonly network: string;
}

const PATTERN = /^tapnet guest=(\S+) network=(\S+)$/;

export function formatPortAlias({ guest, network }: PortAlias): string {
  return `tapnet guest=${guest} network=${network}`;
}

/** Undefined for links that are no port of ours. */
export function parsePortAlias(alias: string): PortAlias | undefined {
  const match = PATTERN.exec(alias);
  return match === null ? undefined : { guest: match[1], network: match[2] };
}

const VLAN = "tapnet vlan";
const BRIDGE = "tapnet bridge network=";
const BRIDGE_PORT = "tapnet bridge-port network=";

/** What stands on the link of a VLAN that we have made. Several networks may be on it. */
export function formatVlanAlias(): string {
  return VLAN;
}

export function isVlanAlias(alias: string): boolean {
  return alias === VLAN;
}

/** What stands on a bridge that we have made. */
export function formatBridgeAlias(network: string): string {
  return BRIDGE + network;
}

/** What stands on an interface that we have made a port of our bridge, and that is no guest's. */
export function formatBridgePortAlias(network: string): string {
  return BRIDGE_PORT + network;
}

/** The network whose bridge the link is; undefined for all that we have not made. */
export function parseBridgeAlias(alias: string): string | undefined {
  return alias.startsWith(BRIDGE) ? alias.slice(BRIDGE.length) : undefined;
}

export function parseBridgePortAlias(alias: string): string | undefined {
  return alias.startsWith(BRIDGE_PORT) ? alias.slice(BRIDGE_PORT.length) : undefined;
}
