/** What all DHCPv6 servers of the benchmark serve, so that their work is the same. */

/** Interface of the server's end of the link. */
export const SERVED6 = "srv";
export const PREFIX6 = "fd00:64::/64";
export const PREFIX6_LENGTH = 64;
export const GATEWAY6 = "fd00:64::1";
/** Where addresses are given from: 2^32 of them, many more than there are clients. */
export const RANGE6 = ["fd00:64::1:0:0", "fd00:64::1:ffff:ffff"] as const;
/** The same as a prefix. */
export const POOL6 = "fd00:64::1:0:0/96";
export const LEASE6_SECONDS = 3600;

/** Every address of the pool in a text, as it is usually written. */
export function addressesIn(text: string): ReadonlySet<string> {
  return new Set(text.match(/\bfd00:64::1:[0-9a-f:]+/g) ?? []);
}
