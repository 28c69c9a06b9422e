import { formatIpv6 } from "../../base/ipv6-address.js";
import { ipv6Netmask } from "../../base/prefix.js";
import type { Network } from "../model.js";
import { composeLinkOnly, letsAllThrough } from "./forward.js";
import { fromBridges, NOT_FROM_GUEST } from "./guests.js";
import { PRIORITY, type TableWriter } from "./table.js";
import {
  ACCEPT,
  anyOf,
  concat,
  count,
  DROP,
  FIB_TYPE,
  goto,
  inSet,
  is,
  isNot,
  masked,
  meta,
  payload,
  prefix,
  remember,
  type Word,
} from "./words.js";

const DAY_SECONDS = 86_400;
const SPOOFERS = 4096;

/** Said first, it spares the packet filter from reading the Ethernet header for it. */
const OVER_IPV4 = is(meta("nfproto"), "ipv4");
const OVER_IPV6 = is(meta("nfproto"), "ipv6");
const NOT_FORWARDED = [prefix("fe80::", 10), prefix("ff00::", 8)] as const;

/** A packet from a guest's link goes on only where link, MAC address and source are bound together. */
export function composeGuard(table: TableWriter, networks: readonly Network[]): void {
  table.counter("spoofed");
  table.set("bound4", { type: ["iface_index", "ether_addr", "ipv4_addr"] });
  table.set("bound6", { type: ["iface_index", "ether_addr", "ipv6_addr"] });
  table.set("delegated", { type: ["iface_index", "ether_addr", "ipv6_addr"] });
  // Who did it: one element for each link that ever tried, with its own counter.
  table.set("spoofers", { type: "iface_index", dynamic: { size: SPOOFERS, timeoutSeconds: DAY_SECONDS }, counted: true });

  table.chain("prerouting", { type: "filter", hook: "prerouting", priority: PRIORITY.raw });
  // Guests on our bridges were guarded there; and with br_netfilter, frames come by here that only cross the bridge.
  for (const bridged of fromBridges(networks)) table.rule("prerouting", bridged, ACCEPT);
  // What every forwarded packet pays stands here, as short as it can be; the rest is for packets that are not bound.
  table.rule("prerouting", NOT_FROM_GUEST, ACCEPT);
  table.rule("prerouting", OVER_IPV4, bound(payload("ip", "saddr"), "bound4"), ACCEPT);
  const keepsOnLink = letsAllThrough(networks) && networks.some(({ ipv6 }) => ipv6 !== undefined);
  const accept6 = keepsOnLink ? goto("bound_ipv6") : ACCEPT;
  table.rule("prerouting", OVER_IPV6, bound(payload("ip6", "saddr"), "bound6"), accept6);
  table.rule("prerouting", goto("guard"));

  if (keepsOnLink) {
    table.chain("bound_ipv6");
    composeLinkOnly(table, "bound_ipv6", isNot(payload("ip6", "daddr"), anyOf(...NOT_FORWARDED)), isNot(FIB_TYPE, "local"));
  }

  table.chain("guard");
  for (const { group, delegation } of networks) {
    if (delegation === undefined) continue;
    const source = masked(payload("ip6", "saddr"), formatIpv6(ipv6Netmask(delegation.length)));
    table.rule("guard", is(meta("iifgroup"), group), bound(source, "delegated"), accept6);
  }
  // DHCP, neighbour discovery and the like of guests without an address: the frame socket has them already.
  table.rule("guard", is(payload("ip", "saddr"), "0.0.0.0"), DROP);
  table.rule("guard", is(payload("ip6", "saddr"), anyOf("::", prefix("fe80::", 10))), DROP);
  table.rule("guard", remember(meta("iif"), "spoofers"));
  table.rule("guard", count("spoofed"), DROP);
}

function bound(source: Word, set: string): Word {
  return is(concat(meta("iif"), payload("ether", "saddr"), source), inSet(set));
}
