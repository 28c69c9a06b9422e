/** What all DNS servers of the benchmark know, so that their work is the same. */
import { formatIpv4 } from "../../src/base/ipv4-address.js";

export const SERVER = "10.77.0.1";
export const SERVER_PREFIX = "10.77.0.0/24";
/** Knows every other name (`native/bench/dns-upstream.c`). */
export const UPSTREAM = "192.0.2.53";
/** host0 to host<NAMES-1> below it exist. */
export const DOMAIN = "tapnet.internal";
export const NAMES = 10_000;

/** The guest that asks by frames, and the gateway that it sends them to. */
export const GUEST = { ifname: "tn-asker", name: "asker", mac: "52:54:00:77:00:02", address: "10.77.0.2" } as const;
export const GATEWAY_MAC = "02:00:00:77:00:01";

export interface LocalName {
  readonly name: string;
  readonly address: string;
}

export function localNames(): LocalName[] {
  return Array.from({ length: NAMES }, (_, number) => ({
    name: `host${number}.${DOMAIN}`,
    address: formatIpv4(0x0a4e_0000 + number),
  }));
}

/** The names as a hosts file (hosts(5)). */
export function hostsFile(): string {
  return localNames()
    .map(({ name, address }) => `${address} ${name}\n`)
    .join("");
}

/** The names as a zone (RFC 1035 §5). */
export function zoneFile(): string {
  const head = `$ORIGIN ${DOMAIN}.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A ${SERVER}\n`;
  return (
    head +
    localNames()
      .map(({ name, address }) => `${name}. A ${address}\n`)
      .join("")
  );
}
