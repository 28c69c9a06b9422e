import type { Prefix } from "../../base/prefix.js";
import type { Network } from "../model.js";
import { addressField, NOT_TO_GUEST, prefixWord } from "./guests.js";
import { PRIORITY, type TableWriter } from "./table.js";
import { anyOf, is, isNot, MASQUERADE, masqueradeToPorts, meta, prefix } from "./words.js";

/** Ports below are for services, and some peers refuse clients that come from them. */
const FIRST_PORT = 1024;
const LAST_PORT = 65_535;

/** What is for many is not translated: its answers would not find back. */
const FOR_MANY = { 4: anyOf(prefix("224.0.0.0", 4), "255.255.255.255"), 6: prefix("ff00::", 8) } as const;

/** Guests of networks whose way out is NAT speak to the world from the host's address. Asked once a connection, not once a packet. */
export function composeMasquerade(table: TableWriter, networks: readonly Network[]): void {
  const natted = networks.filter(({ wayOut }) => wayOut === "nat");
  if (natted.length === 0) return;
  table.chain("postrouting", { type: "nat", hook: "postrouting", priority: PRIORITY.sourceNat });
  for (const network of natted) {
    // What the uplink has given us is the world's address already.
    const ipv6 = network.ipv6Source === "own" ? [network.ipv6, network.delegation?.pool] : [];
    for (const prefixOf of [network.ipv4, ...ipv6]) {
      if (prefixOf !== undefined) composePrefix(table, network, prefixOf);
    }
  }
}

function composePrefix(table: TableWriter, network: Network, of: Prefix): void {
  const leaving = [is(addressField(of.family, "saddr"), prefixWord(of)), NOT_TO_GUEST];
  if (network.uplink !== undefined) leaving.push(is(meta("oifname"), network.uplink));
  leaving.push(isNot(addressField(of.family, "daddr"), FOR_MANY[of.family]));
  table.rule("postrouting", ...leaving, is(meta("l4proto"), anyOf("tcp", "udp")), masqueradeToPorts(FIRST_PORT, LAST_PORT));
  table.rule("postrouting", ...leaving, MASQUERADE);
}
