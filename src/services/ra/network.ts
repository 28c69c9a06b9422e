import type { Ipv6Address } from "../../base/ipv6-address.js";
import type { Ipv6Prefix } from "../../base/prefix.js";
import type { RouterAdvertisement } from "../../wire/ndp/message.js";
import type { Pref64 } from "../../wire/ndp/pref64.js";
import type { RouteInformation } from "../../wire/ndp/route-information.js";

/**
 * What the router of a network says about it. Plain data; changes come as a whole new object. The router lifetime is 0 on
 * isolated networks: hosts get addresses and names, but no way out; it is at most 9,000 seconds (RFC 4861 §6.2.1).
 */
export interface AdvertisedNetwork extends Omit<RouterAdvertisement, "kind" | "options"> {
  readonly name: string;
  /** Undefined: not said. */
  readonly mtu: number | undefined;
  readonly prefixes: readonly AdvertisedPrefix[];
  readonly routes: readonly RouteInformation[];
  readonly dns: AdvertisedDns;
  readonly pref64: Pref64 | undefined;
  /** Between unsolicited advertisements: random between the two (RFC 4861 §6.2.1: at least 3 and 4, at most 1,350 and 1,800). */
  readonly minIntervalSeconds: number;
  readonly maxIntervalSeconds: number;
}

/** A prefix as it is advertised; `INFINITE_SECONDS` for lifetimes without end. */
export interface AdvertisedPrefix {
  readonly prefix: Ipv6Prefix;
  /** Neighbours of the prefix are on the link itself. False on ports: there everything goes through the router. */
  readonly onLink: boolean;
  /** Hosts may make addresses of it (RFC 4862). Needs a `/64`. */
  readonly autonomous: boolean;
  readonly validSeconds: number;
  readonly preferredSeconds: number;
  /** When it is taken from us, by the monotonic clock, `Infinity` for never; undefined: it is our own. */
  readonly ends?: { readonly validMs: number; readonly preferredMs: number } | undefined;
}

export interface AdvertisedDns {
  readonly servers: readonly Ipv6Address[];
  readonly searchDomains: readonly string[];
  readonly lifetimeSeconds: number;
}
