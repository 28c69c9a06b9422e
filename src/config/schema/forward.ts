import type { z } from "zod";
import { parseIpv4 } from "../../base/ipv4-address.js";
import type { PortForward } from "../configuration.js";
import { quote, Refusal, text } from "./scalars.js";

/** `8080:80`, `8080`, `8000-8010:8000`, `53:53/udp`, `192.0.2.1:8080:80`: host side first, as container tools have it. */
const FORWARD = /^(?:(\d+\.[\d.]+):)?(\d{1,5})(?:-(\d{1,5}))?(?::(\d{1,5}))?(?:\/(tcp|udp))?$/;

function readForward(written: string): PortForward | Refusal {
  const parts = FORWARD.exec(written);
  if (parts === null)
    return new Refusal(`${quote(written)} is not a forward; write one like 8080:80, 53:53/udp or 192.0.2.1:8080:80`);
  const [, addressText, firstText, lastText = firstText, guestText = firstText, protocol = "tcp"] = parts;
  const address = addressText === undefined ? undefined : parseIpv4(addressText);
  if (addressText !== undefined && address === undefined)
    return new Refusal(`${quote(written)}: ${addressText} is not an IPv4 address`);
  const [firstPort, lastPort, guestPort] = [firstText, lastText, guestText].map(Number);
  const lastGuestPort = guestPort + lastPort - firstPort;
  if ([firstPort, lastPort, guestPort, lastGuestPort].some((port) => port < 1 || port > 65_535)) {
    return new Refusal(`${quote(written)} has a port that is not 1 to 65535`);
  }
  if (firstPort > lastPort) return new Refusal(`${quote(written)} runs backwards; write ${lastPort}-${firstPort}`);
  return { protocol: protocol as "tcp" | "udp", address, firstPort, lastPort, guestPort };
}

export const forward: z.ZodType<PortForward, unknown> = text("a port forward", '"8080:80"', readForward);
