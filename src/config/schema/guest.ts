import type { z } from "zod";
import { guestIpv6Prefix, ipv4, ipv6, macOrAuto, publicAddress } from "./addresses.js";
import { leaseDuration } from "./dhcp.js";
import { dhcpOptions } from "./dhcp-options.js";
import { guestDns } from "./dns.js";
import { forward } from "./forward.js";
import { limit } from "./limit.js";
import { account, guestName, identifier, ifname, label } from "./names.js";
import { rules } from "./rule.js";
import { flag, list, oneOrMore, section, wholeNumber } from "./scalars.js";

/** What a network interface of a guest has. */
const nicShape = {
  network: label.optional().describe("the network that it belongs to; default unless said"),
  mac: macOrAuto.optional().describe("its MAC address; auto: one is made from its name"),
  ipv4: oneOrMore(ipv4, "10.77.0.10").optional().describe("its address, always the same; of several DHCP gives the first"),
  ipv6: ipv6.optional().describe("its IPv6 address, always the same"),
  prefix: guestIpv6Prefix.optional().describe("the prefix that is delegated to it, always the same"),
  ifname: ifname.optional().describe("its TAP; tn- and its name unless said"),
  queues: wholeNumber("how many queues its TAP has", 1, 256).optional(),
  "client-id": identifier.optional().describe("the client identifier that it shows in DHCP"),
  lease: leaseDuration.optional(),
  options: dhcpOptions.default([]),
  egress: rules.optional().describe("whom guests may begin something with; all unless said"),
  ingress: rules.optional().describe("who may begin something with guests; all unless said"),
  limit: limit.optional().describe("what it may use there, over what the network says"),
};

const nic = section({
  ...nicShape,
  "default-route": flag("whether the guest's default route leads here").optional(),
});

/** One entry of `guests:`. */
export const guest = section({
  ...nicShape,
  nics: list(nic, "{ network: default }").optional().describe("its network interfaces, where it has several"),
  names: list(guestName, "www").default([]).describe("further host names: labels, whole names, or *. and either"),
  users: list(account, "alice")
    .optional()
    .describe("who may take its TAPs through qemu-helper; unless said, all who may use its network"),
  dns: guestDns.optional(),
  forwards: list(forward, '"8080:80"').default([]).describe("ports of the host that lead to it, like 8080:80"),
  public: oneOrMore(publicAddress, "192.0.2.7")
    .default([])
    .describe("addresses of the host's side that lead to it as a whole; it speaks to the world from the first of a family"),
});

export const NIC_KEYS = Object.keys(nicShape) as readonly (keyof typeof nicShape)[];
export type NicInput = z.output<typeof nic>;
export type GuestInput = z.output<typeof guest>;
