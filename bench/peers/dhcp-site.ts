/** What all DHCP servers of the benchmark serve, so that their work is the same. */

import { formatIpv4 } from "../../src/base/ipv4-address.js";

/** Interface of the server's end of the shared link. */
export const SERVED = "srv";
export const PREFIX = "10.64.0.0/14";
export const PREFIX_LENGTH = 14;
export const NETMASK = "255.252.0.0";
export const GATEWAY = "10.64.0.1";
/** The relay that renewals come through: on the link, not in the range. */
export const RELAY = "10.64.0.2";
export const FIRST_ADDRESS = 0x0a40_1000;
export const LAST_ADDRESS = 0x0a41_ffff;
export const RANGE = [formatIpv4(FIRST_ADDRESS), formatIpv4(LAST_ADDRESS)] as const;
export const LEASE_SECONDS = 3600;

/** A lease that a client of the load holds before the measurement begins. */
export interface HeldLease {
  readonly address: string;
  readonly mac: string;
}

/** The first `count` clients of the load (`native/bench/dhcp-load.c` numbers them by MAC address), each with an address. */
export function heldLeases(count: number): HeldLease[] {
  return Array.from({ length: count }, (_, number) => ({
    address: formatIpv4(FIRST_ADDRESS + number),
    mac: `52:54:00:${(0x100_0000 + number)
      .toString(16)
      .slice(1)
      .replace(/^(..)(..)/, "$1:$2:")}`,
  }));
}
