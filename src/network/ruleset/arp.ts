import type { Network } from "../model.js";
import { FROM_GUEST, fromBridges } from "./guests.js";
import { PRIORITY, type TableWriter } from "./table.js";
import { ACCEPT, concat, count, DROP, goto, inSet, is, meta, payload } from "./words.js";

/**
 * ARP from guests: questions by those who are who they say, and probes (RFC 5227: sender 0.0.0.0). Answers teach the host
 * nothing, since it knows its guests; so no guest fills the neighbour table or takes another's place in it.
 */
export function composeArp(table: TableWriter, networks: readonly Network[]): void {
  table.counter("spoofed");
  table.set("bound", { type: ["iface_index", "ether_addr", "ipv4_addr"] });
  table.chain("input", { type: "filter", hook: "input", priority: PRIORITY.filter });
  for (const bridged of fromBridges(networks)) table.rule("input", bridged, ACCEPT);
  table.rule("input", FROM_GUEST, goto("guard"));

  const question = is(payload("arp", "operation"), "request");
  const sender = concat(meta("iif"), payload("arp", "saddr ether"), payload("arp", "saddr ip"));
  table.chain("guard");
  table.rule("guard", question, is(sender, inSet("bound")), ACCEPT);
  table.rule("guard", question, is(payload("arp", "saddr ip"), "0.0.0.0"), ACCEPT);
  table.rule("guard", count("spoofed"), DROP);
}
