import { z } from "zod";
import { guestIpv4Prefix, guestIpv6Prefix, ipv4, ipv6Origin, mac } from "./addresses.js";
import { dhcp } from "./dhcp.js";
import { dhcp6 } from "./dhcp6.js";
import { networkDns } from "./dns.js";
import { limit } from "./limit.js";
import { boundedDuration, domain, ifname } from "./names.js";
import { ra } from "./ra.js";
import { rules } from "./rule.js";
import { choice, flag, oneOrMore, section, wholeNumber } from "./scalars.js";

/** One entry of `networks:`. */

export const DATAPLANES = ["kernel", "user"] as const;

export const NETWORK_KINDS = ["nat", "routed", "isolated", "private", "bridge"] as const;

export const WAYS_OUT = ["none", "nat", "routed"] as const;

/** A section that `false` switches off. */
function switchable<Value extends object>(inner: z.ZodType<Value, unknown>): z.ZodType<Value | false, unknown> {
  return z.union([z.literal(false), inner]).prefault({});
}

/** A prefix longer than /64 is good for no link (RFC 4291 §2.5.4). */
const delegation = section({
  pool: guestIpv6Prefix
    .optional()
    .describe("where the prefixes are taken from; half of what the uplink delegates to us unless said"),
  length: wholeNumber("the length of each prefix", 8, 64).default(64),
});

/** The standard has 4 to 30 seconds (IEEE 802.1D-2004 §17.14); without a spanning tree there is nothing to wait for. */
const forwardDelay = boundedDuration("how long a new port is only listened to", 0, 30, "30s is the most");

const bridge = z.preprocess(
  (value) => (typeof value === "string" ? { name: value } : value),
  section({
    name: ifname.optional().describe("the bridge; br- and the network's name unless said"),
    existing: flag("others make it: it is used as it is").default(false),
    ports: oneOrMore(ifname, "eth1").default([]).describe("further interfaces that become its ports"),
    stp: flag("takes part in the spanning tree").default(false),
    "forward-delay": forwardDelay.optional(),
  }),
);

export const network = section({
  kind: choice("what the network can reach", NETWORK_KINDS).default("nat"),
  ipv4: guestIpv4Prefix.optional().describe("the guests' addresses"),
  gateway: ipv4.optional().describe("our address on the guests' side; the first of ipv4 unless said"),
  "gateway-mac": mac.optional().describe("our MAC address on the guests' side"),
  ipv6: ipv6Origin.optional().describe("the guests' IPv6 addresses; delegated or uplink: as the uplink has them"),
  "ipv6-subnet": wholeNumber("which /64 of what is delegated to us", 0, 0xffff_ffff).optional(),
  delegate: delegation.optional().describe("prefixes for guests that are routers themselves, by DHCPv6"),
  bridge: bridge.optional().describe("the link that guests of kind bridge share"),
  "way-out": choice("whether the host is the router of a bridge's guests", WAYS_OUT).optional(),
  router: ipv4.optional().describe("another machine that is the router of a bridge's guests"),
  uplink: ifname.optional().describe("the interface towards the world; any unless said"),
  vlan: wholeNumber("the VLAN of uplink:, or of its bridge's ports:, that the network is on", 1, 4094).optional(),
  "answer-on-uplink": flag("answers on the uplink for each guest: for addresses of the uplink's own subnet").default(false),
  domain: domain.optional().describe("the domain of the guests' names"),
  mtu: wholeNumber("the largest packet in bytes", 576, 65_535).default(1500),
  egress: rules.optional().describe("whom guests may begin something with; all unless said"),
  ingress: rules.optional().describe("who may begin something with guests; all unless said"),
  limit: limit.optional().describe("what each of its guests may use"),
  guests: choice("who gets in", ["open", "listed"]).default("open"),
  dataplane: choice("who forwards between guests on sockets", DATAPLANES).default("kernel"),
  isolate: choice("whether guests reach each other", ["none", "guests"]).default("none"),
  serve: oneOrMore(ifname, "br0")
    .default([])
    .describe("interfaces with many clients behind them that this network serves as well"),
  dhcp: switchable(dhcp),
  dhcp6: switchable(dhcp6),
  ra: switchable(ra),
  dns: switchable(networkDns),
});

export type NetworkInput = z.output<typeof network>;
