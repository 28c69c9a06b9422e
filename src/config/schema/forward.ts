import type { z } from "zod";
import { isMulticastIpv4, parseIpv4 } from "../../base/ipv4-address.js";
import { isLinkLocalIpv6, isMulticastIpv6, parseIpv6 } from "../../base/ipv6-address.js";
import { formatAddress, type IpAddress } from "../../base/kernel-objects.js";
import type { PortForward } from "../configuration.js";
import { quote, Refusal, text } from "./scalars.js";

/** `8080:80`, `8080`, `8000-8010:8000`, `53:53/udp`, `192.0.2.1:8080:80`: host side first, as container tools have it. */
const FORWARD =
  /^(?:(?<ipv4>\d+\.[\d.]+):|\[(?<ipv6>[^\]]*)\]:)?(?<first>\d{1,5})(?:-(?<last>\d{1,5}))?(?::(?<guest>\d{1,5})(?:-(?<guestLast>\d{1,5}))?)?(?:\/(?<protocol>tcp|udp))?$/i;

const BROADCAST = 0xffff_ffff;
/** `::ffff:0:0/96` (RFC 4291 §2.5.5.2), of which these are the first 96 bits. */
const IPV4_MAPPED = 0xffffn;

/** Reads one forward; the refusal says what is wrong and what to write. */
export function parseForward(written: string): PortForward | Refusal {
  const groups = FORWARD.exec(written)?.groups;
  if (groups === undefined) {
    return new Refusal(
      `${quote(written)} is not a forward; write one like 8080:80, 53:53/udp, 8000-8010:8000, 192.0.2.1:8080:80 or ` +
        "[2001:db8::1]:8080:80",
    );
  }
  const address = parseHostAddress(written, groups.ipv4, groups.ipv6);
  if (address instanceof Refusal) return address;
  const { first, last = first, guest = first } = groups;
  const [firstPort, lastPort, guestPort] = [first, last, guest].map(Number);
  if (firstPort > lastPort) return new Refusal(`${quote(written)} runs backwards; write ${lastPort}-${firstPort}`);
  const lastGuestPort = guestPort + lastPort - firstPort;
  if (groups.guestLast !== undefined && Number(groups.guestLast) !== lastGuestPort) {
    return new Refusal(`${quote(written)} has ranges of different lengths; write ${first}-${last}:${guest}`);
  }
  if ([firstPort, lastPort, guestPort, lastGuestPort].some((port) => port < 1 || port > 65_535)) {
    return new Refusal(`${quote(written)} has a port that is not 1 to 65535`);
  }
  const protocol = groups.protocol?.toLowerCase() === "udp" ? "udp" : "tcp";
  return { protocol, address, firstPort, lastPort, guestPort };
}

function parseHostAddress(written: string, ipv4: string | undefined, ipv6: string | undefined): IpAddress | undefined | Refusal {
  const host = ipv4 ?? ipv6;
  if (host === undefined) return undefined;
  const address = ipv4 === undefined ? parseIpv6(host) : parseIpv4(host);
  if (address === undefined)
    return new Refusal(`${quote(written)}: ${host} is not an ${ipv4 === undefined ? "IPv6" : "IPv4"} address`);
  if (address === 0 || address === 0n) return new Refusal(`${quote(written)}: leave ${host} out to mean all addresses`);
  const kind = unreachedKind(address);
  if (kind !== undefined)
    return new Refusal(`${quote(written)}: ${host} is ${kind}; write an address that others reach this host by`);
  return address;
}

/** What is nobody's whole address, by which a connection could come. */
function unreachedKind(address: IpAddress): string | undefined {
  if (typeof address === "number") {
    if (address === BROADCAST) return "the broadcast address";
    return isMulticastIpv4(address) ? "a multicast address" : undefined;
  }
  if (isMulticastIpv6(address)) return "a multicast address";
  if (isLinkLocalIpv6(address)) return "of one link, which it does not say";
  return address >> 32n === IPV4_MAPPED ? "an IPv4 address in IPv6's clothes" : undefined;
}

/** As `parseForward` reads it: `192.0.2.1:8000-8010:9000/udp`. */
export function formatForward({ protocol, address, firstPort, lastPort, guestPort }: PortForward): string {
  const last = lastPort === firstPort ? "" : `-${lastPort}`;
  return `${formatHostAddress(address)}${firstPort}${last}:${guestPort}/${protocol}`;
}

function formatHostAddress(address: IpAddress | undefined): string {
  if (address === undefined) return "";
  return typeof address === "number" ? `${formatAddress(address)}:` : `[${formatAddress(address)}]:`;
}

export const forward: z.ZodType<PortForward, unknown> = text("a port forward", '"8080:80"', parseForward);
