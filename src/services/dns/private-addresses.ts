import { readUint16 } from "../../wire/dns/bytes.js";
import { TYPE } from "../../wire/dns/numbers.js";

/** Service parameters that hold addresses (RFC 9460 §7.3). */
const HINT = { ipv4: 4, ipv6: 6 } as const;

/**
 * Whether the data of a record names an address that means something else to each asker: this host, private networks
 * (RFC 1918, RFC 4193), link-local and unspecified ones, also as IPv4 inside IPv6. A name of the outside world that resolves to
 * one turns a guest's browser against its own network (DNS rebinding).
 */
export function namesPrivateAddress(type: number, bytes: Uint8Array, offset: number, length: number): boolean {
  if (type === TYPE.A) return length === 4 && isPrivateIpv4(bytes, offset);
  if (type === TYPE.AAAA) return length === 16 && isPrivateIpv6(bytes, offset);
  if (type === TYPE.SVCB || type === TYPE.HTTPS) return hasPrivateHint(bytes, offset, length);
  return false;
}

function isPrivateIpv4(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at];
  const second = bytes[at + 1];
  if (first === 0 || first === 10 || first === 127) return true;
  if (first === 172) return second >>> 4 === 1;
  if (first === 192) return second === 168;
  if (first === 169) return second === 254;
  return first === 255 && second === 255 && bytes[at + 2] === 255 && bytes[at + 3] === 255;
}

function isPrivateIpv6(bytes: Uint8Array, at: number): boolean {
  // fc00::/7, fe80::/10 and the site-local fec0::/10.
  if (bytes[at] >>> 1 === 0x7e || (bytes[at] === 0xfe && bytes[at + 1] >= 0x80)) return true;
  for (let index = 0; index < 10; index++) if (bytes[at + index] !== 0) return false;
  // ::ffff:a.b.c.d (mapped), ::a.b.c.d (compatible; with it :: and ::1).
  const mapped = bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
  const compatible = bytes[at + 10] === 0 && bytes[at + 11] === 0;
  return (mapped || compatible) && isPrivateIpv4(bytes, at + 12);
}

/** Walks the parameters behind priority and target name; what is malformed hints at nothing. */
function hasPrivateHint(bytes: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length;
  let at = offset + 2;
  while (at < end && bytes[at] !== 0) {
    if (bytes[at] > 63) return false;
    at += bytes[at] + 1;
  }
  for (at += 1; at + 4 <= end; ) {
    const key = readUint16(bytes, at);
    const first = at + 4;
    const next = first + readUint16(bytes, at + 2);
    if (next > end) return false;
    for (let hint = first; key === HINT.ipv4 && hint + 4 <= next; hint += 4) if (isPrivateIpv4(bytes, hint)) return true;
    for (let hint = first; key === HINT.ipv6 && hint + 16 <= next; hint += 16) if (isPrivateIpv6(bytes, hint)) return true;
    at = next;
  }
  return false;
}
