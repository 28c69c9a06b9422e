import type { z } from "zod";
import { guestIpv6Prefix, ipv4, ipv6, mac } from "./addresses.js";
import { leaseDuration } from "./dhcp.js";
import { dhcpOptions } from "./dhcp-options.js";
import { guestDns } from "./dns.js";
import { forward } from "./forward.js";
import { guestName, identifier, ifname, label } from "./names.js";
import { list, section, wholeNumber } from "./scalars.js";

/** One entry of `guests:`. */
export const guest = section({
  network: label.optional().describe("the network that it belongs to; default unless said"),
  mac: mac.optional().describe("its MAC address"),
  ipv4: ipv4.optional().describe("its address, always the same"),
  ipv6: ipv6.optional().describe("its IPv6 address, always the same"),
  prefix: guestIpv6Prefix.optional().describe("the prefix that is delegated to it, always the same"),
  names: list(guestName, "www").default([]).describe("further host names: labels, whole names, or *. and either"),
  ifname: ifname.optional().describe("its TAP; tn- and its name unless said"),
  queues: wholeNumber("how many queues its TAP has", 1, 256).optional(),
  "client-id": identifier.optional().describe("the client identifier that it shows in DHCP"),
  lease: leaseDuration.optional(),
  dns: guestDns.optional(),
  options: dhcpOptions.default([]),
  forwards: list(forward, '"8080:80"').default([]).describe("ports of the host that lead to it, like 8080:80"),
});

export type GuestInput = z.output<typeof guest>;
