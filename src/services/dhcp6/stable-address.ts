import { createHmac } from "node:crypto";
import { hasReservedIdentifier, type Ipv6Address } from "../../base/ipv6-address.js";
import type { Ipv6Prefix } from "../../base/prefix.js";

/**
 * The address that a guest has in a prefix as long as nothing is in the way (after RFC 7217 §5): the same on every boot, every
 * host with the same secret and whatever MAC the guest has, and nothing about the guest can be told from it. `counter` goes up
 * with each conflict.
 */
export function stableAddress(
  prefix: Ipv6Prefix,
  guest: string,
  network: string,
  counter: number,
  secret: Uint8Array,
): Ipv6Address {
  const hostBits = BigInt(128 - prefix.prefixLength);
  for (let attempt = counter; ; attempt += 0x100) {
    const input = `${prefix.address.toString(16)}/${prefix.prefixLength}\0${guest}\0${network}\0${attempt}`;
    const digest = createHmac("sha256", secret).update(input).digest();
    const random = (digest.readBigUInt64BE(0) << 64n) | digest.readBigUInt64BE(8);
    const host = random & ((1n << hostBits) - 1n);
    if (hostBits <= 1n || !hasReservedIdentifier(host)) return prefix.address | host;
  }
}
