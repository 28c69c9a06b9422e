import { ipv6Prefix, pref64Prefix } from "./addresses.js";
import { boundedDuration } from "./names.js";
import { choice, flag, list, section, wholeNumber } from "./scalars.js";

/** `ra:` of a network. */

const PREFERENCES = ["low", "medium", "high"] as const;
const DAY_SECONDS = 86_400;
/** RFC 4861 §6.2.1, AdvValidLifetime and AdvPreferredLifetime. */
const VALID_SECONDS = 30 * DAY_SECONDS;
const PREFERRED_SECONDS = 7 * DAY_SECONDS;

const lifetime = (expected: string) => boundedDuration(expected, 0, 0xffff_ffff, "write 0 or more");
const preference = choice("which router hosts take first", PREFERENCES).default("medium");

const route = section({
  to: ipv6Prefix,
  preference,
  lifetime: lifetime("how long hosts keep the route").optional(),
});

export const ra = section({
  preference,
  lifetime: boundedDuration("how long this is a default router", 0, 9000, "9000s is the most").optional(),
  interval: boundedDuration("the longest time between advertisements", 4, 1800, "from 4s to 30m").default(600),
  "hop-limit": wholeNumber("the hop limit that hosts send with", 0, 255).default(64),
  reachable: wholeNumber("how long hosts believe a neighbour is there, in milliseconds", 0, 3_600_000).default(0),
  retransmit: wholeNumber("the time between solicitations, in milliseconds", 0, 0xffff_ffff).default(0),
  managed: flag("addresses are to be had by DHCPv6 (M)").optional(),
  other: flag("other things are to be had by DHCPv6 (O)").optional(),
  valid: lifetime("how long an address of the prefix is valid").default(VALID_SECONDS),
  preferred: lifetime("how long it is used for new connections").default(PREFERRED_SECONDS),
  "dns-lifetime": lifetime("how long hosts keep DNS servers and search domains").optional(),
  routes: list(route, '{ to: "2001:db8:9::/48" }').default([]),
  pref64: pref64Prefix.optional().describe("the prefix of the network's NAT64"),
  served: flag("advertises on the interfaces of serve: as well").default(false),
});
