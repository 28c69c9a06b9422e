import type { Prefix } from "../../base/prefix.js";
import type { Network } from "../model.js";
import { addressField, NOT_TO_GUEST, prefixWord } from "./guests.js";
import { PRIORITY, type TableWriter } from "./table.js";
import { anyOf, is, isNot, MASQUERADE, masqueradeToPorts, meta, prefix } from "./words.js";

/** Ports below are for services, and some peers refuse clients that come from them. */
const FIRST_PORT = 1024;
const LAST_PORT = 65_535;

/** fc00::/7. */
const UNIQUE_LOCAL = 0x7en;

/** What is for many is not translated: its answers would not find back. */
export const FOR_MANY = { 4: anyOf(prefix("224.0.0.0", 4), "255.255.255.255"), 6: prefix("ff00::", 8) } as const;

/** Guests of networks whose way out is NAT speak to the world from the host's address. Asked once a connection, not once a packet. */
export function composeMasquerade(table: TableWriter, networks: readonly Network[]): void {
  const natted = networks.filter(({ wayOut }) => wayOut === "nat");
  if (natted.length === 0) return;
  table.chain("postrouting", { type: "nat", hook: "postrouting", priority: PRIORITY.sourceNat });
  for (const network of natted) {
    for (const prefixOf of [network.ipv4, network.ipv6, network.delegation?.pool]) {
      if (prefixOf !== undefined && !isOfTheWorld(prefixOf)) composePrefix(table, network, prefixOf);
    }
  }
}

/** In IPv6 only a site's own addresses (RFC 4193) are translated: the world's find back by themselves. */
function isOfTheWorld(of: Prefix): boolean {
  return of.family === 6 && of.address >> 121n !== UNIQUE_LOCAL;
}

function composePrefix(table: TableWriter, network: Network, of: Prefix): void {
  const leaving = [is(addressField(of.family, "saddr"), prefixWord(of)), NOT_TO_GUEST];
  if (network.uplink !== undefined) leaving.push(is(meta("oifname"), network.uplink));
  leaving.push(isNot(addressField(of.family, "daddr"), FOR_MANY[of.family]));
  table.rule("postrouting", ...leaving, is(meta("l4proto"), anyOf("tcp", "udp")), masqueradeToPorts(FIRST_PORT, LAST_PORT));
  table.rule("postrouting", ...leaving, MASQUERADE);
}
