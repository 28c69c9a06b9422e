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
